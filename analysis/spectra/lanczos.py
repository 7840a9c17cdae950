"""Lanczos tridiagonalisation of a symmetric operator, re-orthogonalised.

A Q = Q T + beta q e^T with orthonormal Q: the eigenvalues of T (Ritz values) approach
those of A, its ends first (Golub & Van Loan, section 10.1). Rounding destroys the
orthogonality that the recurrence alone should give, and converged eigenvalues come back
as copies (ghosts); hence each new vector is orthogonalised against all earlier ones.

Vectors keep the operator's dtype; T is diagonalised on the host in float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from analysis.spectra import recurrence, storage
from analysis.spectra.basis import BLOCK
from analysis.spectra.linear_operator import (
    LinearOperator,
    check_operator,
    refuse_asymmetry,
)
from analysis.spectra.recurrence import State
from landscape.errors import InputError, RunFailure, check_choice


def start(
    op: LinearOperator,
    vector: ArrayLike,
    capacity: int,
    *,
    reorthogonalise: str = "full",
    locked: ArrayLike | None = None,
) -> State:
    """The state before the first step.

    Args:
      op: a symmetric operator.
      vector: [n], the start, not zero; it is normalised.
      capacity: largest number of steps (rounded up to whole blocks).
      reorthogonalise: "full": against all earlier vectors, and a second time where the
        first removed much ("twice is enough"); keeps capacity * n numbers. "none":
        keeps three vectors, and ghosts appear.
      locked: [k, n], orthonormal rows that all vectors are kept orthogonal to; they
        are the first k vectors of the basis, with zeros in T.

    Raises:
      InputError: wrong shapes, a zero or non-finite start, or a capacity below 1.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> start(from_matrix(jnp.eye(4)), jnp.ones(4), 2).current.tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    check_choice("re-orthogonalisation", reorthogonalise, ("full", "none"))
    if capacity < 1:
        raise InputError(f"the number of steps must be at least 1, not {capacity}.")
    if np.shape(vector) != (op.size,):
        raise InputError(
            f"the start must have shape ({op.size},), not {np.shape(vector)}."
        )
    shape = (0, op.size) if locked is None else np.shape(locked)
    if shape[1:] != (op.size,):
        raise InputError(
            f"locked vectors must be rows of {op.size}, not of shape {shape}."
        )
    vector = storage.placed(op, vector)
    rows = storage.placed(op, locked) if shape[0] else jnp.zeros((0, len(vector)))
    if len(rows) and reorthogonalise == "none":
        raise InputError("locked vectors need the full re-orthogonalisation.")
    blocks = -(-(len(rows) + capacity) // BLOCK)
    sharding = storage.sharding_of(op)
    full = reorthogonalise == "full"
    state = recurrence.begin(vector, rows.astype(op.dtype), blocks, full, sharding)
    length = float(state.scale)
    if not (np.isfinite(length) and length > 0):
        raise InputError(
            "the start must be finite, not zero, and not among the locked vectors."
        )
    return state._replace(scale=jnp.zeros_like(state.scale))


def advance(
    op: LinearOperator, state: State, num_steps: int, *, overwrite: bool = False
) -> State:
    """`num_steps` further steps, fewer if a breakdown comes before.

    One compiled loop for any number of steps where `op.scannable`, else one jitted call
    per step. Two calls give the same bits as one of the same total. `overwrite` donates
    the given state's arrays, which saves time and memory for a copy of the basis.

    Raises:
      InputError: more steps than the state's capacity.
      RunFailure: a product is not finite.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.arange(4.0)))
    >>> state = advance(op, start(op, jnp.ones(4), 4), 2)
    >>> int(state.step), state.alphas[:2].tolist()
    (2, [1.5, 1.5])
    """
    done, capacity = int(state.step), len(state.alphas)
    if not 0 <= num_steps <= capacity - done:
        raise InputError(
            f"the state has capacity for {capacity - done} more steps, not {num_steps}."
        )
    if not overwrite:
        state = jax.tree.map(jnp.copy, state)
    if op.scannable:
        state = recurrence.loop(op, state, done + num_steps)
    else:
        for _ in range(num_steps):
            if bool(state.breakdown):
                break
            w = op.matvec(state.current)
            state = recurrence.absorb_in_place(
                state, w, op.size, storage.sharding_of(op)
            )
    check_finite(state)
    return state


def check_symmetric(state: State) -> None:
    """Raises InputError if products of the earlier steps were not symmetric.

    Not for starts with locked vectors: what these leave may be rounding alone.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.eye(3) + jnp.eye(3, k=1))
    >>> tridiagonalise(op, jnp.ones(3), 2)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the operator must be symmetric, but u . A v and v . A \
u differ by 0.424 of its scale: has the loss a backward pass of its own (custom_vjp, \
straight-through, clipped or reversed gradients), half precision within, or nothing \
but rounding?
    """
    refuse_asymmetry(np.max(np.asarray(state.asymmetry)), state.alphas.dtype)


def check_finite(state: State) -> None:
    """Raises RunFailure if a product of the earlier steps was not finite."""
    if not np.isfinite(np.asarray(state.scale)).all():
        raise RunFailure(
            "a product of the operator with a finite vector is not finite: the loss or"
            " its curvature overflows at these parameters."
        )


def tridiagonalise(
    op: LinearOperator,
    vector: ArrayLike,
    num_steps: int,
    *,
    reorthogonalise: str = "full",
    locked: ArrayLike | None = None,
) -> State:
    """`num_steps` steps of Lanczos from `vector`; arguments and errors as in `start`.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> from analysis.spectra.ritz_values import ritz
    >>> state = tridiagonalise(from_matrix(jnp.eye(4)), jnp.ones(4), 3)
    >>> int(state.step), bool(state.breakdown), ritz(state).values.tolist()
    (1, True, [1.0])
    """
    check_operator(op)
    state = start(op, vector, num_steps, reorthogonalise=reorthogonalise, locked=locked)
    state = advance(op, state, num_steps, overwrite=True)
    if locked is None:
        check_symmetric(state)
    return state
