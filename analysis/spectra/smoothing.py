"""A spectral density as a smooth curve, for figures."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analysis.spectra.density import Density
from landscape.errors import InputError


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
    """

    grid: np.ndarray
    value: np.ndarray
    spread: np.ndarray
    linear: float
    point_masses: np.ndarray


def smoothed(
    density: Density,
    *,
    linear: float | None = None,
    width: float = 0.15,
    num_points: int = 1000,
    point_masses: ArrayLike | None = None,
) -> Curve:
    """The density smoothed by a Gaussian of constant width in asinh(eigenvalue/linear).

    The resolution is `width * linear` at zero and `width` times the eigenvalue far from
    it, which is uniform on the axis of the figure.

    Args:
      density: of an operator.
      linear: see `Curve`; default: the median of the magnitudes, but at least 1e-4 of
        the largest.
      width: the Gaussian's standard deviation on that axis.
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
    axis = np.linspace(at.min() - 5 * width, at.max() + 5 * width, num_points)
    # Per unit of eigenvalue: du / d eigenvalue of the axis u.
    slope = 1 / np.hypot(linear, linear * np.sinh(axis))
    rows = zip(at, weights, strict=True)
    curves = np.stack([_sum(axis, *row, width) for row in rows]) * slope
    spread = curves.std(0, ddof=1) if len(curves) > 1 else np.zeros(num_points)
    return Curve(linear * np.sinh(axis), curves.mean(0), spread, linear, point_masses)


def _sum(axis, centres, weights, width) -> np.ndarray:
    kernel = np.exp(-0.5 * ((axis[:, None] - centres) / width) ** 2)
    return kernel @ weights / (width * np.sqrt(2 * np.pi))


def _median(values, weights) -> float:
    order = np.argsort(values, axis=None)
    mass = np.cumsum(weights.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(mass, mass[-1] / 2)])
