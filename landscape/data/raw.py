"""What a reader of a data set returns: the examples as stored, not normalised."""

from typing import NamedTuple

import numpy as np

from landscape.config import TrainConfig
from landscape.one_line import one_line
from landscape.registries import methods


class Raw(NamedTuple):
    """A data set with its own training and test split.

    Attributes:
      train: inputs [N, H, W, C] or [N, D], and labels [N], integers.
      test: the same of the test split.
      num_classes: labels are 0 to num_classes - 1.
      highest: the value of a fully lit pixel; None for inputs without a range.
      inputs_crc32: of all inputs, where they are the same on every machine; else None.
    """

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    num_classes: int
    highest: float | None
    inputs_crc32: int | None = None

    __repr__ = one_line


def read(config: TrainConfig) -> Raw:
    """What the reader of the settings' data set returns."""
    row = methods.data_row(config.dataset)
    return methods.resolve(row.read)(*settings_of(config))


def settings_of(config: TrainConfig) -> tuple:
    """The arguments of the reader of a data set."""
    row = methods.data_row(config.dataset)
    return tuple(getattr(config, name) for name in row.settings)
