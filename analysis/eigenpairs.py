"""The extreme eigenpairs of a symmetric operator: Lanczos, lengthened and restarted."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis import lanczos, orthogonal, symmetric
from analysis.lanczos import State
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
    op: Any,
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

    >>> from analysis.symmetric import from_matrix
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
    found = _search(op, which, wanted, tol, limit, most, start_key, report)
    return _checked(op, found, tol, check_key)


def residuals(op: Any, pairs: Eigenpairs) -> np.ndarray:
    """The norms of A v - value v, [k], each by a product of its own.

    >>> from analysis.symmetric import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.array([4.0, -1.0, 0.0, 2.0])))
    >>> pairs = top_eigenpairs(op, 1, key=jax.random.key(0))
    >>> bool((residuals(op, pairs) < 1e-5).all())
    True
    """
    off = symmetric.products(op, pairs.vectors)
    off -= jnp.asarray(pairs.values, off.dtype)[:, None] * pairs.vectors
    return np.asarray(jax.vmap(orthogonal.norm)(off), np.float64)


def as_trees(op: Any, pairs: Eigenpairs) -> list[Any]:
    """The eigenvectors as pytrees of the parameters, by the operator's `unravel`."""
    if not hasattr(op, "unravel"):
        raise InputError("this operator acts on flat vectors: it knows no pytree.")
    return [op.unravel(vector) for vector in pairs.vectors]


class _Search(NamedTuple):
    """A basis, and the matrix of A on it, diagonalised."""

    state: State
    values: np.ndarray  # All Ritz values, ascending.
    vectors: np.ndarray  # [basis vectors, Ritz values].
    bounds: np.ndarray
    chosen: np.ndarray  # Positions of the wanted ones, by descending value.
    products: int

    def errors(self) -> np.ndarray:
        """Of the wanted values, as in Eigenpairs."""
        return _errors(self.values, self.bounds, self.chosen, self.bounds[self.chosen])

    def target(self, tol: float, rounding: int) -> np.ndarray:
        """What these errors may be."""
        values = np.abs(self.values[self.chosen])
        return np.maximum(tol * values, rounding * self.noise())

    def there(self, tol: float) -> np.ndarray:
        """Which wanted pairs are there, to the accuracy of the projection."""
        return self.errors() <= self.target(tol, 2)

    def noise(self) -> float:
        """What the dtype resolves of the largest value."""
        return float(jnp.finfo(self.state.alphas.dtype).eps) * np.abs(self.values).max()


class _Head(NamedTuple):
    """What a restart put first: Ritz values, and the next vector's coupling to each."""

    values: np.ndarray
    coupling: np.ndarray


