"""The optax transformation does what `masked_update` does, in any loop."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from landscape import rng, sparsity
from landscape.errors import InputError
from landscape.sparsity import (
    Updater,
    choices,
    masked_update,
    sparse_state,
    sparsify,
    updaters,
)

STEPS = 9
SHAPES = {"a": {"kernel": (6, 8), "bias": (8,)}, "b": {"kernel": (8, 4)}}
COUNTS = {"a/kernel": 10, "b/kernel": 7}
BY_LAYER = choices.by_layer(COUNTS)
UPDATERS = {
    "static": updaters.static(COUNTS),
    "pruning": updaters.pruning(COUNTS, 1, 8, 3),
    "global pruning": updaters.pruning(COUNTS, 1, 8, 3, global_=True),
    "set": updaters.set_(COUNTS, 2, 8, 0.4),
    "rigl": updaters.rigl(COUNTS, 2, 8, 0.4),
    "acdc": updaters.acdc(BY_LAYER, [2, 7], [5]),
    "straight through": updaters.straight_through(BY_LAYER, 1, 6, 2),
}
# Clipping joins all weights: it would tell a gradient of a pruned one.
OPTIMIZER = optax.chain(
    optax.clip_by_global_norm(0.5),
    optax.add_decayed_weights(0.1),
    optax.sgd(optax.cosine_decay_schedule(0.2, STEPS), momentum=0.9),
)


def weights(seed=0, dtype=np.float32):
    draw = np.random.default_rng(seed).normal
    return jax.tree.map(
        lambda shape: draw(size=shape).astype(dtype),
        SHAPES,
        is_leaf=lambda x: isinstance(x, tuple),
    )


def loss(params):
    """Its gradient is dense: not zero at a weight that is zero."""
    return sum(jnp.sum((x - 0.3) ** 2 * (1 + x)) for x in jax.tree.leaves(params))


def nonzero(masks, params):
    """The number of pruned weights that are not zero."""
    pairs = zip(jax.tree.leaves(masks), jax.tree.leaves(params), strict=True)
    return sum(jnp.sum(~mask & (leaf != 0)) for mask, leaf in pairs)


def loop(tx, params, steps=STEPS, seed=None):
    """A stranger's loop: parameters, state, and nonzero pruned weights by step."""

    def step(carry, _):
        params, state = carry
        value, grads = jax.value_and_grad(loss)(params)
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        (found,) = sparsity.sparsified.states_of(state)
        return (params, state), nonzero(found.masks, params)

    return *jax.lax.scan(step, (params, tx.init(params)), length=steps)[0], 0


def close(one, other, rtol=1e-5):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", UPDATERS)
def test_a_loop_with_the_transformation_is_one_with_masked_update(name):
    updater, seed = UPDATERS[name], 3
    tx = sparsify(OPTIMIZER, updater, seed)

    def strangers(params):
        state = tx.init(params)
        params = sparsity.project(params, state)

        def step(carry, _):
            params, state = carry
            updates, state = tx.update(jax.grad(loss)(params), state, params)
            params = optax.apply_updates(params, updates)
            return (params, state), (state.masks, nonzero(state.masks, params))

        return jax.lax.scan(step, (params, state), length=STEPS)

    def own(params):
        state = sparse_state(OPTIMIZER, updater, rng.stream(seed, "masks"), params)

        def step(state, _):
            key = rng.stream(seed, "updater", state.step)
            grads = jax.grad(loss)(state.params)
            state, _ = masked_update(OPTIMIZER, updater, key, state, grads)
            return state, state.masks

        return jax.lax.scan(step, state, length=STEPS)

    ours, theirs = jax.jit(lambda p: (strangers(p), own(p)))(weights())
    (params, state), (masks, wrong) = ours
    want, want_masks = theirs
    assert not wrong.any()
    for a, b in zip(*map(jax.tree.leaves, (masks, want_masks)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert state.step == STEPS
    assert int(masks["a"]["kernel"][-1].sum()) < 48
    close(params, want.params)
    close(state.inner_state, want.opt_state)
    close(state.updater_state, want.updater_state)
    changed = (masks["a"]["kernel"][1:] != masks["a"]["kernel"][:-1]).any((1, 2))
    assert changed.any() == (name != "static")
