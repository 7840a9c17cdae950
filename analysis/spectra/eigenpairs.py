"""The extreme eigenpairs of a symmetric operator, by thick-restart Lanczos."""

import zlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.spectra import linear_operator, storage
from analysis.spectra.basis import dot, norm
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.missed import completed
from analysis.spectra.rayleigh_ritz import Goal, Search, ritz_vectors
from analysis.spectra.thick_restart import search
from landscape import rng
from landscape.aliases import Params
from landscape.arrays import check_integer, check_key
from landscape.errors import InputError, RunFailure, check_choice
from landscape.one_line import one_line

WHICH = ("both", "largest", "smallest", "magnitude")

ROUNDING = 4.0
"""Stated error of a value in units of precision times the largest value. The rounding
of what all products share (activations, a matrix) shows in no product: it is .2 units
mostly, 5 at most where the products agree to 1."""

DISAGREEMENT = 5.0
"""Stated error of a value over the difference of two products that should agree. Where
a softmax is nearly certain they differ by 40 units, and values are off by 130."""


class Eigenpairs(NamedTuple):
    """Eigenvalues in descending order, with their vectors and errors.

    Attributes:
      values: [k], float64.
      vectors: [k, n], orthonormal rows on the device, in the operator's dtype; of
        NumPy where vectors are kept apart (`storage`).
      residuals: [k], bounds of the norm of A v - value v: that of the projection, what
        the final check adds to it, and rounding. An eigenvalue of A is within this
        distance of the value.
      errors: [k], of the values: min(residual, residual^2 / gap), where the gap is
        that to the nearest other Ritz value (see `rayleigh_ritz.errors_of`), and
        rounding: `ROUNDING` units of the dtype's precision times the largest value, and
        `DISAGREEMENT` times what a fresh product differs by from the projection within
        the span of the vectors. They hold the eigenvalue of the operator in exact
        arithmetic in 99 % of cases (benchmarks/coverage_pairs.py).
      converged: [k], whether the error, rounding aside, is at most tol * |value|, or
        what the dtype resolves of the largest value.
      products: products with the operator, in total.
      miss_probability: an upper bound of the probability, over random starts, that an
        eigenvalue was missed that belongs to the pairs sought (beyond tol of the last);
        1 where nothing is known: without `verify`, or in a spectrum that continues
        densely where the pairs end. See `missed.miss_probability`.
    """

    values: np.ndarray
    vectors: jax.Array
    residuals: np.ndarray
    errors: np.ndarray
    converged: np.ndarray
    products: int
    miss_probability: float

    __repr__ = one_line


def top_eigenpairs(
    op: LinearOperator,
    k: int,
    *,
    key: jax.Array,
    which: str = "both",
    tol: float = 1e-6,
    max_products: int | None = None,
    max_basis: int | None = None,
    verify: bool = True,
    report: Callable[[int, int], None] = lambda converged, products: None,
) -> Eigenpairs:
    """The `k` eigenpairs at the ends of the spectrum, to a relative error `tol`.

    Lanczos with full re-orthogonalisation, until every pair has converged; a full basis
    is restarted with the best Ritz vectors (thick restart, Wu and Simon 2000). Finally
    one product, with a random combination of the vectors, checks all residuals
    together; if it exceeds their bounds, each residual is computed by its own product.

    The error of a vector is residual / gap, about sqrt(tol): ask for a smaller tol
    where vectors matter.

    A Krylov space holds one copy of a multiple eigenvalue, and of near neighbours it
    may see one. So after convergence a new random start, orthogonal to the pairs found,
    looks for what was missed with at most 25 products; what it finds joins and
    converges, and another look follows, until one finds nothing.

    Args:
      op: a symmetric operator of size n.
      k: number of pairs; of each end for "both".
      key: of the random start and check.
      which: "largest" and "smallest" by sign, "both" ends, or "magnitude".
      tol: error of a value over its magnitude.
      max_products: of the search; default 20 for each pair, but at least 300. Pairs
        that have not converged by then are marked as such.
      max_basis: vectors kept in memory; default 60 and twice the number of pairs.
      verify: False: no look for what was missed, but after a breakdown, which certainly
        hides copies.
      report: is called with the numbers of converged pairs and of products so far.

    Raises:
      InputError: a bad option, k above n, or a max_basis too small for k.
      RunFailure: a product is not finite.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.array([4.0, -1.0, 0.0, 2.0])))
    >>> top_eigenpairs(op, 1, key=jax.random.key(0)).values.round(4).tolist()
    [4.0, -1.0]
    """
    linear_operator.check_operator(op)
    check_key(key)
    check_integer(k, "k")
    check_choice("end of the spectrum", which, WHICH)
    if not 1 <= k <= op.size:
        raise InputError(f"k must be from 1 to the operator's size {op.size}, not {k}.")
    if not tol > 0:
        raise InputError(f"tol must be positive, not {tol}.")
    num_pairs = min(2 * k if which == "both" else k, op.size)
    max_basis = min(2 * num_pairs + 60 if max_basis is None else max_basis, op.size)
    if max_basis < min(num_pairs + 5, op.size):
        raise InputError(
            f"{num_pairs} pairs need a max_basis of at least {num_pairs + 5}."
        )
    if max_products is None:
        max_products = max(20 * num_pairs, 300)
    if max_products < 1:
        raise InputError(f"max_products must be at least 1, not {max_products}.")
    start_key, signs_key = rng.split(key)
    goal = Goal(which, num_pairs, tol, max_basis, report)
    found = search(op, goal, max_products, start_key)
    look_key = jax.random.fold_in(key, zlib.crc32(b"look"))
    found, missed = completed(op, found, goal, max_products, look_key, verify=verify)
    return _checked(op, found, missed, tol, signs_key)