def _search(op, which, wanted, tol, limit, most, key, report) -> _Search:
    key, start_key = jax.random.split(key)
    state = lanczos.start(op, _normal(op, start_key), most)
    head, used, before = _Head(np.zeros(0), np.zeros(0)), 0, None
    while True:
        done = int(state.step)
        stride = wanted + 4 - done if used < wanted + 4 else max(1, done // 16)
        count = min(max(stride, 1), most - done, limit - used)
        state = lanczos.advance(op, state, count, overwrite=True)
        used += int(state.step) - done
        found = _projected(state, head, which, wanted, used)
        there = found.there(tol)
        report(int(there.sum()), used)
        if int(state.step) >= op.size or used >= limit:
            return found
        if bool(state.broken):
            # Copies of a value stay hidden until a new vector starts another space. Its
            # values are among those of the first, so it need not be followed by one
            # more where it brings none that is wanted.
            values = found.values[found.chosen]
            if before is not None and _same(values, before, 100 * found.noise()):
                return found
            before = values
        elif before is None and len(there) == wanted and there.all():
            return found
        if int(state.step) >= most:
            state, head = _restarted(found, which, wanted, most)
        if bool(state.broken):
            key, next_key = jax.random.split(key)
            state = _continued(state, _normal(op, next_key))


def _same(values, others, tol) -> bool:
    return len(values) == len(others) and np.abs(values - others).max() <= tol


def _normal(op, key):
    return jax.random.normal(key, (op.size,), op.dtype)


def _projected(state, head, which, wanted, used) -> _Search:
    steps, kept = int(state.step), len(head.values)
    matrix = np.diag(np.asarray(state.alphas, np.float64)[:steps])
    betas = np.asarray(state.betas, np.float64)[:steps]
    below = np.arange(1, steps)
    matrix[below, below - 1] = betas[:-1]
    matrix[:kept, :kept] = np.diag(head.values)
    if steps > kept:
        matrix[kept, :kept] = head.coupling
    # Its own scale, so that no square underflows.
    scale = np.abs(matrix).max() or 1.0
    values, vectors = np.linalg.eigh(matrix / scale)
    last = 0.0 if bool(state.broken) else betas[-1]
    bounds = np.abs(last * vectors[-1])
    chosen = _best(values, which, wanted)
    return _Search(state, values * scale, vectors, bounds, chosen, used)


def _best(values, which, count) -> np.ndarray:
    """Positions of the `count` best of ascending values, by descending value."""
    order = np.arange(len(values))[::-1]
    if which == "magnitude":
        order = order[np.argsort(-np.abs(values[order]), kind="stable")]
    elif which == "smallest":
        order = order[::-1]
    elif which == "both" and count < len(values):
        order = np.concatenate([order[: -(-count // 2)], order[-(count // 2) :]])
    return np.sort(order[:count])[::-1]


def _errors(values, bounds, chosen, residuals) -> np.ndarray:
    distance = np.abs(values[chosen, None] - values) - bounds
    distance[np.arange(len(chosen)), chosen] = np.inf
    gap = distance.min(1)
    small = gap > residuals
    return np.where(small, residuals * (residuals / np.where(small, gap, 1)), residuals)


def _restarted(found, which, wanted, most) -> tuple[State, _Head]:
    """A basis of the best Ritz vectors, and the vector that comes after them."""
    old = found.state
    keep = _best(found.values, which, min(wanted + (most - wanted) // 3, most - 3))
    rows = _rows(found, keep)
    coupling = np.asarray(old.betas, np.float64)[int(old.step) - 1]
    head = _Head(found.values[keep], coupling * found.vectors[-1, keep])
    count = jnp.asarray(len(keep), jnp.int32)
    state = old._replace(
        basis=orthogonal.allocate(rows, most),
        previous=jnp.zeros_like(old.previous),
        alphas=jnp.zeros_like(old.alphas),
        betas=jnp.zeros_like(old.betas),
        step=count,
    )
    return state, head


def _continued(state, vector) -> State:
    """The state with a new start, orthogonal to all before: its own block of T."""
    return state._replace(
        current=_fresh(state.basis, state.step, vector),
        previous=jnp.zeros_like(state.previous),
        broken=jnp.zeros_like(state.broken),
    )


@jax.jit
def _fresh(basis, count, vector):
    for _ in range(2):
        vector = orthogonal.cleared(basis, count, vector)
        vector /= orthogonal.norm(vector)
    return vector


def _rows(found, positions) -> jax.Array:
    """Ritz vectors, [positions, n]."""
    capacity = len(found.state.alphas)
    coefficients = np.zeros((len(positions), capacity))
    coefficients[:, : len(found.vectors)] = found.vectors[:, positions].T
    dtype = found.state.alphas.dtype
    return orthogonal.combined(found.state.basis, jnp.asarray(coefficients, dtype))


def _checked(op, found, tol, key) -> Eigenpairs:
    values, bounds = found.values[found.chosen], found.bounds[found.chosen]
    vectors = _rows(found, found.chosen)
    # Were one residual larger than its bound, this sum with random signs would be too.
    signs = jax.random.rademacher(key, (len(values),), op.dtype)
    product = symmetric.product(op, orthogonal.dot(signs, vectors))
    off = product - orthogonal.dot(signs * jnp.asarray(values, op.dtype), vectors)
    total = float(orthogonal.norm(off))
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
    errors = _errors(found.values, found.bounds, found.chosen, seen)
    converged = errors <= found.target(tol, 20)
    return Eigenpairs(values, vectors, seen, errors, converged, used)
