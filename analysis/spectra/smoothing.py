"""A spectral density as a smooth curve, for figures."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from analysis.spectra.density import Density
from landscape.errors import InputError
from landscape.one_line import one_line


class Curve(NamedTuple):
    """Density per unit of eigenvalue; its integral is 1 less the point masses.

    Attributes:
      grid: [points], eigenvalues, even in asinh(eigenvalue / linear).
      value: [points], the mean over probes.
      spread: [points], the standard deviation over probes; zero for one probe.
      linear: below this magnitude the grid is even in the eigenvalue itself, beyond it
        in its logarithm: the linthresh of a symmetric log axis.
      point_masses: [k], isolated eigenvalues that are not part of the curve, each of
        mass 1/n.
      min_fraction, max_fraction: [points], bounds of the fraction of all eigenvalues up
        to the grid point that the quadrature allows; means over probes.
    """

    grid: np.ndarray
    value: np.ndarray
    spread: np.ndarray
    linear: float
    point_masses: np.ndarray
    min_fraction: np.ndarray
    max_fraction: np.ndarray

    __repr__ = one_line


def smoothed(
    density: Density,
    *,
    linear: float | None = None,
    width: float = 0.15,
    num_points: int = 1000,
    point_masses: ArrayLike | None = None,
) -> Curve:
    """The density smoothed by Gaussians, no finer than the quadrature resolves.

    On the axis asinh(eigenvalue / linear) the Gaussian of a node has the standard
    deviation `width`, or half the distance between the nodes before and after it, if
    that is more: the quadrature places a weight no closer
    (`estimates.fraction_bounds`). An isolated node is an eigenvalue and has `width`.
    The curve ends with the outermost nodes. At best the resolution is `width * linear`
    at zero and `width` times the eigenvalue far from it, uniform on the axis of the
    figure.

    Args:
      density: of an operator.
      linear: see `Curve`; default: the median of the magnitudes, but at least 1e-4 of
        the largest.
      width: the least standard deviation on that axis.
      num_points: of the grid.
      point_masses: isolated eigenvalues to leave out of the curve, such as the values
        of the pairs that `spectral_density` was given; default: none.

    Raises:
      InputError: a width or `linear` that is not positive, or fewer than two points.

    >>> nodes = np.array([[0.0, 1.0], [0.0, 1.0]])
    >>> parts = np.full((2, 2), 0.5), np.full((2, 2), 0.5), np.zeros((2, 2), bool)
    >>> curve = smoothed(Density(nodes, *parts, 10, 4), linear=0.1)
    >>> round(float(np.trapezoid(curve.value, curve.grid)), 2)
    1.0
    """
    point_masses = [] if point_masses is None else point_masses
    point_masses = np.sort(np.asarray(point_masses, np.float64))
    nodes, weights = density.nodes, density.weights
    largest = np.abs(nodes).max()
    if linear is None:
        linear = max(_median(np.abs(nodes), weights), 1e-4 * largest) or 1.0
    for name, value in (("width", width), ("linear", linear)):
        if not value > 0:
            raise InputError(f"{name} must be positive, not {value}.")
    if num_points < 2:
        raise InputError(f"num_points must be at least 2, not {num_points}.")
    if len(point_masses):
        distance = np.abs(nodes[..., None] - point_masses).min(-1)
        left_out = density.isolated & (distance <= 1e-5 * largest)
        weights = np.where(left_out, 0, weights)
    at = np.arcsinh(nodes / linear)
    ends = at.min(), at.max()
    if ends[1] - ends[0] < 2 * width:
        ends = ends[0] - width, ends[1] + width
    axis = np.linspace(*ends, num_points)
    # Per unit of eigenvalue: du / d eigenvalue of the axis u.
    slope = 1 / np.hypot(linear, linear * np.sinh(axis))
    known = np.asarray(density.isolated, bool)
    rows = list(zip(at, density.weights, known, strict=True))
    widths = [_widths(*row, ends, width) for row in rows]
    parts = zip(at, weights, widths, strict=True)
    curves = np.stack([_sum(axis, *part, ends) for part in parts]) * slope
    spread = curves.std(0, ddof=1) if len(curves) > 1 else np.zeros(num_points)
    bounds = np.mean([_bounds(axis, *row) for row in rows], 0).clip(0, 1)
    grid = linear * np.sinh(axis)
    return Curve(grid, curves.mean(0), spread, linear, point_masses, *bounds)


def _widths(at, weights, isolated, ends, width) -> np.ndarray:
    """The standard deviation of each node's Gaussian."""
    widths = np.full(len(at), width)
    unresolved = np.flatnonzero((weights > 0) & ~isolated)
    if len(unresolved) == 1:
        widths[unresolved] = max(width, ends[1] - ends[0])
    elif len(unresolved):
        apart = np.diff(at[unresolved])
        before, after = np.append(apart[0], apart), np.append(apart, apart[-1])
        widths[unresolved] = np.maximum(width, (before + after) / 2)
    return widths


def _sum(axis, centres, weights, widths, ends) -> np.ndarray:
    used = weights > 0
    centres, weights, widths = centres[used], weights[used], widths[used]
    kernel = np.exp(-0.5 * ((axis[:, None] - centres) / widths) ** 2)
    # Of each Gaussian the part between the ends.
    inside = np.subtract(*(ndtr((end - centres) / widths) for end in ends[::-1]))
    return kernel @ (weights / (widths * np.sqrt(2 * np.pi) * inside))


def _bounds(axis, at, weights, isolated) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev, Markov and Stieltjes, as in `estimates.fraction_bounds`."""
    known, others = isolated, (weights > 0) & ~isolated
    # What rounding puts beside an eigenvalue is at it.
    exact = np.append(0, np.cumsum(weights[known]))
    exact = exact[np.searchsorted(at[known], axis + 1e-9, "right")]
    mass = np.concatenate([[0, 0], np.cumsum(weights[others])])
    mass = np.append(mass, mass[-1])
    up_to = np.searchsorted(at[others], axis, "right")
    return exact + mass[up_to], exact + mass[np.minimum(up_to + 2, len(mass) - 1)]


def _median(values, weights) -> float:
    order = np.argsort(values, axis=None)
    mass = np.cumsum(weights.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(mass, mass[-1] / 2)])
