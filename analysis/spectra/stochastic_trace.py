"""The trace of a symmetric operator from few products (XTrace)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.spectra import linear_operator
from analysis.spectra.basis import dot
from analysis.spectra.linear_operator import LinearOperator
from landscape.errors import InputError


class Trace(NamedTuple):
    """An estimate of a trace.

    Attributes:
      value: unbiased.
      error: its standard error, estimated from the spread of the test vectors.
      products: products with the operator.
    """

    value: float
    error: float
    products: int


def xtrace(op: LinearOperator, num_products: int, *, key: jax.Array) -> Trace:
    """tr A by XTrace (Epperly, Tropp and Webber 2024, section 2.1).

    Half of the products, Y = A W of random W, span a subspace in which the other half
    gives the trace exactly. Each test vector estimates the trace outside of the
    subspace of all others, so that every product serves both purposes. The error falls
    as 1 / products, or faster where few eigenvalues make up most of the trace;
    Hutchinson's falls as 1 / sqrt(products).

    Args:
      op: a symmetric operator of size n.
      num_products: at least 4; an odd last one is not used. As many vectors are kept in
        memory. The trace is exact for 2 n and more.
      key: of the test vectors.

    Raises:
      InputError: fewer than 4 products.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.arange(8.0)))
    >>> round(xtrace(op, 16, key=jax.random.key(0)).value, 3)
    28.0
    """
    linear_operator.check_operator(op)
    if num_products < 4:
        raise InputError(f"num_products must be at least 4, not {num_products}.")
    size, count = op.size, num_products // 2
    if count >= size:
        units = jnp.eye(size, dtype=op.dtype)
        rows = linear_operator.products(op, units)
        linear_operator.check_symmetric(units, rows, op.dtype)
        return Trace(float(np.trace(np.asarray(rows, np.float64))), 0.0, size)
    tests = jax.random.normal(key, (count, size), op.dtype)
    images = linear_operator.products(op, tests)
    linear_operator.check_symmetric(tests, images, op.dtype)
    basis = _range(images)
    parts = _parts(tests, images, basis, linear_operator.products(op, basis))
    samples = _leave_one_out(*(np.asarray(x, np.float64) for x in parts), size)
    error = samples.std(ddof=1) / np.sqrt(count)
    return Trace(float(samples.mean()), float(error), 2 * count)


@jax.jit
def _range(images):
    """An orthonormal basis of the rows, as rows, whatever their scale."""
    largest = jnp.max(jnp.abs(images))
    unit = images / jnp.where(largest > 0, largest, 1)
    return jnp.linalg.qr(unit.T)[0].T


@jax.jit
def _parts(tests, images, basis, products):
    inner = dot(tests, basis.T), dot(images, basis.T), dot(basis, products.T)
    return *inner, (tests * images).sum(1), (tests * tests).sum(1)


def _leave_one_out(tests, images, inside, own, squares, size) -> np.ndarray:
    """Each test vector's estimate: exact within the others' subspace, its own outside.

    With Q the basis: tests = W^T Q, images = Y^T Q, inside = Q^T A Q, own = w . A w.
    The others' subspace is Q's without one direction s, orthogonal to their images.
    """
    count = len(tests)
    left_out = _without(images)
    along = tests - (tests * left_out).sum(1, keepdims=True) * left_out
    trace = np.trace(inside) - np.einsum("ij,jk,ik->i", left_out, inside, left_out)
    quadratic = np.einsum("ij,jk,ik->i", along, inside, along)
    outside = own - 2 * (along * images).sum(1) + quadratic
    # The part outside is a random direction, whose length carries no information.
    length = squares - (along**2).sum(1)
    return trace + outside * (size - count + 1) / length


def _without(images) -> np.ndarray:
    """Unit rows s_i, orthogonal to all images but the i-th; zero if it adds nothing."""
    left, values, right = np.linalg.svd(images)
    if not values[-1] > 1e-100 * values[0]:
        # The images are dependent: each lies in the span of the others.
        return np.zeros_like(images)
    dual = (left / values) @ right
    return dual / np.linalg.norm(dual, axis=1, keepdims=True)
