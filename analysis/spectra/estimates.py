"""Means of functions of the eigenvalues out of a density, with their errors."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from analysis.spectra.density import Density
from landscape.one_line import one_line


class Estimate(NamedTuple):
    """A mean over probes.

    Attributes:
      value: the mean.
      error: half of the width of an interval: value +- 2 error holds the exact mean
        for at least 90 % of the keys (benchmarks/coverage.py), rounding aside. It is
        0 where all that enters is known.
      samples: [probes], each probe's own.
    """

    value: float
    error: float
    samples: np.ndarray

    __repr__ = one_line


def expectation(density: Density, function: Callable) -> Estimate:
    """The mean of `function(eigenvalue)` over the eigenvalues.

    z^T f(A) z of a z uniform on the sphere has the variance 2/(n + 2) times that of
    f over the eigenvalues, which the density gives: so one probe has an error too.
    Only the eigenvalues whose multiplicity is not known enter it. It is multiplied by
    1 + skewness^2 / 8, as few eigenvalues that make up most of the mean have a
    chi-squared law, and is at least the standard error of the samples.

    >>> nodes, weights = np.array([[0.0, 2.0], [0.0, 4.0]]), np.full((2, 2), 0.5)
    >>> density = Density(nodes, weights, weights, weights < 0, 10, 4)
    >>> expectation(density, np.square).value
    5.0
    """
    values = np.asarray(function(density.nodes), np.float64)
    samples = (density.weights * values).sum(1)
    error = _error(density, values, samples)
    if density.bounds is not None:
        # What the isolated eigenvalues themselves may be off.
        off = np.where(density.isolated, density.bounds, 0)
        low, high = (
            np.asarray(function(density.nodes + x), float) for x in (-off, off)
        )
        error += (density.weights * np.abs(high - low)).sum(1).mean() / 2
    return Estimate(float(samples.mean()), float(error), samples)


def _error(density: Density, values: np.ndarray, samples: np.ndarray) -> float:
    count = len(samples)
    unknown = np.where(density.isolated, 0, density.weights)
    share = unknown.sum() / count
    scale = np.abs(values).max(where=unknown > 0, initial=0)
    if not scale > 0:
        return 0.0
    mass, size = unknown / unknown.sum(), share * density.size
    centred = (values - (mass * values).sum()) / scale
    square, cube = ((mass * centred**power).sum() for power in (2, 3))
    if not square > 0:
        return 0.0
    deviation = share * scale * np.sqrt(2 / (size + 2) * square / count)
    # That of n eigenvalues is at most sqrt(n), and ten times that where a probe shows a
    # hundredth of one; that of weights of rounding has no limit.
    limit = 10 * np.sqrt(size)
    asymmetry = np.clip(cube / square**1.5, -limit, limit)
    skewness = np.sqrt(8 * (size + 2) / count) / (size + 4) * asymmetry
    spread = samples.std(ddof=1) / np.sqrt(count) if count > 1 else 0.0
    return max(deviation * (1 + skewness**2 / 8), spread)


def moment(density: Density, order: int) -> Estimate:
    """(1/n) tr A^order, the mean of eigenvalue^order.

    >>> nodes, weights = np.array([[0.0, 2.0], [0.0, 4.0]]), np.full((2, 2), 0.5)
    >>> density = Density(nodes, weights, weights, weights < 0, 10, 4)
    >>> moment(density, 1).value
    1.5
    """
    return expectation(density, lambda nodes: nodes**order)


def trace(density: Density) -> Estimate:
    """The sum of all eigenvalues; `xtrace` needs fewer products for the same error.

    >>> nodes, weights = np.array([[0.0, 2.0], [0.0, 4.0]]), np.full((2, 2), 0.5)
    >>> trace(Density(nodes, weights, weights, weights < 0, 10, 4)).value
    15.0
    """
    return Estimate(*(density.size * x for x in moment(density, 1)))


def fraction_below(density: Density, tol: float) -> Estimate:
    """The fraction of eigenvalues of magnitude at most `tol`.

    A node stands for the mass around it: the error includes `fraction_bounds`.

    >>> nodes, weights = np.array([[0.0, 2.0], [0.0, 4.0]]), np.full((2, 2), 0.5)
    >>> density = Density(nodes, weights, weights, weights < 0, 10, 4, 0 * nodes)
    >>> fraction_below(density, 0.1).value
    0.5
    """
    found = expectation(density, lambda nodes: np.abs(nodes) <= tol)
    low, high = fraction_bounds(density, tol)
    unresolved = max(found.value - low, high - found.value, 0) / 2
    return found._replace(error=found.error + unresolved)


def fraction_bounds(density: Density, tol: float) -> tuple[float, float]:
    """The smallest and largest `fraction_below` that the quadrature allows.

    Of each probe's measure, the mass below a node is at least the sum of the weights
    before it, and at most that sum with its own (Chebyshev, Markov and Stieltjes; Szego
    1975, section 3.41). So the outermost nodes within `tol` may stand for mass beyond
    it, and the next ones outside for mass within. A node farther from `tol` than its
    error bound has no more than (bound / distance)^2 of its mass on the other side,
    which is used where it says more. Means over probes; the error of a mean over probes
    (`expectation`) is beside these.

    >>> nodes, weights = np.array([[-1.0, -0.1, 0.0, 0.1, 1.0]]), np.full((1, 5), 0.2)
    >>> density = Density(nodes, weights, weights, weights < 0, 10, 5)
    >>> [round(bound, 6) for bound in fraction_bounds(density, 0.5)]
    [0.2, 1.0]
    """
    bounds = np.inf if density.bounds is None else density.bounds
    rows = density.nodes, density.weights, density.isolated, bounds
    rows = zip(*np.broadcast_arrays(*rows), strict=True)
    low, high = np.mean([_bounds(*row, tol) for row in rows], axis=0)
    return float(low), float(min(high, 1.0))


def _bounds(nodes, weights, isolated, bounds, tol) -> tuple[float, float]:
    """`fraction_bounds` of one probe."""
    inside = np.abs(nodes) <= tol
    distance = np.abs(np.abs(nodes) - tol)
    certain = weights[isolated & inside & (distance >= bounds)].sum()
    possible = weights[isolated & (inside | (distance <= bounds))].sum()
    used = (weights > 0) & ~isolated  # Weights of 0 fill up a row.
    nodes, weights = nodes[used], weights[used]
    first, last = np.searchsorted(nodes, -tol), np.searchsorted(nodes, tol, "right")
    low = weights[first + 1 : max(last - 1, 0)].sum()
    high = weights[max(first - 1, 0) : last + 1].sum()
    # Lengths: of the start's component within, and of what nodes have beyond tol.
    length = np.sqrt(weights[first:last].sum())
    over = np.minimum(bounds[used] / np.maximum(distance[used], 1e-300), 1)
    beyond = np.sqrt(weights) @ over
    low, high = (
        max(low, max(length - beyond, 0) ** 2),
        min(high, (length + beyond) ** 2),
    )
    return certain + low, possible + high
