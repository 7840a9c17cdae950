"""How many eigenvalues are outliers of the bulk: four ways to count.

The first three are those of Sagun et al. (2017, appendix A), which does not define
them; their definitions here are in the docstrings. They look at the large end alone,
and give a count for every list. `beyond_bulk` fits a model of the bulk, may count none,
and gives bounds of the count.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analysis.spectra.density import Density
from analysis.spectra.random_matrices import largest_fluctuation
from landscape.errors import InputError

TRIMMED = 0.1
"""Fraction of the spectrum at each end that the first fit of a bulk leaves out."""

TRACY_WIDOM_99 = 2.023
"""99 % quantile of the Tracy-Widom law of real matrices, in its own units."""

TRACY_WIDOM_STD = 1.268
"""Its standard deviation."""


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


class Bulk(NamedTuple):
    """A bulk, and the number of eigenvalues beyond it.

    Attributes:
      above, below: the number of eigenvalues beyond the upper and the lower edge.
      min_above, max_above: `above` with the edge moved out and in by one standard
        deviation of the largest eigenvalue of such a bulk; of a density, over its
        probes too.
      edges: of the bulk, moved out by the Tracy-Widom law's 99 %.
      mean, variance, third: moments of the bulk, the latter two central.
      fits: False if the bulk did not grow beyond the initial middle part: the spectrum
        has a heavy tail without such an edge, and the counts mean little.
    """

    above: int
    below: int
    min_above: int
    max_above: int
    edges: tuple[float, float]
    mean: float
    variance: float
    third: float
    fits: bool


def beyond_bulk(spectrum: Density | ArrayLike, noise: float = 1e-9) -> Bulk:
    """Eigenvalues beyond the edges of the bulk's free Poisson law.

    A Marchenko-Pastur law, shifted, is fixed by its mean m, variance v and third
    central moment t: its edges are m + t/v -+ 2 sqrt(v). Special cases are
    Marchenko-Pastur (no shift), for a covariance, and Wigner's semicircle (t = 0), for
    symmetric noise. It is fitted to the middle 80 % of the eigenvalues, then repeatedly
    to those within its edges, moved out by the Tracy-Widom law's 99 %, until no
    eigenvalue is added.

    Args:
      spectrum: all eigenvalues, or a density, preferably one that was given the largest
        eigenpairs (`spectral_density(pairs=...)`), which then are nodes of weight 1/n.
      noise: rounding of the eigenvalues, over the largest: the width of a bulk that is
        zero except for rounding. About 2e-6 for products in single precision.

    Raises:
      InputError: fewer than three eigenvalues.

    >>> noise = np.cos(np.linspace(0, np.pi, 100))
    >>> bulk = beyond_bulk(np.append(noise, [9.0, 5.0]))
    >>> bulk.above, bulk.below, bulk.fits
    (2, 0, True)
    """
    if isinstance(spectrum, Density):
        size, nodes, weights = spectrum.size, spectrum.nodes, spectrum.weights
    else:
        nodes = np.reshape(np.asarray(spectrum, np.float64), (1, -1))
        size = nodes.size
        weights = np.full(nodes.shape, 1 / size)
    if size < 3:
        raise InputError(f"a bulk needs at least 3 eigenvalues, not {size}.")
    found = _fitted(nodes.ravel(), weights.ravel() / len(nodes), size, noise)
    each = [_fitted(*row, size, noise) for row in zip(nodes, weights, strict=True)]
    low = min(bulk.min_above for bulk in (found, *each))
    high = max(bulk.max_above for bulk in (found, *each))
    return found._replace(min_above=low, max_above=high)


def _fitted(nodes, weights, size, noise) -> Bulk:
    """The bulk grown from its middle; `weights` of sum one."""
    order = np.argsort(nodes)
    up_to = np.empty(len(nodes))
    up_to[order] = np.cumsum(weights[order])
    # Outliers in the first fit would move its edges out beyond themselves.
    inside = (up_to >= TRIMMED) & (up_to - weights <= 1 - TRIMMED)
    while True:
        mass = np.where(inside, weights, 0)
        mass /= mass.sum()
        mean = mass @ nodes
        centred = nodes - mean
        # Moments of scaled values: those of small losses must not underflow.
        scale = np.abs(centred[inside]).max() or 1.0
        variance, third = (mass @ (centred / scale) ** p for p in (2, 3))
        low, high, unit = (scale * x for x in _edges(variance, third, size))
        # Equal eigenvalues have the width of rounding alone.
        margin = TRACY_WIDOM_99 * unit + noise * np.abs(nodes).max()
        edges = float(mean + low - margin), float(mean + high + margin)
        new = ~inside & (nodes >= edges[0]) & (nodes <= edges[1])
        if not new.any():
            break
        inside |= new
    below, above, high_count, low_count = (
        round(size * weights[beyond].sum())
        for beyond in (
            ~inside & (nodes < mean),
            ~inside & (nodes > mean),
            nodes > edges[1] - TRACY_WIDOM_STD * unit,
            nodes > edges[1] + TRACY_WIDOM_STD * unit,
        )
    )
    return Bulk(
        above=above,
        below=below,
        min_above=min(low_count, above),
        max_above=max(high_count, above),
        edges=edges,
        mean=float(mean),
        variance=float(variance * scale**2),
        third=float(third * scale**3),
        fits=bool(max(above, below) < np.floor(0.95 * TRIMMED * size)),
    )


def _edges(variance, third, size) -> tuple[float, float, float]:
    """Of the free Poisson law of mean 0; and the unit of their fluctuations."""
    if not variance > 0:
        return 0.0, 0.0, 0.0
    skew = third / variance
    half = np.sqrt(variance)
    # As a Marchenko-Pastur law: alpha = skew^2 / variance, and 0 is the semicircle.
    alpha = max(skew**2 / variance, 1e-8)
    unit = largest_fluctuation(alpha, size, half / np.sqrt(alpha))
    low, high = skew - 2 * half, skew + 2 * half
    # With alpha > 1 a part of the mass is an atom at that law's zero.
    if alpha > 1:
        atom = -variance / skew
        low, high = min(low, atom), max(high, atom)
    return low, high, unit


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
