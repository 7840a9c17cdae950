"""The optax transformation does what `masked_update` does, in any loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from landscape import rng, sparsity
from landscape.registries import methods
from landscape.sparsity import (
    masked_update,
    rescored,
    scored_update,
    sparse_state,
    sparsify,
)

STEPS = 9
SHAPES = {"a": {"kernel": (8, 6), "bias": (6,)}, "b": {"kernel": (12, 4)}}
COUNTS = {"a/kernel": 10, "b/kernel": 7}
SETTINGS = dict(
    pruning_steps=(1, 8, 3),
    global_pruning=False,
    score="magnitude",
    score_examples=None,
    update_interval=2,
    last_update=8,
    drop_fraction=0.4,
    drop_schedule="cosine",
    schedule="constant",
    steps=9,
    warmup=0,
    decay_steps=(),
    decay_factor=0.1,
    pattern=(2, 4),
    phase_starts=((2, 7), (5,)),
    rounds_of_scores=2,
    per_layer=False,
)
# One method of all those that share an updater, and some settings of others.
ROWS = {row.updater: row for row in methods.METHODS.values()}
CASES = {row.name: {} for row in ROWS.values()}
CASES["global pruning"] = dict(global_pruning=True)
CASES["straight through"] = dict(pattern=None)
METHOD = {"global pruning": "pruning", "straight through": "ste"}
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


def make_updater(name):
    row = methods.METHODS[METHOD.get(name, name)]
    settings = {k: (SETTINGS | CASES[name])[k] for k in row.settings}
    return methods.resolve(row.updater)(COUNTS, weights(), **settings)


def scores(params):
    return jax.tree.map(lambda w, g: jnp.abs(w * g), params, jax.grad(loss)(params))


def in_a_strangers_loop(tx, updater, params):
    """Parameters and state, and masks and nonzero pruned weights by step."""
    state = tx.init(params)
    params = sparsity.project(params, state)
    for _ in range(updater.rounds if updater.scored else 0):
        params, state = rescored(updater, params, state, scores(params))

    def step(carry, _):
        params, state = carry
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), (state.masks, nonzero(state.masks, params))

    return jax.lax.scan(step, (params, state), length=STEPS)


def with_masked_update(optimizer, updater, seed, params):
    state = sparse_state(optimizer, updater, rng.stream(seed, "masks"), params)
    for _ in range(updater.rounds if updater.scored else 0):
        state, _ = scored_update(updater, state, scores(state.params))

    def step(state, _):
        key = rng.stream(seed, "updater", state.step)
        grads = jax.grad(loss)(state.params)
        state, _ = masked_update(optimizer, updater, key, state, grads)
        return state, state.masks

    return jax.lax.scan(step, state, length=STEPS)


@pytest.mark.parametrize("name", CASES)
def test_a_loop_with_the_transformation_is_one_with_masked_update(name):
    updater, seed = make_updater(name), 3
    tx = sparsify(OPTIMIZER, updater, seed)

    @jax.jit
    def both(params):
        return (
            in_a_strangers_loop(tx, updater, params),
            with_masked_update(OPTIMIZER, updater, seed, params),
        )

    ((params, state), (masks, wrong)), (want, want_masks) = both(weights())
    assert not wrong.any()
    assert state.step == STEPS
    for a, b in zip(*map(jax.tree.leaves, (masks, want_masks)), strict=True):
        np.testing.assert_array_equal(a, b)
    ours = params, state.inner_state, state.updater_state
    theirs = want.params, want.opt_state, want.updater_state
    # Both are sums of nine updates of about .1: a rounding of each is 1e-6 in all.
    for a, b in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    constant = masks["a"]["kernel"][1:] == masks["a"]["kernel"][:-1]
    moves = updater.steps is None or len(updater.steps(weights())) > 0
    assert moves == (not constant.all())


def test_what_has_just_grown_is_zero_whatever_the_optimizer_makes_of_it():
    # This one moves a weight without a gradient, too, as muon does.
    optimizer = optax.stateless(lambda grads, _: jax.tree.map(lambda g: g - 0.5, grads))
    tx = sparsify(optimizer, sparsity.updaters.rigl({"w": 3}, 1, 3, 0.4), seed=0)
    # Not projected before the first step, at which the masks change.
    params, grads = {"w": jnp.arange(1.0, 9.0)}, {"w": jnp.arange(8.0)}
    state = tx.init(params)
    updates, new = tx.update(grads, state, params)
    after = optax.apply_updates(params, updates)["w"]
    grown = new.masks["w"] & ~state.masks["w"]
    assert grown.sum() == 1 and not after[grown].any()
    assert (after != 0).sum() == 2
