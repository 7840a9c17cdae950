"""How many eigenvalues are outliers of the bulk: three ways to count.

Those of Sagun et al. (2017, appendix A), which does not define them; their definitions
here are in the docstrings. They look at the large end alone, and give a count for every
list. `bulk.beyond_bulk` fits a model of the bulk: it may count none, and says where
there is no bulk to count from.
"""

import numpy as np
from numpy.typing import ArrayLike

from landscape.errors import InputError


def largest_gap(
    eigenvalues: ArrayLike, ranks: tuple[int, int] | None = None
) -> tuple[int, float]:
    """The count r with the largest difference l_r - l_(r+1), and the middle of the gap.

    Args:
      eigenvalues: the large end, or all.
      ranks: the smallest and largest count to consider; default: all.

    Raises:
      InputError: fewer than two eigenvalues, or no count within `ranks`.

    >>> largest_gap([5.0, 4.0, 1.0, 0.9])
    (2, 2.5)
    """
    values, ranks = _descending(eigenvalues, ranks)
    return _cut(values, ranks[np.argmax(values[ranks - 1] - values[ranks])])


def largest_ratio(
    eigenvalues: ArrayLike, ranks: tuple[int, int] | None = None, floor: float = 1e-6
) -> tuple[int, float]:
    """The count r with the largest quotient l_r / l_(r+1), and the middle of that gap.

    Args:
      eigenvalues, ranks: as in `largest_gap`.
      floor: fraction of the largest below which eigenvalues count as equal, since
        their quotients are noise.

    Raises:
      InputError: as in `largest_gap`, or no eigenvalue is positive.

    >>> largest_ratio([8.0, 7.0, 1.0, 0.9])
    (2, 4.0)
    """
    values, ranks = _descending(eigenvalues, ranks)
    kept = np.maximum(values, floor * values[0])
    if not values[0] > 0:
        raise InputError("quotients need a positive eigenvalue.")
    return _cut(values, ranks[np.argmax(kept[ranks - 1] / kept[ranks])])


def elbow(
    eigenvalues: ArrayLike, ranks: tuple[int, int] | None = None
) -> tuple[int, float]:
    """The count before the elbow of the scree plot, and the middle of the gap there.

    The elbow is the point (rank, eigenvalue) farthest below the chord from the first
    point to the last, both axes scaled to one (Satopaa et al. 2011). It depends on how
    many eigenvalues are given; the paper reads its thresholds from the plot.

    >>> elbow([5.0, 4.8, 4.6, 0.3, 0.2, 0.1])[0]
    3
    """
    values, ranks = _descending(eigenvalues, ranks)
    line = np.linspace(values[0], values[-1], len(values))
    return _cut(values, ranks[np.argmax((line - values)[ranks])])


def _descending(eigenvalues, ranks) -> tuple[np.ndarray, np.ndarray]:
    values = np.sort(np.ravel(np.asarray(eigenvalues, np.float64)))[::-1]
    if len(values) < 2:
        raise InputError(f"counting needs at least 2 eigenvalues, not {len(values)}.")
    low, high = (1, len(values) - 1) if ranks is None else ranks
    allowed = np.arange(max(low, 1), min(high, len(values) - 1) + 1)
    if not len(allowed):
        raise InputError(
            f"ranks from {low} to {high} hold no count of {len(values)} eigenvalues."
        )
    return values, allowed


def _cut(values, count) -> tuple[int, float]:
    return int(count), float((values[count - 1] + values[count]) / 2)
