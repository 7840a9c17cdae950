"""The search for extreme eigenpairs: thick-restart Lanczos (Wu and Simon 2000).

When the basis is full, the best Ritz vectors and the next Lanczos vector start the next
one. Where a new random start is wanted (see `missed`), the pairs found are locked: all
later vectors are orthogonal to them. Call `eigenpairs.top_eigenpairs` instead.
"""

import jax
import jax.numpy as jnp
import numpy as np

from analysis.spectra import lanczos, storage
from analysis.spectra.basis import Basis, norm, orthogonalise, restarted
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.rayleigh_ritz import (
    Goal,
    Head,
    Search,
    coefficients,
    rayleigh_ritz,
    select,
    split,
)
from analysis.spectra.recurrence import State
from landscape import rng

EMPTY = Head(np.zeros(0), np.zeros(0), np.zeros((0, 0)), (), 0)
"""Of a basis that no Ritz vector starts."""

NONE = np.zeros((2, 0))
"""No Ritz values of earlier bases."""


def search(op: LinearOperator, goal: Goal, max_products: int, key: jax.Array) -> Search:
    """`continued` from a random vector."""
    start = random_vector(op, rng.split(key)[1])
    state = lanczos.start(op, start, goal.max_basis)
    return continued(op, goal, (state, EMPTY), NONE, 0, max_products)


def continued(
    op: LinearOperator,
    goal: Goal,
    basis: tuple[State, Head],
    others: np.ndarray,
    products: int,
    max_products: int,
) -> Search:
    """The basis when all selected pairs have converged, or no step is left.

    No step is left after a breakdown, or when the products are used up.

    Args:
      basis: to begin with.
      others, products: of the search so far.
      max_products: of the search in the end.
    """
    state, head = basis
    while True:
        step = int(state.step)
        first = products < goal.num_pairs + 4
        stride = goal.num_pairs + 4 - step if first else max(1, step // 16)
        count = min(max(stride, 1), goal.max_basis - step, max_products - products)
        state = lanczos.advance(op, state, max(count, 0), overwrite=True)
        lanczos.check_symmetric(state)
        products += int(state.step) - step
        found = rayleigh_ritz(state, head, goal, others, products)
        converged = found.converged(goal.tol)
        goal.report(int(converged.sum()), products)
        complete = len(converged) == goal.num_pairs and converged.all()
        if complete or bool(state.breakdown) or products >= max_products:
            return found
        if int(state.step) >= goal.max_basis:
            state, head = _restarted(op, found, goal)


def random_vector(op: LinearOperator, key: jax.Array) -> jax.Array:
    """[n], normal."""
    return rng.normal(key, (op.size,), op.dtype)


def _restarted(op: LinearOperator, found: Search, goal: Goal) -> tuple[State, Head]:
    """A basis of the best Ritz vectors, followed by the next Lanczos vector."""
    spare = (goal.max_basis - goal.num_pairs) // 3
    count = min(goal.num_pairs + spare, goal.max_basis - 3)
    best = select(found.values, goal.which, count)
    return _basis_of(op, found, best, goal)


def locked(
    op: LinearOperator, found: Search, goal: Goal, vector: jax.Array
) -> tuple[State, Head]:
    """A basis of the selected Ritz vectors, followed by a vector orthogonal to them."""
    state, head = _basis_of(op, found, found.selected, goal)
    vector = storage.placed(op, vector)
    outer, tails = head.outer, head.tails
    if np.abs(head.coupling).max(initial=0) > found.rounding():
        outer = np.concatenate([outer, head.coupling[None]])
        tails = (*tails, state.current)
    nothing = np.zeros_like(head.coupling)
    head = Head(head.values, nothing, outer, tails, len(nothing))
    state = state._replace(
        current=_orthonormal(state.basis, state.step, vector),
        breakdown=jnp.zeros_like(state.breakdown),
    )
    return state, head


def _basis_of(
    op: LinearOperator, found: Search, kept: np.ndarray, goal: Goal
) -> tuple[State, Head]:
    """A basis of these Ritz vectors, those of earlier Krylov spaces first."""
    old, head, rows = found.state, found.head, len(found.head.values)
    earlier = (found.vectors[: head.locked] ** 2).sum(0)[kept] > 0.5
    kept = np.concatenate([kept[earlier], kept[~earlier]])
    last = 0.0
    if not bool(old.breakdown):
        last = np.asarray(old.betas, np.float64)[int(old.step) - 1]
    coupling = last * found.vectors[-1, kept]
    outer = head.outer @ found.vectors[:rows, kept]
    tails = [split(old.basis, old.step, tail)[1:] for tail in head.tails]
    # Couplings within rounding are none.
    strong = [
        i
        for i, (_, left) in enumerate(tails)
        if float(left) * np.abs(outer[i]).max(initial=0) > found.rounding()
    ]
    tails = tuple(tails[i][0] for i in strong)
    values, outer = found.values[kept], outer[strong]
    head = Head(values, coupling, outer, tails, int(earlier.sum()))
    given = coefficients(found, kept), goal.max_basis, storage.sharding_of(op)
    state = old._replace(
        basis=restarted(old.basis, *given),
        previous=jnp.zeros_like(old.previous),
        alphas=jnp.zeros_like(old.alphas),
        betas=jnp.zeros_like(old.betas),
        step=jnp.asarray(len(kept), jnp.int32),
    )
    return state, head


@jax.jit
def _orthonormal(rows: Basis, count, vector):
    for _ in range(2):
        vector = orthogonalise(rows, count, vector)
        vector /= norm(vector)
    return vector
