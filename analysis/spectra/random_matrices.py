"""Eigenvalue laws of random matrices: reference curves to draw over a spectrum.

(1/N) X X^T with X of M rows and N columns of independent entries of variance s: with
alpha = M / N fixed and both large its spectrum is that of Marchenko and Pastur (1967).
"""

import numpy as np
from numpy.typing import ArrayLike

from landscape.errors import InputError


def marchenko_pastur_edges(alpha: float, variance: float = 1.0) -> tuple[float, float]:
    """The ends of the bulk, variance * (1 -+ sqrt(alpha))^2.

    With alpha > 1 a point mass of 1 - 1/alpha lies at zero.

    Args:
      alpha: M / N, rows (parameters) by columns (examples).
      variance: of the entries.

    >>> marchenko_pastur_edges(0.25)
    (0.25, 2.25)
    """
    for name, value in (("alpha", alpha), ("variance", variance)):
        if not value > 0:
            raise InputError(f"{name} must be positive, not {value}.")
    root = np.sqrt(alpha)
    return float(variance * (1 - root) ** 2), float(variance * (1 + root) ** 2)


def marchenko_pastur_density(
    x: ArrayLike, alpha: float, variance: float = 1.0
) -> np.ndarray:
    """The density of the bulk, sqrt((b - x)(x - a)) / (2 pi alpha variance x).

    Its integral is min(1, 1/alpha): the point mass at zero is not included.

    >>> round(float(marchenko_pastur_density(1.0, 1.0)), 4)
    0.2757
    """
    low, high = marchenko_pastur_edges(alpha, variance)
    x = np.asarray(x, np.float64)
    inside = (x > low) & (x < high)
    at = np.where(inside, x, (low + high) / 2)
    value = np.sqrt((high - at) * (at - low)) / (2 * np.pi * alpha * variance * at)
    return np.where(inside, value, 0.0)


def marchenko_pastur_cdf(
    x: ArrayLike, alpha: float, variance: float = 1.0
) -> np.ndarray:
    """The fraction of eigenvalues up to x, the point mass at zero included.

    >>> marchenko_pastur_cdf([-1.0, 0.0, 9.0], 2.0).round(6).tolist()
    [0.0, 0.5, 1.0]
    """
    low, high = marchenko_pastur_edges(alpha, variance)
    x = np.asarray(x, np.float64)
    # x = middle - half cos(t): the density's root becomes smooth, for the Gauss rule.
    middle, half = (low + high) / 2, (high - low) / 2
    end = np.arccos(np.clip((middle - x) / half, -1, 1))
    nodes, weights = np.polynomial.legendre.leggauss(200)
    t = end[..., None] * (nodes + 1) / 2
    # middle - half cos(t), without the loss of digits at small t.
    points = low + 2 * half * np.sin(t / 2) ** 2
    integrand = (half * np.sin(t)) ** 2 / np.maximum(
        2 * np.pi * alpha * variance * points, np.finfo(float).tiny
    )
    bulk = (integrand @ weights) * end / 2
    return np.where(x >= 0, max(0.0, 1 - 1 / alpha), 0.0) + bulk


def spiked_outlier(spike: ArrayLike, alpha: float) -> np.ndarray:
    """The sample eigenvalue of a population eigenvalue l: l (1 + alpha / (l - 1)).

    Baik, Ben Arous and Peche (2005): if l > 1 + sqrt(alpha); a smaller one stays in the
    bulk, and the result is the bulk's edge, (1 + sqrt(alpha))^2.

    Args:
      spike: l, the variance along one direction, that along all others being one.
      alpha: M / N.

    >>> spiked_outlier([1.0, 3.0], 1.0).tolist()
    [4.0, 4.5]
    """
    edge = marchenko_pastur_edges(alpha)[1]
    spike = np.asarray(spike, np.float64)
    seen = spike > 1 + np.sqrt(alpha)
    above = np.where(seen, spike, 2.0)
    return np.where(seen, above * (1 + alpha / (above - 1)), edge)


def largest_fluctuation(alpha: float, rows: int, variance: float = 1.0) -> float:
    """The unit of the Tracy-Widom law for the largest eigenvalue of such a matrix.

    (sqrt(N) + sqrt(M)) (1/sqrt(N) + 1/sqrt(M))^(1/3) variance / N, Johnstone (2001).

    >>> 0.01 < largest_fluctuation(1.0, 1000) < 0.04
    True
    """
    columns = rows / alpha
    sums = np.sqrt(columns) + np.sqrt(rows)
    inverse = 1 / np.sqrt(columns) + 1 / np.sqrt(rows)
    return float(variance * sums * np.cbrt(inverse) / columns)
