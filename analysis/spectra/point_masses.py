"""Which nodes of a quadrature are one isolated eigenvalue each, of weight exactly 1/n.

The plain quadrature gives such a node the squared overlap of the probe with the
eigenvector, a random weight of mean 1/n and relative standard deviation sqrt(2).
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import chi2

from analysis.spectra.quadrature import Quadrature


def find_point_masses(
    found: Sequence[Quadrature], size: int, noise: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights with 1/size for each isolated eigenvalue, and which nodes these are.

    A node is resolved if its error bound is a hundredth of its distance to the others.
    Resolved nodes of several probes within their bounds are one eigenvalue, which is
    isolated unless its overlaps with all probes say that it is multiple (beyond the
    99.9 % of a chi-squared distribution). The other weights of a probe are rescaled.

    Args:
      found: one quadrature for each probe.
      size: the number of eigenvalues that the probes stand for.
      noise: difference of two nodes, relative to the largest, that is rounding.
    """
    values = np.concatenate([each.nodes for each in found])
    bounds = np.concatenate([each.bounds for each in found])
    overlaps = size * np.concatenate([each.weights for each in found])
    bounds = bounds + noise * max(np.abs(values).max(), np.finfo(float).tiny)
    resolved = np.concatenate([_resolved(each) for each in found])
    isolated = np.zeros(len(values), bool)
    order = np.flatnonzero(resolved)[np.argsort(values[resolved], kind="stable")]
    # One eigenvalue as several probes see it: neighbours within their error bounds.
    apart = np.diff(values[order]) > bounds[order][1:] + bounds[order][:-1]
    for group in np.split(order, np.flatnonzero(apart) + 1):
        if len(group):
            limit = chi2.ppf(0.999, len(group))
            isolated[group] = overlaps[group].sum() <= limit
    ends = np.cumsum([len(each.nodes) for each in found])[:-1]
    flags = np.split(isolated, ends)
    pairs = zip(found, flags, strict=True)
    return [_reweighted(each.weights, flag, size) for each, flag in pairs], flags


def _resolved(found: Quadrature) -> np.ndarray:
    """Whether the bound of a node is a hundredth of its distance to the others."""
    distance = np.diff(found.nodes, prepend=-np.inf, append=np.inf)
    nearest = np.minimum(distance[1:], distance[:-1])
    return found.bounds <= 0.01 * nearest


def _reweighted(weights, isolated, size) -> np.ndarray:
    rest = weights[~isolated].sum()
    left = 1 - isolated.sum() / size
    if isolated.all() and len(isolated) == size:
        return np.full(size, 1 / size)
    if not (rest > 0 and left > 0):
        return weights
    return np.where(isolated, 1 / size, weights * (left / rest))
