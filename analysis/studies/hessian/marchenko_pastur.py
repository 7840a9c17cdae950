"""Random matrices for comparison: logistic regression on Gaussian clusters.

Paper 3, figure 9 and appendix B. At weights of zero every example weighs 1/4 in the
Hessian X^T X / 4N. One cluster at the origin: Marchenko and Pastur's law. Two at mu and
-mu: their second moments have one eigenvalue 1 + |mu|^2 among ones, and the Hessian an
outlier where the spiked model says.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis import curvature, spectra
from analysis.spectra import marchenko_pastur_cdf, spiked_outlier

ONE, TWO = (0.2, 1.0), (1.0, 2.0, 0.02)
"""Numbers of parameters over examples, with one cluster and with two."""

WEIGHT = 0.25


def measure(examples: int) -> dict[str, list[dict[str, Any]]]:
    """ "one" and "two" clusters -> for each alpha its eigenvalues, descending.

    With one cluster also `distance`, Kolmogorov and Smirnov's, of their distribution
    from the law; with two `expected`, the predicted outlier.
    """
    one, two = [], []
    for i, alpha in enumerate(ONE):
        values, _ = _eigenvalues(examples, alpha, False, i)
        one.append({"alpha": alpha, "values": values.tolist(),
                    "distance": distance(values, alpha)})  # fmt: skip
    for i, alpha in enumerate(TWO):
        values, spike = _eigenvalues(examples, alpha, True, len(ONE) + i)
        expected = WEIGHT * float(spiked_outlier(spike, alpha))
        two.append({"alpha": alpha, "values": values.tolist(), "expected": expected})
    return {"one": one, "two": two}


def distance(values: np.ndarray, alpha: float) -> float:
    """The largest difference of the distribution of `values` from the law's.

    >>> distance(np.zeros(4), 1.0)
    1.0
    """
    # Rounding leaves the zeros of a singular matrix on both sides of zero.
    rising = np.sort(np.where(np.abs(values) < 1e-12 * values.max(), 0.0, values))
    law = marchenko_pastur_cdf(rising, alpha, WEIGHT)
    after = np.searchsorted(rising, rising, "right") / len(rising)
    before = np.searchsorted(rising, rising, "left") / len(rising)
    below = marchenko_pastur_cdf(np.nextafter(rising, -1), alpha, WEIGHT)
    return float(max(np.abs(after - law).max(), np.abs(before - below).max()))


def _eigenvalues(
    examples: int, alpha: float, two: bool, seed: int
) -> tuple[np.ndarray, float]:
    """Of the Hessian at zero, and the largest second moment of the clusters."""
    draw = np.random.default_rng(seed)
    size = round(alpha * examples)
    sign = 1 - 2 * (np.arange(examples) % 2)
    centre = draw.normal(size=size) if two else np.zeros(size)
    inputs = sign[:, None] * centre + draw.normal(size=(examples, size))
    with jax.enable_x64(True):
        batch = {"inputs": jnp.asarray(inputs), "sign": jnp.asarray(sign)}
        op = curvature.hessian(logistic, jnp.zeros(size), batch)
        values = spectra.eigenvalues(op)[::-1]
    return values, 1 + float(centre @ centre)


def logistic(weights: jax.Array, batch: dict[str, jax.Array]) -> jax.Array:
    """The mean of log(1 + exp(-sign * inputs . weights)).

    >>> batch = {"inputs": jnp.ones((2, 3)), "sign": jnp.array([1, -1])}
    >>> round(float(logistic(jnp.zeros(3), batch)), 4)
    0.6931
    """
    margins = batch["sign"] * (batch["inputs"] @ weights)
    return jnp.mean(jax.nn.softplus(-margins))
