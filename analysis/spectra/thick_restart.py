"""The search for extreme eigenpairs: Lanczos, lengthened and thickly restarted.

Wu and Simon (2000): when the basis is full, the best Ritz vectors and the vector that
comes after them start the next one. `analysis.spectra.eigenpairs` is what to call.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.spectra import basis, lanczos
from analysis.spectra.lanczos import State


class Search(NamedTuple):
    """A basis, and the matrix of A on it, diagonalised."""

    state: State
    values: np.ndarray  # All Ritz values, ascending.
    vectors: np.ndarray  # [basis vectors, Ritz values].
    bounds: np.ndarray
    chosen: np.ndarray  # Positions of the wanted ones, by descending value.
    products: int

    def errors(self) -> np.ndarray:
        """Of the wanted values, as in Eigenpairs."""
        return errors_of(
            self.values, self.bounds, self.chosen, self.bounds[self.chosen]
        )

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


def search(op, which, wanted, tol, limit, most, key, report) -> Search:
    """The basis when all wanted pairs are there, or when the products are used up.

    Args:
      op, which, tol, key, report: as in `eigenpairs.top_eigenpairs`.
      wanted: pairs, of both ends together.
      limit: products that may be used.
      most: vectors that the basis may have.
    """
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


def _projected(state, head, which, wanted, used) -> Search:
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
    return Search(state, values * scale, vectors, bounds, chosen, used)


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


def errors_of(values, bounds, chosen, residuals) -> np.ndarray:
    """min(residual, residual^2 / gap) of the chosen values (Kato and Temple)."""
    distance = np.abs(values[chosen, None] - values) - bounds
    distance[np.arange(len(chosen)), chosen] = np.inf
    gap = distance.min(1)
    small = gap > residuals
    return np.where(small, residuals * (residuals / np.where(small, gap, 1)), residuals)


def _restarted(found, which, wanted, most) -> tuple[State, _Head]:
    """A basis of the best Ritz vectors, and the vector that comes after them."""
    old = found.state
    keep = _best(found.values, which, min(wanted + (most - wanted) // 3, most - 3))
    rows = rows_of(found, keep)
    coupling = np.asarray(old.betas, np.float64)[int(old.step) - 1]
    head = _Head(found.values[keep], coupling * found.vectors[-1, keep])
    count = jnp.asarray(len(keep), jnp.int32)
    state = old._replace(
        basis=basis.allocate(rows, most),
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
def _fresh(vectors, count, vector):
    for _ in range(2):
        vector = basis.cleared(vectors, count, vector)
        vector /= basis.norm(vector)
    return vector


def rows_of(found, positions) -> jax.Array:
    """The Ritz vectors at these positions of a search, [positions, n]."""
    capacity = len(found.state.alphas)
    coefficients = np.zeros((len(positions), capacity))
    coefficients[:, : len(found.vectors)] = found.vectors[:, positions].T
    dtype = found.state.alphas.dtype
    return basis.combined(found.state.basis, jnp.asarray(coefficients, dtype))