def residuals(op: LinearOperator, pairs: Eigenpairs) -> np.ndarray:
    """The norms of A v - value v, [k], by a product for each pair.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.array([4.0, -1.0, 0.0, 2.0])))
    >>> pairs = top_eigenpairs(op, 1, key=jax.random.key(0))
    >>> bool((residuals(op, pairs) < 1e-5).all())
    True
    """
    linear_operator.check_operator(op)
    return _residuals(op, pairs.values, storage.placed(op, pairs.vectors))


def as_trees(op: LinearOperator, pairs: Eigenpairs) -> list[Params]:
    """The eigenvectors as pytrees of the parameters, by the operator's `unravel`.

    Raises:
      InputError: an operator without `unravel`, on flat vectors alone.
    """
    if not hasattr(op, "unravel"):
        raise InputError("this operator acts on flat vectors: it has no `unravel`.")
    return [op.unravel(vector) for vector in pairs.vectors]


def _checked(op, found: Search, missed: float, tol: float, key) -> Eigenpairs:
    values, bounds = found.values[found.selected], found.bounds[found.selected]
    vectors = ritz_vectors(op, found, found.selected)
    # Were one residual larger than its bound, this sum with random signs would be too.
    signs, combination = _random_combination(key, vectors)
    product = linear_operator.product(op, combination)
    shifts = jnp.asarray(values, op.dtype)
    total, within = map(float, _off(product, signs, shifts, vectors))
    if not np.isfinite(total):
        raise RunFailure("a product of the operator is not finite.")
    products = found.products + 1
    rounding = 20 * np.sqrt(len(values)) * found.rounding()
    expected = np.linalg.norm(bounds)
    if total <= 3 * expected + rounding:
        excess = np.hypot(max(total - expected, 0.0), 8 * found.rounding())
        measured = np.hypot(bounds, excess)
    else:
        off = _residuals(op, values, vectors)
        measured, products = off, products + len(values)
    errors = found.errors(measured)
    converged = errors <= found.tolerances(tol, 20)
    errors += ROUNDING * found.rounding() + DISAGREEMENT * within
    found = storage.taken(op, vectors), measured, errors, converged
    return Eigenpairs(values, *found, products, missed)


@jax.jit
def _random_combination(key, vectors):
    signs = rng.rademacher(key, (len(vectors),), vectors.dtype)
    return signs, dot(signs, vectors)


@jax.jit
def _off(product, signs, values, vectors):
    """The norm of the combined residual; its largest part within the vectors' span."""
    off = product - dot(signs * values, vectors)
    return norm(off), jnp.abs(dot(vectors, off)).max()


def _residuals(op, values, vectors) -> np.ndarray:
    off = storage.products(op, vectors)
    off -= jnp.asarray(values, off.dtype)[:, None] * vectors
    return np.asarray(jax.vmap(norm)(off), np.float64)
