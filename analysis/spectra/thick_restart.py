"""The search for extreme eigenpairs: thick-restart Lanczos (Wu and Simon 2000).

When the basis is full, the best Ritz vectors and the next Lanczos vector start the next
one; on these the matrix is an arrowhead. Call `eigenpairs.top_eigenpairs` instead.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.spectra import lanczos
from analysis.spectra.basis import Basis, allocate, combine, norm, orthogonalise
from analysis.spectra.lanczos import State
from analysis.spectra.linear_operator import LinearOperator
from landscape import rng


class Search(NamedTuple):
    """A basis Q, and the eigenvalues and eigenvectors of Q^T A Q.

    Attributes:
      state: the basis, on the device.
      values: [m], all Ritz values, ascending, float64.
      vectors: [m, m], in columns: the Ritz vectors in coordinates of the basis.
      bounds: [m], the norm of A v - value v for each Ritz vector v.
      selected: [num_pairs], indices of the values sought, by descending value.
      products: products with the operator.
    """

    state: State
    values: np.ndarray
    vectors: np.ndarray
    bounds: np.ndarray
    selected: np.ndarray
    products: int

    def errors(self) -> np.ndarray:
        """Of the selected values, as in Eigenpairs."""
        residuals = self.bounds[self.selected]
        return errors_of(self.values, self.bounds, self.selected, residuals)

    def tolerances(self, tol: float, multiple: int) -> np.ndarray:
        """The largest errors allowed: tol of the value, or `multiple` of rounding."""
        values = np.abs(self.values[self.selected])
        return np.maximum(tol * values, multiple * self.rounding())

    def converged(self, tol: float) -> np.ndarray:
        """Which selected pairs are, to the accuracy of the projection."""
        return self.errors() <= self.tolerances(tol, 2)

    def rounding(self) -> float:
        """What the dtype resolves of the largest value."""
        return float(jnp.finfo(self.state.alphas.dtype).eps) * np.abs(self.values).max()


class _Arrowhead(NamedTuple):
    """The matrix on a restarted basis: Ritz values, coupled to the next vector."""

    values: np.ndarray
    coupling: np.ndarray


def search(
    op: LinearOperator,
    *,
    which: str,
    num_pairs: int,
    tol: float,
    max_basis: int,
    max_products: int,
    key: jax.Array,
    report: Callable[[int, int], None],
) -> Search:
    """The basis when all selected pairs have converged or the products are used up.

    Args:
      op, which, tol, key, report: as in `eigenpairs.top_eigenpairs`.
      num_pairs: pairs sought, those of both ends together.
      max_basis: vectors of a full basis.
      max_products: products that may be used.
    """
    key, start_key = rng.split(key)
    state = lanczos.start(op, _normal(op, start_key), max_basis)
    head, products, earlier = _Arrowhead(np.zeros(0), np.zeros(0)), 0, None
    while True:
        step = int(state.step)
        first = products < num_pairs + 4
        stride = num_pairs + 4 - step if first else max(1, step // 16)
        count = min(max(stride, 1), max_basis - step, max_products - products)
        state = lanczos.advance(op, state, count, overwrite=True)
        products += int(state.step) - step
        found = _rayleigh_ritz(state, head, which, num_pairs, products)
        converged = found.converged(tol)
        report(int(converged.sum()), products)
        if int(state.step) >= op.size or products >= max_products:
            return found
        if bool(state.breakdown):
            # Copies of an eigenvalue stay hidden until a new vector starts another
            # Krylov space. Its values are among those of the first, so the search ends
            # with a space that adds no value sought.
            values = found.values[found.selected]
            if earlier is not None and _same(values, earlier, 100 * found.rounding()):
                return found
            earlier = values
        elif earlier is None and len(converged) == num_pairs and converged.all():
            return found
        if int(state.step) >= max_basis:
            state, head = _restart(found, which, num_pairs, max_basis)
        if bool(state.breakdown):
            key, next_key = rng.split(key)
            state = _start_block(state, _normal(op, next_key))


def _same(values, others, tol) -> bool:
    return len(values) == len(others) and np.abs(values - others).max() <= tol


def _normal(op, key):
    return rng.normal(key, (op.size,), op.dtype)


def _rayleigh_ritz(state, head, which, num_pairs, products) -> Search:
    """The eigenvalues and eigenvectors of the matrix on the basis, on the host."""
    step, restarted = int(state.step), len(head.values)
    matrix = np.diag(np.asarray(state.alphas, np.float64)[:step])
    betas = np.asarray(state.betas, np.float64)[:step]
    below = np.arange(1, step)
    matrix[below, below - 1] = betas[:-1]
    matrix[:restarted, :restarted] = np.diag(head.values)
    if step > restarted:
        matrix[restarted, :restarted] = head.coupling
    # Its own scale, so that no square underflows.
    scale = np.abs(matrix).max() or 1.0
    values, vectors = np.linalg.eigh(matrix / scale)
    last = 0.0 if bool(state.breakdown) else betas[-1]
    bounds = np.abs(last * vectors[-1])
    selected = _select(values, which, num_pairs)
    return Search(state, values * scale, vectors, bounds, selected, products)


def _select(values, which, count) -> np.ndarray:
    """Indices of the `count` best of ascending values, by descending value."""
    order = np.arange(len(values))[::-1]
    if which == "magnitude":
        order = order[np.argsort(-np.abs(values[order]), kind="stable")]
    elif which == "smallest":
        order = order[::-1]
    elif which == "both" and count < len(values):
        order = np.concatenate([order[: -(-count // 2)], order[-(count // 2) :]])
    return np.sort(order[:count])[::-1]


def errors_of(
    values: np.ndarray, bounds: np.ndarray, selected: np.ndarray, residuals: np.ndarray
) -> np.ndarray:
    """min(residual, residual^2 / gap) of the selected values (Kato and Temple).

    Args:
      values, bounds, selected: of a `Search`.
      residuals: [num_pairs], of the selected values.
    """
    distance = np.abs(values[selected, None] - values) - bounds
    distance[np.arange(len(selected)), selected] = np.inf
    gap = distance.min(1)
    small = gap > residuals
    return np.where(small, residuals * (residuals / np.where(small, gap, 1)), residuals)


def _restart(found, which, num_pairs, max_basis) -> tuple[State, _Arrowhead]:
    """A basis of the best Ritz vectors, followed by the next Lanczos vector."""
    old = found.state
    count = min(num_pairs + (max_basis - num_pairs) // 3, max_basis - 3)
    best = _select(found.values, which, count)
    coupling = np.asarray(old.betas, np.float64)[int(old.step) - 1]
    head = _Arrowhead(found.values[best], coupling * found.vectors[-1, best])
    state = old._replace(
        basis=allocate(ritz_vectors(found, best), max_basis),
        previous=jnp.zeros_like(old.previous),
        alphas=jnp.zeros_like(old.alphas),
        betas=jnp.zeros_like(old.betas),
        step=jnp.asarray(len(best), jnp.int32),
    )
    return state, head


def _start_block(state, vector) -> State:
    """The state after a breakdown with a new start: another block of T."""
    return state._replace(
        current=_orthonormal(state.basis, state.step, vector),
        previous=jnp.zeros_like(state.previous),
        breakdown=jnp.zeros_like(state.breakdown),
    )


@jax.jit
def _orthonormal(rows: Basis, count, vector):
    for _ in range(2):
        vector = orthogonalise(rows, count, vector)
        vector /= norm(vector)
    return vector


def ritz_vectors(found: Search, indices: np.ndarray) -> jax.Array:
    """The Ritz vectors of these indices, rows [len(indices), n]."""
    capacity = len(found.state.alphas)
    coefficients = np.zeros((len(indices), capacity))
    coefficients[:, : len(found.vectors)] = found.vectors[:, indices].T
    dtype = found.state.alphas.dtype
    return combine(found.state.basis, jnp.asarray(coefficients, dtype))
