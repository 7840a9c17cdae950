"""How far two numbers put the same things in one order."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata


def rank_correlation(x: ArrayLike, y: ArrayLike) -> float | None:
    """Spearman's: Pearson's correlation of the ranks, those of ties being their mean.

    None where one of the two is constant, or there are fewer than two numbers.

    >>> rank_correlation([1, 2, 3], [1, 4, 9]), rank_correlation([1, 2], [5, 5])
    (1.0, None)
    >>> round(rank_correlation([1, 2, 3], [2, 2, 1]), 6)
    -0.866025
    """
    # In float64, whatever the dtype: ranks have that of the numbers otherwise.
    ranks = (rankdata(np.asarray(values, np.float64)) for values in (x, y))
    a, b = (each - each.mean() for each in ranks)
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else None
