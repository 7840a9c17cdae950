"""Lanczos tridiagonalisation of a symmetric operator, re-orthogonalised.

A Q = Q T + beta q e^T with orthonormal Q: the eigenvalues of T (Ritz values) approach
those of A, its ends first (Golub & Van Loan, section 10.1). Rounding destroys the
orthogonality that the recurrence alone should give, and converged eigenvalues come back
as copies (ghosts); hence each new vector is orthogonalised against all earlier ones.

Vectors keep the operator's dtype; T is diagonalised on the host in float64.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from scipy.linalg import eigh_tridiagonal

from analysis.spectra import storage
from analysis.spectra.basis import (
    BLOCK,
    Basis,
    allocate,
    dot,
    norm,
    orthogonalise,
    write,
)
from analysis.spectra.linear_operator import (
    LinearOperator,
    check_operator,
    refuse_asymmetry,
)
from landscape.errors import InputError, RunFailure, check_choice
from landscape.one_line import one_line


class State(NamedTuple):
    """A tridiagonalisation after some steps; arrays on the device.

    Attributes:
      basis: arrays [BLOCK, n], rows q_0 .. q_(step-1), then zeros; none without
        re-orthogonalisation.
      current: [n], q_step; zero after a breakdown.
      previous: [n], q_(step-1).
      alphas: [capacity], the diagonal of T in its first `step` entries.
      betas: [capacity], betas[j] couples j and j + 1; the last is the residual's norm.
      step: completed steps, one product each.
      scale: the largest entry of T so far: what "small" is measured against.
      breakdown: True once the Krylov space is exhausted: all Ritz values are exact.
      asymmetry: the largest |q_(j-1) . A q_j - q_j . A q_(j-1)| over the scale.
    """

    basis: Basis
    current: jax.Array
    previous: jax.Array
    alphas: jax.Array
    betas: jax.Array
    step: jax.Array
    scale: jax.Array
    breakdown: jax.Array
    asymmetry: jax.Array

    __repr__ = one_line


class Ritz(NamedTuple):
    """Eigenvalues of T, float64, ascending.

    Attributes:
      values: [m].
      vectors: [m, m], eigenvectors of T in columns.
      bounds: [m], the norm of A v - value v for each Ritz vector v = Q s.
    """

    values: np.ndarray
    vectors: np.ndarray
    bounds: np.ndarray

    __repr__ = one_line


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
    state = _start(vector, rows.astype(op.dtype), blocks, full, sharding)
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
        state = _loop(op, state, done + num_steps)
    else:
        for _ in range(num_steps):
            if bool(state.breakdown):
                break
            w = op.matvec(state.current)
            state = _absorb_in_place(state, w, op.size, storage.sharding_of(op))
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


def ritz(state: State, first: int = 0) -> Ritz:
    """Eigenvalues, eigenvectors and residual bounds of T, from step `first` onwards.

    Raises:
      InputError: no step is done.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.array([1.0, 3.0])))
    >>> ritz(tridiagonalise(op, jnp.ones(2), 1)).bounds.round(4).tolist()
    [1.0]
    """
    steps = int(state.step)
    if steps <= first:
        raise InputError("there are no Ritz values before the first step.")
    alphas = np.asarray(state.alphas, np.float64)[first:steps]
    betas = np.asarray(state.betas, np.float64)[first:steps]
    # Its own scale: LAPACK's thresholds are relative, but its squares may underflow.
    scale = max(np.abs(alphas).max(), betas.max()) or 1.0
    values, vectors = eigh_tridiagonal(alphas / scale, betas[:-1] / scale)
    last = 0.0 if bool(state.breakdown) else betas[-1]
    return Ritz(values * scale, vectors, np.abs(last * vectors[-1]))


@partial(jax.jit, static_argnames=("blocks", "full", "sharding"))
def _start(vector, rows, blocks, full, sharding) -> State:
    basis = allocate(rows, blocks * BLOCK) if full else ()
    zeros = jnp.zeros(blocks * BLOCK, vector.dtype)
    step = jnp.asarray(len(rows), jnp.int32)
    before = norm(vector)
    vector = vector / jnp.where(before > 0, before, 1)
    if len(rows):
        vector = orthogonalise(basis, step, vector)
    length = norm(vector)
    # What rounding leaves of a vector in the span of the locked ones is not a start.
    vanished = length <= 100 * jnp.finfo(vector.dtype).eps
    state = State(
        basis=basis,
        current=vector / jnp.where(vanished, 1, length),
        previous=jnp.zeros_like(vector),
        alphas=zeros,
        betas=zeros,
        step=step,
        scale=jnp.where(vanished, 0, before),
        breakdown=jnp.zeros((), bool),
        asymmetry=jnp.zeros((), vector.dtype),
    )
    return _kept(sharding, state)


def _kept(sharding, state: State) -> State:
    """The state with its vectors where they are kept."""
    vectors = state.basis, state.current, state.previous
    basis, current, previous = storage.constrained(sharding, vectors)
    return state._replace(basis=basis, current=current, previous=previous)


def _step(op, state: State) -> State:
    w = op.matvec(state.current)
    return _absorb(state, w, op.size, storage.sharding_of(op))


def _absorb(state: State, w: jax.Array, size: int, sharding) -> State:
    """The step whose product is `w`, of an operator of this size."""
    j, q = state.step, state.current
    basis = write(state.basis, j, q)
    beta = jnp.where(j > 0, state.betas[jnp.maximum(j - 1, 0)], 0)
    w = w.astype(q.dtype)
    # Of a symmetric matrix it is beta, whatever was orthogonalised: a check for free.
    difference = jnp.abs(dot(state.previous, w) - beta)
    w = w - beta * state.previous
    alpha = dot(q, w)
    w = w - alpha * q
    if basis:
        w = orthogonalise(basis, j + 1, w)
    beta = norm(w)
    scale = jnp.maximum(state.scale, jnp.maximum(jnp.abs(alpha), beta))
    # Never an absolute threshold: a loss in other units has the same spectrum.
    breakdown = beta <= 10 * jnp.finfo(q.dtype).eps * scale
    breakdown |= j + 1 >= size
    following = jnp.where(breakdown, 0, w / jnp.where(beta > 0, beta, 1))
    state = State(
        basis=basis,
        current=following,
        previous=q,
        alphas=state.alphas.at[j].set(alpha),
        betas=state.betas.at[j].set(jnp.where(breakdown, 0, beta)),
        step=j + 1,
        scale=scale,
        breakdown=breakdown,
        asymmetry=jnp.maximum(
            state.asymmetry, difference / jnp.where(scale > 0, scale, 1)
        ),
    )
    return _kept(sharding, state)


_absorb_in_place = jax.jit(_absorb, donate_argnums=0, static_argnums=(2, 3))


def run_until(op: LinearOperator, state: State, until: jax.Array) -> State:
    """The state at step `until`, or at an earlier breakdown; for jit and vmap."""

    def continues(state):
        return (state.step < until) & ~state.breakdown & jnp.isfinite(state.scale)

    state = _kept(storage.sharding_of(op), state)
    return jax.lax.while_loop(continues, partial(_step, op), state)


_loop = jax.jit(run_until, donate_argnums=1)
