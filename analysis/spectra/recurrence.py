"""The three-term recurrence of Lanczos, as compiled programs: start, step, loop."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

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
from analysis.spectra.linear_operator import LinearOperator
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


@partial(jax.jit, static_argnames=("blocks", "full", "sharding"))
def begin(vector, rows, blocks, full, sharding) -> State:
    """The state before the first step, `scale` being the length of `vector`.

    `scale` is 0 if `vector` vanishes, or lies in the span of the locked `rows`.
    """
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
    return absorb(state, w, op.size, storage.sharding_of(op))


def absorb(state: State, w: jax.Array, size: int, sharding) -> State:
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


absorb_in_place = jax.jit(absorb, donate_argnums=0, static_argnums=(2, 3))


def run_until(op: LinearOperator, state: State, until: jax.Array) -> State:
    """The state at step `until`, or at an earlier breakdown; for jit and vmap."""

    def continues(state):
        return (state.step < until) & ~state.breakdown & jnp.isfinite(state.scale)

    state = _kept(storage.sharding_of(op), state)
    return jax.lax.while_loop(continues, partial(_step, op), state)


loop = jax.jit(run_until, donate_argnums=1)
