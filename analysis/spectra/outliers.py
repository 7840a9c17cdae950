"""How many eigenvalues stand out of the bulk: four ways to count.

The first three are those of Sagun et al. (2017, appendix A), which name them in words
only; what is meant here is said below. They look at the large end alone, and each finds
an answer in any list whatever. `beyond_bulk` has a model of the bulk, may find nothing,
and says how sure it is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analysis.spectra.density import Density
from analysis.spectra.random_matrices import largest_fluctuation
from landscape.errors import InputError

TRIMMED = 0.1
"""Share of each end of the spectrum that the first fit of a bulk leaves out."""

TRACY_WIDOM_99 = 2.023
"""99 % of the law of the largest eigenvalue of a real matrix, in its own units."""

TRACY_WIDOM_DEVIATION = 1.268
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
      floor: only eigenvalues above this fraction of the largest are compared: below
        it their quotients are noise.

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
    many eigenvalues are given; the paper read its thresholds off the plot.

    >>> elbow([5.0, 4.8, 4.6, 0.3, 0.2, 0.1])[0]
    3
    """
    values, ranks = _descending(eigenvalues, ranks)
    line = np.linspace(values[0], values[-1], len(values))
    return _cut(values, ranks[np.argmax((line - values)[ranks])])


class Bulk(NamedTuple):
    """A bulk, and what lies beyond it.

    Attributes:
      above, below: the number of eigenvalues beyond the two edges.
      fewest, most: `above` with the edge moved out and in by one standard deviation of
        the largest eigenvalue of such a bulk; of a density, over its probes too.
      edges: of the bulk, moved out by what 99 % of such bulks stay within.
      mean, variance, third: moments of the bulk, the latter two central.
      fits: False if the bulk never grew beyond the middle it was started from: the
        spectrum has a heavy tail and no such edge, and the counts mean little.
    """

    above: int
    below: int
    fewest: int
    most: int
    edges: tuple[float, float]
    mean: float
    variance: float
    third: float
    fits: bool


def beyond_bulk(spectrum: Density | ArrayLike, noise: float = 1e-9) -> Bulk:
    """Eigenvalues beyond the edges of the bulk's free Poisson law.

    A Marchenko-Pastur law, shifted, is fixed by its mean m, variance v and third
    central moment t: its edges are m + t/v -+ 2 sqrt(v). It holds Marchenko-Pastur
    (no shift), for a covariance, and Wigner's semicircle (t = 0), for a symmetric
    noise. It is fitted to the middle 80 % of the eigenvalues, then to those within its
    edges, moved out by the Tracy-Widom law's 99 %, and so on until none comes in.

    Args:
      spectrum: all eigenvalues, or a density, best one that was given the large ones
        (`spectral_density(pairs=...)`): each then has its place and weight.
      noise: rounding of the eigenvalues, over the largest: a bulk that is zero but for
        it has this width. About 2e-6 for products in single precision.

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
    fewest = min(one.fewest for one in (found, *each))
    return found._replace(fewest=fewest, most=max(one.most for one in (found, *each)))


def _fitted(nodes, weights, size, noise) -> Bulk:
    """The bulk grown from its middle; `weights` of sum one."""
    order = np.argsort(nodes)
    up_to = np.empty(len(nodes))
    up_to[order] = np.cumsum(weights[order])
    # Outliers must not be part of the first fit: they would hide one another.
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
        # Equal eigenvalues have no width but that of rounding.
        margin = TRACY_WIDOM_99 * unit + noise * np.abs(nodes).max()
        edges = float(mean + low - margin), float(mean + high + margin)
        new = ~inside & (nodes >= edges[0]) & (nodes <= edges[1])
        if not new.any():
            break
        inside |= new
    below, above, most, fewest = (
        round(size * weights[beyond].sum())
        for beyond in (
            ~inside & (nodes < mean),
            ~inside & (nodes > mean),
            nodes > edges[1] - TRACY_WIDOM_DEVIATION * unit,
            nodes > edges[1] + TRACY_WIDOM_DEVIATION * unit,
        )
    )
    moments = mean, variance * scale**2, third * scale**3
    fits = max(above, below) < np.floor(0.95 * TRIMMED * size)
    fewest, most = min(fewest, above), max(most, above)
    return Bulk(above, below, fewest, most, edges, *map(float, moments), bool(fits))


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
    # Beyond alpha = 1 a part of the mass sits where that law has its zero.
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
