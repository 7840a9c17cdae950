"""The published table: LeNet-5 on MNIST at 95 % (arXiv:2010.03533)."""

from typing import NamedTuple


class Published(NamedTuple):
    """A row of it; None where it says nothing.

    Attributes:
      accuracy, deviation: of the test split, over 5 seeds, in percent.
      ensemble: accuracy of the five together, in percent.
      disagreement: fraction of the test examples, mean over pairs.
      with_pruned: the same with the pruned solution.
    """

    accuracy: float
    deviation: float | None = None
    ensemble: float | None = None
    disagreement: float | None = None
    with_pruned: float | None = None


PUBLISHED = {
    "pruned": Published(98.53),
    "lottery": Published(98.52, 0.02, 98.58, 0.0043, 0.0089),
    "scratch": Published(97.04, 0.15, 98.00, 0.0316, 0.0278),
    "scratch, new": Published(97.19, 0.33, 98.43, 0.0352, 0.0278),
    "restart": Published(98.60, 0.01, 98.63, 0.0027, 0.0077),
    "pruned, new": Published(98.30, 0.23, 99.07, 0.0214, 0.0197),
}
"""Name of a row, as in `rows.ROWS`, and its numbers."""
