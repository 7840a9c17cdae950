"""The edges of the bulk of a spectrum, and how many eigenvalues lie beyond them.

Where the spectrum has a tail without an edge there is no such number: what a fit leaves
out then is what it was told to leave out at its start.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analysis.spectra.density import Density
from analysis.spectra.random_matrices import largest_fluctuation
from landscape.errors import InputError

TRIMMED = 0.1, 0.2
"""Fraction of the spectrum at each end that the first fit of a bulk leaves out. The
count is that of the first; it exists if the second gives the same."""

NOISES = 1.0, 10.0
"""And if the same is found with the second multiple of the rounding."""

GAP = 5.0
"""Spacings between the bulk and what lies beyond it, those of as many eigenvalues at
its end; of independent values exp(-5) are as far apart."""

MIN_NODES = 10
"""Of a probe in a bulk that is wider than rounding: fewer do not show its shape."""

TRACY_WIDOM_99 = 2.023
"""99 % quantile of the Tracy-Widom law of real matrices, in its own units."""

TRACY_WIDOM_STD = 1.268
"""Its standard deviation."""


class Bulk(NamedTuple):
    """A bulk, and the number of eigenvalues beyond it.

    Attributes:
      above, below: the number of eigenvalues beyond the upper and the lower edge; None
        where there is no edge (`fits`).
      min_above, max_above: `above` with the edge moved out and in by one standard
        deviation of the largest eigenvalue of such a bulk; of a density, over its
        probes too; or None.
      edges: of the bulk, moved out by the Tracy-Widom law's 99 %; or None.
      mean, variance, third: moments of the bulk, the latter two central; where it has
        no edge, of what was left of it.
      fits: False if no gap is beyond an edge, or the number there depends on how the
        fit is begun: the spectrum has a tail without such an edge.
    """

    above: int | None
    below: int | None
    min_above: int | None
    max_above: int | None
    edges: tuple[float, float] | None
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
    eigenvalue is added. A bulk with an edge is found from the middle 60 % as well, and
    with ten times the rounding; of a tail without an edge each fit leaves out another
    part, and then there is no count. Of a density two thirds of the probes must show
    the edge too, and one of them by `MIN_NODES` nodes within it.

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
    found = _fit(nodes.ravel(), weights.ravel() / len(nodes), size, noise)
    each = [_fit(*row, size, noise) for row in zip(nodes, weights, strict=True)]
    # One probe's weights are too random for its gap.
    fitting = [bulk for bulk, _ in each if bulk.fits]
    found, apart = found
    # Where all eigenvalues are nodes the few there are say all.
    whole = nodes.shape[1] >= size
    shown = whole or _is_shown(spectrum, found.edges, noise)
    if not (found.fits and apart and shown) or 3 * len(fitting) < 2 * len(each):
        counts = ("above", "below", "min_above", "max_above", "edges")
        return found._replace(fits=False, **dict.fromkeys(counts))
    low = min(bulk.min_above for bulk in (found, *fitting))
    high = max(bulk.max_above for bulk in (found, *fitting))
    return found._replace(min_above=low, max_above=high)


def _is_shown(density: Density, edges, noise) -> bool:
    """Whether the nodes of some probe within the edges show more than their mean."""
    nodes = density.nodes
    inside = (nodes >= edges[0]) & (nodes <= edges[1]) & (density.weights > 0)
    width = np.ptp(nodes[inside]) if inside.any() else 0.0
    if density.bounds is not None:
        # A node that is no eigenvalue stands for those around it.
        width += density.bounds.max(where=inside, initial=0)
    rounding = NOISES[-1] * noise * np.abs(nodes).max()
    return bool(width <= rounding or inside.sum(1).max() >= MIN_NODES)


def _fit(nodes, weights, size, noise) -> tuple[Bulk, bool]:
    """The first fit, which fits if the others find the same; whether it has a gap."""
    (found, apart), *others = (
        _grow(nodes, weights, size, trimmed, multiple * noise)
        for trimmed in TRIMMED
        for multiple in NOISES
    )
    same = all(_agree(found, other) for other, _ in others)
    return found._replace(fits=same and _grown(found, size)), apart


def _grown(bulk: Bulk, size: int) -> bool:
    """Whether the fit has left its initial middle part, at both ends."""
    beyond = max(bulk.above, bulk.below)
    return bool(beyond == 0 or beyond < np.floor(0.95 * TRIMMED[0] * size))


def _agree(one: Bulk, other: Bulk) -> bool:
    """Whether two fits count the same, within the fluctuation of their edges."""
    overlap = one.min_above <= other.max_above and other.min_above <= one.max_above
    return overlap and one.below == other.below


def _grow(nodes, weights, size, trimmed, noise) -> tuple[Bulk, bool]:
    """The bulk grown from its middle; `weights` of sum one."""
    order = np.argsort(nodes)
    up_to = np.empty(len(nodes))
    up_to[order] = np.cumsum(weights[order])
    # Outliers in the first fit would move its edges out beyond themselves.
    inside = (up_to >= trimmed) & (up_to - weights <= 1 - trimmed)
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
    bulk = Bulk(
        above=above,
        below=below,
        min_above=min(low_count, above),
        max_above=max(high_count, above),
        edges=edges,
        mean=float(mean),
        variance=float(variance * scale**2),
        third=float(third * scale**3),
        fits=True,
    )
    return bulk, _apart(nodes, size * weights, inside)


def _apart(nodes, counts, inside) -> bool:
    """Whether a gap is between the bulk and what is beyond it, at both ends."""
    for sign in (1, -1):
        end = (sign * nodes[inside & (counts > 0)]).max()
        beyond = _reached(sign * nodes, counts * ~inside * (sign * nodes > end), 0.5)
        within = _reached(-sign * nodes, counts * inside, GAP + 1)
        if beyond is not None and within is not None and beyond - end < end + within:
            return False
    return True


def _reached(values, counts, total) -> float | None:
    """The smallest value up to which the counts sum to `total`; None: to less."""
    order = np.argsort(values)
    at = np.searchsorted(np.cumsum(counts[order]), total - 1e-9)
    return float(values[order][at]) if at < len(values) else None


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
