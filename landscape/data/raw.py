"""What a reader of a data set returns: the examples as stored, not normalised."""

from typing import NamedTuple

import numpy as np

from landscape.one_line import one_line


class Raw(NamedTuple):
    """A data set with its own training and test split.

    Attributes:
      train: inputs [N, H, W, C] uint8 or [N, D] float, and labels [N] int32.
      test: the same of the test split.
      num_classes: labels are 0 to num_classes - 1.
      highest: the value of a fully lit pixel; None for inputs without a range.
    """

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    num_classes: int
    highest: float | None

    __repr__ = one_line
