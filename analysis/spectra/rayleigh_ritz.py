"""Ritz values on a basis that Ritz vectors of earlier bases may start, with errors.

Such vectors are coupled to the vector that follows them (the arrowhead of a thick
restart), and to vectors outside of the basis where a new Krylov space was begun: what
they lack is known, so that the matrix on the basis is exact.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.spectra import storage
from analysis.spectra.basis import Basis, combine, dot, norm, orthogonalise
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.recurrence import State


class Goal(NamedTuple):
    """What is sought.

    Attributes:
      which, tol, report: as in `eigenpairs.top_eigenpairs`.
      num_pairs: pairs sought, those of both ends together.
      max_basis: vectors of a full basis.
    """

    which: str
    num_pairs: int
    tol: float
    max_basis: int
    report: Callable[[int, int], None]


class Head(NamedTuple):
    """The matrix on the first h vectors of a basis, Ritz vectors of an earlier one.

    A y_i = values_i y_i + coupling_i q + sum_b outer_bi tails_b, where q is the vector
    that follows them in the basis.

    Attributes:
      values: [h].
      coupling: [h].
      outer: [b, h].
      tails: b vectors [n], orthogonal to the h vectors.
      locked: how many of the vectors, the first ones, are of earlier Krylov spaces.
    """

    values: np.ndarray
    coupling: np.ndarray
    outer: np.ndarray
    tails: tuple[jax.Array, ...]
    locked: int


class Search(NamedTuple):
    """A basis Q, and the eigenvalues and eigenvectors of Q^T A Q.

    Attributes:
      state: the basis, on the device.
      head: the matrix on its first vectors.
      values: [m], all Ritz values, ascending, float64.
      vectors: [m, m], in columns: the Ritz vectors in coordinates of the basis.
      bounds: [m], the norm of A v - value v for each Ritz vector v.
      selected: [num_pairs], indices of the values sought, by descending value.
      others: [2, j], Ritz values of earlier bases that were not sought, with bounds.
      products: products with the operator.
    """

    state: State
    head: Head
    values: np.ndarray
    vectors: np.ndarray
    bounds: np.ndarray
    selected: np.ndarray
    others: np.ndarray
    products: int

    def errors(self, residuals: np.ndarray | None = None) -> np.ndarray:
        """Of the selected values, as in Eigenpairs; `residuals` instead of bounds."""
        chosen = self.selected
        residuals = self.bounds[chosen] if residuals is None else residuals
        values = np.concatenate([self.values, self.others[0]])
        bounds = np.concatenate([self.bounds, self.others[1]])
        # The Ritz values of a new start tell where there are eigenvalues. How far off
        # they are is no reason to doubt the gap that the earlier space has seen.
        locked = (self.vectors[: self.head.locked] ** 2).sum(0) > 0.5
        new = np.concatenate([~locked, np.zeros(len(self.others[0]), bool)])
        doubt = np.where(locked[chosen, None] & new, 0, bounds)
        return errors_of(values, bounds, chosen, residuals, doubt)

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


def rayleigh_ritz(
    state: State, head: Head, goal: Goal, others: np.ndarray, products: int
) -> Search:
    """The eigenvalues and eigenvectors of the matrix on the basis, on the host.

    Args:
      state, head: the basis.
      goal: which of the values are selected.
      others, products: of the search so far, see `Search`.
    """
    step, h = int(state.step), len(head.values)
    matrix = np.diag(np.asarray(state.alphas, np.float64)[:step])
    betas = np.asarray(state.betas, np.float64)[:step]
    below = np.arange(1, step)
    matrix[below, below - 1] = betas[:-1]
    matrix[:h, :h] = np.diag(head.values)
    outside = np.zeros(len(head.tails))
    if step > h:
        matrix[h, :h] = head.coupling
        for i, tail in enumerate(head.tails):
            along, _, left = split(state.basis, state.step, tail)
            along = np.asarray(along, np.float64)[h:step]
            matrix[h:, :h] += np.outer(along, head.outer[i])
            outside[i] = float(left)
    # Its own scale, so that no square underflows.
    scale = np.abs(matrix).max() or 1.0
    values, vectors = np.linalg.eigh(matrix / scale)
    last = 0.0 if bool(state.breakdown) else betas[-1]
    bounds = np.abs(last * vectors[-1])
    bounds += outside @ np.abs(head.outer @ vectors[:h])
    chosen = select(values, goal.which, goal.num_pairs)
    values = values * scale
    return Search(state, head, values, vectors, bounds, chosen, others, products)


def select(values: np.ndarray, which: str, count: int) -> np.ndarray:
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
    values: np.ndarray,
    bounds: np.ndarray,
    selected: np.ndarray,
    residuals: np.ndarray,
    doubt: np.ndarray,
) -> np.ndarray:
    """min(residual, residual^2 / gap) of the selected values.

    Of neighbours that are known as well, copies of an eigenvalue say, the residuals
    count together, and the gap is that to the nearest value beyond them: the least
    bound of all such groups (Kato and Temple for one, Li and Li 2005 for more).

    Args:
      values, bounds: [m], Ritz values and their residuals.
      selected: [k], indices of the values that are bounded.
      residuals: [k], of these.
      doubt: [k, m], how much nearer the eigenvalue of each Ritz value may be.
    """
    rows = np.arange(len(selected))
    bounds = bounds.copy()
    bounds[selected] = residuals
    distance = np.abs(values[selected, None] - values)
    distance[rows, selected] = -1.0  # Itself first.
    order = np.argsort(distance, axis=1, kind="stable")
    known = np.cumsum(bounds[order] ** 2, axis=1)
    # What has not converged, and can be told from the value, is of the rest.
    far = np.take_along_axis(distance, order, axis=1) > bounds[order]
    rest = far & (bounds[order] > residuals.max(initial=0))
    known[np.logical_or.accumulate(rest, axis=1)] = np.inf
    free = np.take_along_axis(distance - doubt, order, axis=1)
    gap = np.minimum.accumulate(free[:, ::-1], axis=1)[:, ::-1]
    known, gap = known[:, :-1], gap[:, 1:]
    group = np.divide(known, gap, out=np.full(gap.shape, np.inf), where=gap > 0)
    return np.minimum(residuals, group.min(1, initial=np.inf))


@jax.jit
def split(
    basis: Basis, count: jax.Array, vector: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The coordinates of a vector in the basis, what is left of it, and its norm."""
    along = jnp.concatenate([dot(rows, vector) for rows in basis])
    left = orthogonalise(basis, count, vector)
    return along, left, norm(left)


def ritz_vectors(op: LinearOperator, found: Search, indices: np.ndarray) -> jax.Array:
    """The Ritz vectors of these indices, rows [len(indices), n]."""
    combination = coefficients(found, indices)
    return combine(found.state.basis, combination, storage.sharding_of(op))


def coefficients(found: Search, indices: np.ndarray) -> np.ndarray:
    """Those of the Ritz vectors of these indices, for `basis.combine`."""
    capacity = len(found.state.alphas)
    rows = np.zeros((len(indices), capacity))
    rows[:, : len(found.vectors)] = found.vectors[:, indices].T
    return rows
