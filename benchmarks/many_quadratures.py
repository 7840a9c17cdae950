"""Lanczos from many probes of a diagonal operator at once, in NumPy."""

import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from scipy.linalg import eigh_tridiagonal

from analysis import spectra
from analysis.spectra.quadrature import SKETCH


def diagonal(values) -> spectra.LinearOperator:
    """The operator of a diagonal matrix."""
    values = jnp.asarray(values, float)
    return spectra.from_function(
        Partial(jnp.multiply, values), len(values), dtype=values.dtype
    )


def quadratures(op, draw, num_steps, count, locked) -> list[spectra.Quadrature]:
    """Those of `count` probes of a diagonal operator at once, in NumPy.

    `spectra.probe_quadratures` gives the same of one probe after another, in the time
    of calls alone 20 times as long: the million probes here would take hours.
    """
    values = np.asarray(op.matvec.args[0])
    eps, dtype, size = np.finfo(op.dtype).eps, op.dtype, op.size
    known = locked if locked is None else np.asarray(locked)
    steps = min(num_steps, size - (0 if known is None else len(known)))
    basis = np.zeros((count, steps, size), dtype)
    alphas, betas = np.zeros((count, steps)), np.zeros((count, steps))
    ends, scale = np.full(count, steps), np.zeros(count, dtype)

    def orthogonal(w, done):
        for _ in range(2):
            if known is not None:
                w = w - (w @ known.T) @ known
            inner = np.matmul(basis[:, :done], w[..., None])
            w = w - np.matmul(inner.swapaxes(1, 2), basis[:, :done])[:, 0]
        return w

    q = draw.normal(size=(count, size)).astype(dtype)
    q = orthogonal(q / np.linalg.norm(q, axis=1, keepdims=True), 0)
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    for j in range(steps):
        basis[:, j] = q
        w = values * q
        alphas[:, j] = alpha = (q * w).sum(1)
        w = orthogonal(w, j + 1)
        beta = np.linalg.norm(w, axis=1)
        scale = np.maximum(scale, np.maximum(np.abs(alpha), beta))
        whole = j + 1 + (0 if known is None else len(known)) >= size
        over = (beta <= 10 * eps * scale) | whole
        ends[over & (ends == steps)] = j + 1
        betas[:, j] = beta = np.where(over, 0, beta)
        q = (w / np.where(beta > 0, beta, np.inf)[:, None]).astype(dtype)
    signs = draw.choice([-1, 1], size=(SKETCH, size)).astype(dtype) / SKETCH**0.5
    sketches = np.matmul(basis, signs.T)
    found = []
    for i, end in enumerate(ends):
        off = betas[i, : end - 1]
        nodes, vectors = eigh_tridiagonal(alphas[i, :end], off)
        bounds = np.abs(betas[i, end - 1] * vectors[-1])
        sketch = vectors.T @ sketches[i, :end]
        found.append(spectra.Quadrature(nodes, vectors[0] ** 2, bounds, sketch))
    return found
