"""Which nodes of a quadrature are eigenvalues of known multiplicity, and their weights.

The plain quadrature gives an eigenvalue of multiplicity r the squared length of the
probe's projection on its eigenvectors, a random weight of mean r/n and relative
standard deviation sqrt(2/r). The Ritz vectors that several probes have for it are
random vectors of its eigenspace: so they span r dimensions, if there are more probes.
"""

from collections.abc import Sequence

import numpy as np

from analysis.spectra.quadrature import SKETCH, Quadrature

RESOLVED = 1e-3
"""Largest angle of a Ritz vector from its eigenspace, at a typical overlap."""

CHANCE = 1e-2
"""Bound of that with which the vectors span a dimension less than there is."""


def find_point_masses(
    found: Sequence[Quadrature], size: int, noise: float
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Weights, r/size for an eigenvalue of known multiplicity r; its nodes; bounds.

    Resolved nodes of all probes within their bounds are one eigenvalue (or several that
    none of the bounds tells apart, and that count together). Its multiplicity is the
    rank of its Ritz vectors, if that is less than their number. Where a probe does not
    resolve it, its weights remain as they are: those that do are the probes of large
    overlap. The other weights of a probe are rescaled, to those of a random start
    orthogonal to these eigenspaces. The bound of a single eigenvalue is that of Kato
    and Temple, bound^2 / gap.

    Args:
      found: one quadrature for each probe.
      size: the number of eigenvalues that the probes stand for.
      noise: difference of two nodes, relative to the largest, that is rounding.
    """
    if all(len(each.nodes) == size for each in found):
        # All eigenvalues, once each.
        weights, flags = np.full(size, 1 / size), np.full(size, True)
        bounds = [each.bounds for each in found]
        return [weights] * len(found), [flags] * len(found), bounds
    limit = noise**2
    # Copies of an eigenvalue that come of rounding alone begin with such a weight.
    kept = np.concatenate([each.weights > limit for each in found])
    values, bounds, weights, sketches = (
        np.concatenate([getattr(each, name) for each in found])[kept]
        for name in ("nodes", "bounds", "weights", "sketches")
    )
    counts = [len(each.nodes) for each in found]
    probe = np.repeat(np.arange(len(found)), counts)[kept]
    noise *= max(np.abs(values).max(initial=0), np.finfo(float).tiny)
    gaps, cluster = _gaps(values, probe, 10 * noise)
    angles = (bounds + noise) / gaps
    # A bound is inversely proportional to the overlap, which must not decide: else the
    # eigenvalues that have a large one would be chosen.
    typical = (bounds * np.sqrt(size * weights) + noise) / gaps
    fails = (typical > RESOLVED) | (angles > 30 * RESOLVED)
    resolved = np.flatnonzero(np.bincount(cluster, fails)[cluster] == 0)
    order = resolved[np.argsort(values[resolved], kind="stable")]
    within = bounds[order] + 5 * noise
    apart = np.diff(values[order]) > within[1:] + within[:-1]
    masses, closer = np.zeros(len(values)), np.ones(len(values))
    for group in np.split(order, np.flatnonzero(apart) + 1):
        if len(np.unique(probe[group])) == len(found):
            rank = _rank(sketches[group], angles[group], typical[group])
            of_probe = np.bincount(probe[group], weights[group])
            masses[group] = weights[group] / of_probe[probe[group]] * (rank / size)
            if rank == 1:
                closer[group] = angles[group]
    split = [np.zeros(len(each.nodes)) for each in found]
    errors = [each.bounds.copy() for each in found]
    for i, each in enumerate(found):
        own = each.weights > limit
        split[i][own] = masses[probe == i]
        errors[i][own] *= closer[probe == i]
    plain = [each.weights for each in found]
    pairs = list(zip(plain, split, strict=True))
    if not all(_fit(*pair) for pair in pairs):
        return plain, [mass < 0 for mass in split], [each.bounds for each in found]
    return [_reweighted(*pair) for pair in pairs], [mass > 0 for mass in split], errors


def _gaps(values, probe, width) -> tuple[np.ndarray, np.ndarray]:
    """Clusters of nodes of one probe, no farther apart than `width`, and their gaps.

    In a probe rounding brings further copies of a multiple eigenvalue beside the first.

    Args:
      values, probe: [k], ascending in each probe, and which it is.
    """
    starts = np.diff(values, prepend=-np.inf) > width
    starts |= np.diff(probe, prepend=-1) > 0
    cluster = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(values))[: len(first)] - 1
    same = np.diff(probe[first]) == 0
    between = np.where(same, values[first[1:]] - values[last[:-1]], np.inf)
    padded = np.concatenate([[np.inf], between, [np.inf]])
    return np.minimum(padded[1:], padded[:-1])[cluster], cluster


def _rank(sketches, angles, typical) -> int:
    """The dimension that unit vectors span to within their angles; 0 if it may be more.

    Args:
      sketches: [k, SKETCH], of the vectors; zeros if they are not known.
      angles: [k], of each from the exact span.
      typical: [k], the same as if all overlaps were typical ones.
    """
    count = len(sketches)
    values = np.linalg.svd(sketches, compute_uv=False)
    tolerance = 2 * np.linalg.norm(angles)
    rank = int((values > tolerance).sum())
    if not 0 < rank < count or rank > SKETCH // 2 or values[rank - 1] < 10 * tolerance:
        return 0
    chance = (2 * count * np.linalg.norm(typical)) ** (count - rank)
    return rank if chance <= CHANCE else 0


def _fit(weights, masses) -> bool:
    """Whether the masses leave what the nodes without one can have."""
    left, rest = 1 - masses.sum(), weights[masses == 0].sum()
    return left > 1e-9 if rest > 1e-9 else abs(left) <= 1e-9


def _reweighted(weights, masses) -> np.ndarray:
    rest = weights[masses == 0].sum()
    factor = (1 - masses.sum()) / rest if rest > 1e-9 else 0.0
    return np.where(masses > 0, masses, weights * factor)
