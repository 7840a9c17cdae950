"""The density below which a sparse network is faster than a dense one."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from analysis.inference.products import Pruned, sparse_kernels


def thinned(density: float) -> Pruned:
    """Kernels of any density in CSR: entries at even distances, in the place of ours.

    The number of kept entries and the shape alone decide on the time of a product; the
    values are those of the kernel, or one where that is zero.

    >>> thinned(0.5)(np.zeros((2, 4))).nnz
    4
    """

    def pruned(kernel):
        kept = np.zeros(kernel.size, bool)
        count = max(1, round(density * kernel.size))
        kept[np.linspace(0, kernel.size - 1, count).round().astype(int)] = True
        values = np.where(kernel, kernel, np.ones((), kernel.dtype))
        return sparse_kernels(np.where(kept.reshape(kernel.shape), values, 0))

    return pruned


def break_even(points: Sequence[tuple[float, float]], seconds: float) -> float:
    """The density at which the times reach `seconds`, on lines in the logarithms.

    0 if they are above it at the smallest density, 1 if they are below at the largest.

    Args:
      points: densities, rising, and times, of which the first that is above counts.
      seconds: of the dense network.

    >>> break_even([(0.01, 1.0), (0.1, 10.0)], 3.0)
    0.03
    >>> break_even([(0.01, 1.0), (0.1, 10.0)], 0.5)
    0.0
    """
    if points[0][1] >= seconds:
        return 0.0
    for (x0, t0), (x1, t1) in itertools.pairwise(points):
        if t1 >= seconds:
            part = math.log(seconds / t0) / math.log(t1 / t0)
            return round(math.exp(math.log(x0) + part * math.log(x1 / x0)), 4)
    return 1.0
