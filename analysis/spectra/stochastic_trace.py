"""The trace of a symmetric operator from few products (XTrace)."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.spectra import linear_operator, storage
from analysis.spectra.basis import dot
from analysis.spectra.linear_operator import LinearOperator
from landscape.arrays import check_integer, check_key
from landscape.errors import InputError, RunFailure

BASIS_SHARED = 1.2
"""Test vectors also share the basis that they span, which makes the mean vary more than
their own variances say: by up to this factor, of all spectra in benchmarks/coverage.py.
"""


class Trace(NamedTuple):
    """An estimate of a trace.

    Attributes:
      value: unbiased.
      error: half of the width of an interval: value +- 2 error holds the trace for at
        least 90 % of the keys (benchmarks/coverage.py). Rounding is part of it.
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

    The variance of each estimate is known up to the size of what the others leave of
    the operator, which its product with the test vector measures. Estimates that
    measure the same part count as one, and few measured dimensions make the interval
    wider; the spread of the estimates would say less (Student's quantile with few
    products, and too small where they depend on each other).

    Args:
      op: a symmetric operator of size n.
      num_products: at least 4; an odd last one is not used. Two and a half times as
        many vectors are kept in memory. The trace is exact for 2 n and more.
      key: of the test vectors.

    Raises:
      InputError: fewer than 4 products, or no key.
      RunFailure: a product is not finite.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.arange(8.0)))
    >>> round(xtrace(op, 16, key=jax.random.key(0)).value, 3)
    28.0
    """
    linear_operator.check_operator(op)
    check_key(key)
    check_integer(num_products, "num_products")
    if num_products < 4:
        raise InputError(f"num_products must be at least 4, not {num_products}.")
    size, count = op.size, num_products // 2
    eps = float(jnp.finfo(op.dtype).eps)
    if count >= size:
        units = storage.placed(op, jnp.eye(size, dtype=op.dtype))
        rows = storage.taken(op, _finite(op, units))
        linear_operator.check_inner(rows, op.dtype)
        rows, scale = (np.asarray(x, np.float64) for x in _scaled(rows))
        rounding = eps * np.linalg.norm(rows, axis=1).sum()
        return Trace(*(float(scale * x) for x in (np.trace(rows), rounding)), size)
    tests = storage.normal(op, key, count)
    images, scale = _scaled(_finite(op, tests))
    linear_operator.check_inner(_inner(tests, images), op.dtype)
    basis = storage.orthonormal(op, images)
    products = _over(_finite(op, basis), scale)
    host = partial(jax.tree.map, lambda x: np.asarray(x, np.float64))
    each = _leave_one_out(*host(_parts(tests, images, basis, products)), size)
    given = (jnp.asarray(x, op.dtype) for x in each.directions)
    rests = host(_rests(tests, images, basis, products, *given))
    found = _mean(each, *rests, size, eps)
    return Trace(*(float(scale * x) for x in found), 2 * count)


def _finite(op, rows) -> jax.Array:
    """The products with the rows."""
    found = storage.products(op, rows)
    if not bool(_all_finite(found)):
        raise RunFailure(
            "a product of the operator with a finite vector is not finite: the loss or"
            " its curvature overflows at these parameters."
        )
    return found


# Compiled as a whole: operations one by one are a program each.
@jax.jit
def _all_finite(rows):
    return jnp.isfinite(rows).all()


@jax.jit
def _over(rows, scale):
    return rows / jnp.where(scale > 0, scale, 1)


@jax.jit
def _scaled(rows):
    """Rows whose squares neither overflow nor underflow, and what they are times."""
    largest = jnp.max(jnp.abs(rows))
    return _over(rows, largest), largest


@jax.jit
def _inner(tests, images):
    return dot(tests, images.T)


@jax.jit
def _parts(tests, images, basis, products):
    inner = dot(tests, basis.T), dot(images, basis.T), dot(basis, products.T)
    return *inner, (tests * images).sum(1), (tests * tests).sum(1)


@jax.jit
def _rests(tests, images, basis, products, along, left_out, quotients):
    """Inner products of the rests' images, and norms of the basis' images.

    Of (B_i - quotient_i) u_i, where B_i is the operator outside of the subspace of the
    other vectors, and u_i the part of w_i there; of A q_i, and of its part outside of
    the basis.
    """
    rests = images - dot(along, products)
    inner = dot(rests, basis.T)
    inner -= (inner * left_out).sum(1, keepdims=True) * left_out
    rests -= dot(inner, basis) + quotients[:, None] * (tests - dot(along, basis))
    escaped = products - dot(dot(products, basis.T), basis)
    norms = (jnp.linalg.norm(x, axis=1) for x in (products, escaped))
    return dot(rests, rests.T), *norms


class _Samples(NamedTuple):
    """Of each test vector: see `_leave_one_out`."""

    traces: np.ndarray
    outside: np.ndarray
    lengths: np.ndarray
    sizes: np.ndarray
    inside: float
    differences: float
    directions: tuple[np.ndarray, ...]


def _leave_one_out(tests, images, inside, own, squares, size) -> _Samples:
    """Each test vector's estimate: exact within the others' subspace, its own outside.

    With Q the basis: tests = W^T Q, images = Y^T Q, inside = Q^T A Q, own = w . A w.
    The others' subspace is Q's without one direction s, orthogonal to their images.
    """
    count = len(tests)
    left_out = _without(images)
    along = tests - (tests * left_out).sum(1, keepdims=True) * left_out
    whole = np.trace(inside)
    trace = whole - np.einsum("ij,jk,ik->i", left_out, inside, left_out)
    quadratic = np.einsum("ij,jk,ik->i", along, inside, along)
    outside = own - 2 * (along * images).sum(1) + quadratic
    # The part outside is a random direction, whose length carries no information.
    rest = size - count + 1
    lengths = (squares - (along**2).sum(1)) / rest
    quotients = outside / lengths / rest
    found = trace + rest * quotients, rest * quotients, lengths, np.abs(own)
    differences = np.ptp(np.linalg.eigvalsh(inside + inside.T)) / 2
    return _Samples(*found, whole, differences, (along, left_out, quotients))


def _without(images) -> np.ndarray:
    """Unit rows s_i, orthogonal to all images but the i-th; zero if it adds nothing."""
    left, values, right = np.linalg.svd(images)
    if not values[-1] > 1e-100 * values[0]:
        # The images are dependent: each lies in the span of the others.
        return np.zeros_like(images)
    dual = (left / values) @ right
    return dual / np.linalg.norm(dual, axis=1, keepdims=True)


def _mean(each: _Samples, gram, norms, escaped, size, eps) -> tuple[float, float]:
    """The value and its error.

    u . B u of u uniform on the sphere of radius sqrt(N) in N dimensions has variance
    2 N / (N + 2) (tr B^2 - (tr B)^2 / N), which is the mean of 2 N / (N + 2) times
    |B u - (u . B u / N) u|^2 up to the variation of the quotient.
    """
    rounding = 4 * eps * (norms.sum() + (each.sizes / each.lengths).mean())
    if escaped.max() <= 10 * eps * norms.max() < 1e-2 * each.differences:
        # The basis holds all of its eigenspaces: of one that it did not exhaust it
        # would hold nothing else, and the eigenvalues in it would be equal.
        return each.inside, rounding + np.sqrt(size * len(gram)) * escaped.max()
    rest = size - len(gram) + 1
    squares = np.diag(gram) / each.lengths
    deviations = np.sqrt(2 * rest / (rest + 2) * squares)
    # Estimates are as correlated as the parts of the operator that they measure.
    unit = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
    alike = deviations @ (gram / unit / unit[:, None]) ** 2 @ deviations
    if not alike > 0:
        return each.traces.mean(), rounding
    error = BASIS_SHARED * np.sqrt(alike) / len(gram)
    # As of a chi-squared variable, whose few dimensions make the interval wider.
    squares += each.outside**2 / rest
    dimensions = np.clip(each.outside.mean() ** 2 / squares.mean(), 1, rest)
    error *= 1 + alike / (dimensions * deviations.sum() ** 2)
    return each.traces.mean(), error + rounding
