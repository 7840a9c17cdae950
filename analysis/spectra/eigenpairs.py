"""The extreme eigenpairs of a symmetric operator: Lanczos, lengthened and restarted."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.spectra import basis, linear_operator
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.thick_restart import errors_of, rows_of, search
from landscape.errors import InputError, RunFailure, check_choice

WHICH = ("both", "largest", "smallest", "magnitude")


class Eigenpairs(NamedTuple):
    """Eigenvalues in descending order, with their vectors and errors.

    Attributes:
      values: [k], float64.
      vectors: [k, n], orthonormal rows on the device, in the operator's dtype.
      residuals: [k], bounds of the norm of A v - value v: that of the projection, what
        the check at the end found beside it, and rounding. An eigenvalue of A is within
        this distance of the value.
      errors: [k], of the values: min(residual, residual^2 / gap), where the gap is
        that to the nearest other Ritz value (Kato and Temple).
      converged: [k], whether the error is at most tol * |value|, or what the dtype
        resolves of the largest value.
      products: products with the operator, the check's included.
    """

    values: np.ndarray
    vectors: jax.Array
    residuals: np.ndarray
    errors: np.ndarray
    converged: np.ndarray
    products: int


def top_eigenpairs(
    op: LinearOperator,
    k: int,
    *,
    key: jax.Array,
    which: str = "both",
    tol: float = 1e-6,
    max_products: int | None = None,
    max_basis: int | None = None,
    report: Callable[[int, int], None] = lambda there, products: None,
) -> Eigenpairs:
    """The `k` eigenpairs at the ends of the spectrum, to a relative error `tol`.

    Steps of Lanczos with full re-orthogonalisation, until the error of every pair
    wanted is small; when the basis is full it is restarted with the best Ritz vectors
    (thick restart, Wu and Simon 2000). At the end one product, with a random
    combination of the vectors found, checks all residuals together; where it finds more
    than they should be, each is computed by a product of its own.

    Vectors are off by residual / gap, about sqrt(tol): ask for a smaller tol where they
    matter. Of an eigenvalue that is exactly multiple, Lanczos sees one copy; the others
    are found when the Krylov space breaks down, which a random vector then continues,
    but not when they hide within a spectrum of many distinct values.

    Args:
      op: a symmetric operator of size n.
      k: pairs wanted; of each end for "both".
      key: of the random start and check.
      which: "largest" and "smallest" by sign, "both" ends, or "magnitude".
      tol: error of a value over its magnitude.
      max_products: steps at most (default 20 pairs' worth each, at least 300); pairs
        that are not there by then are marked as not converged.
      max_basis: vectors to keep in memory; default 2 k + 60.
      report: is told of the pairs that are there and of the products so far.

    Raises:
      InputError: a bad option, k above n, or a basis that is too small for k.
      RunFailure: a product is not finite.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.array([4.0, -1.0, 0.0, 2.0])))
    >>> top_eigenpairs(op, 1, key=jax.random.key(0)).values.round(4).tolist()
    [4.0, -1.0]
    """
    check_choice("end of the spectrum", which, WHICH)
    if not 1 <= k <= op.size:
        raise InputError(f"k must be from 1 to the operator's size {op.size}, not {k}.")
    if not tol > 0:
        raise InputError(f"tol must be positive, not {tol}.")
    wanted = min(2 * k if which == "both" else k, op.size)
    most = min(2 * wanted + 60 if max_basis is None else max_basis, op.size)
    if most < min(wanted + 5, op.size):
        raise InputError(f"{wanted} pairs need a max_basis of at least {wanted + 5}.")
    limit = max(20 * wanted, 300) if max_products is None else max_products
    start_key, check_key = jax.random.split(key)
    if limit < 1:
        raise InputError(f"max_products must be at least 1, not {limit}.")
    found = search(op, which, wanted, tol, limit, most, start_key, report)
    return _checked(op, found, tol, check_key)


def residuals(op: LinearOperator, pairs: Eigenpairs) -> np.ndarray:
    """The norms of A v - value v, [k], each by a product of its own.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.array([4.0, -1.0, 0.0, 2.0])))
    >>> pairs = top_eigenpairs(op, 1, key=jax.random.key(0))
    >>> bool((residuals(op, pairs) < 1e-5).all())
    True
    """
    off = linear_operator.products(op, pairs.vectors)
    off -= jnp.asarray(pairs.values, off.dtype)[:, None] * pairs.vectors
    return np.asarray(jax.vmap(basis.norm)(off), np.float64)


def as_trees(op: LinearOperator, pairs: Eigenpairs) -> list[Any]:
    """The eigenvectors as pytrees of the parameters, by the operator's `unravel`."""
    if not hasattr(op, "unravel"):
        raise InputError("this operator acts on flat vectors: it knows no pytree.")
    return [op.unravel(vector) for vector in pairs.vectors]


def _checked(op, found, tol, key) -> Eigenpairs:
    values, bounds = found.values[found.chosen], found.bounds[found.chosen]
    vectors = rows_of(found, found.chosen)
    # Were one residual larger than its bound, this sum with random signs would be too.
    signs = jax.random.rademacher(key, (len(values),), op.dtype)
    product = linear_operator.product(op, basis.dot(signs, vectors))
    off = product - basis.dot(signs * jnp.asarray(values, op.dtype), vectors)
    total = float(basis.norm(off))
    if not np.isfinite(total):
        raise RunFailure("a product of the operator is not finite.")
    used, rounding = found.products + 1, 20 * np.sqrt(len(values)) * found.noise()
    expected = np.linalg.norm(bounds)
    if total <= 3 * expected + rounding:
        excess = np.hypot(max(total - expected, 0.0), 8 * found.noise())
        seen = np.hypot(bounds, excess)
    else:
        pairs = Eigenpairs(values, vectors, bounds, bounds, bounds < 0, used)
        seen, used = residuals(op, pairs), used + len(values)
    errors = errors_of(found.values, found.bounds, found.chosen, seen)
    converged = errors <= found.target(tol, 20)
    return Eigenpairs(values, vectors, seen, errors, converged, used)
