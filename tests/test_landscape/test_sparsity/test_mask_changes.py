"""What changes with the masks: weights, the optimizer's state, memory of programs."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from landscape.sparsity import masked_update, sparse_state, updaters

SHAPE, COUNT = (4, 6), 10
OPTIMIZERS = {
    # Adds to second moments without a gradient.
    "adabelief": optax.adabelief(0.01),
    # The state of a new weight is not zero.
    "rprop": optax.rprop(0.01),
    "adagrad": optax.adagrad(0.01),
    "flatten": optax.flatten(optax.adam(0.01)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_grown_weights_start_from_zero_as_new_ones_and_dropped_ones_leave_nothing(name):
    optimizer, draw = OPTIMIZERS[name], np.random.default_rng(0)
    updater = updaters.rigl({"w": COUNT}, 3, 4, 0.5)
    params = {"w": draw.normal(size=SHAPE).astype(np.float32)}
    grads = [{"w": draw.normal(size=SHAPE).astype(np.float32)} for _ in range(3)]
    state = sparse_state(optimizer, updater, jax.random.key(0), params)
    alike = state._replace(opt_state=optimizer.init(state.params))
    step, still = (
        jax.jit(
            lambda state, grads, u=u: masked_update(optimizer, u, None, state, grads)
        )
        for u in (updater, updaters.unchanging)
    )
    for each in grads:
        before = np.asarray(state.masks["w"])
        state, info = step(state, each)
        alike, _ = still(alike, each)
    after = np.asarray(state.masks["w"])
    grown, dropped = after & ~before, before & ~after
    assert info["changed"] and after.sum() == COUNT
    assert grown.sum() == dropped.sum() > 0
    assert not np.asarray(state.params["w"])[grown | ~after].any()
    new, entries = optimizer.init(state.params), 0
    for leaf, initial, undisturbed in zip(
        *map(jax.tree.leaves, (state.opt_state, new, alike.opt_state)), strict=True
    ):
        if leaf.size == after.size:
            entries += 1
            leaf, initial, undisturbed = (
                np.asarray(x).reshape(SHAPE) for x in (leaf, initial, undisturbed)
            )
            assert not leaf[~after].any()
            np.testing.assert_array_equal(leaf[grown], initial[grown])
            stayed = after & before
            # The programs are two: XLA may round otherwise.
            np.testing.assert_allclose(leaf[stayed], undisturbed[stayed], rtol=1e-6)
    assert entries


def temporaries(updater, names):
    optimizer = optax.sgd(0.1, momentum=0.9)
    params = {name: jax.ShapeDtypeStruct((64, 64), jnp.float32) for name in names}
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(
        lambda key, params: sparse_state(optimizer, updater, key, params), key, params
    )
    program = jax.jit(
        lambda state, key, grads: masked_update(optimizer, updater, key, state, grads),
        donate_argnums=0,
    )
    compiled = program.lower(state, key, params).compile()
    return compiled.memory_analysis().temp_size_in_bytes


def test_the_ordinary_step_holds_no_scores_and_a_mask_update_those_of_one_layer():
    layer = 64 * 64 * 4
    assert temporaries(updaters.unchanging, "abc") < layer / 8
    one, three = (
        temporaries(updaters.rigl(dict.fromkeys(names, 9), 1, 9, 0.5), names)
        for names in ("a", "abc")
    )
    assert layer <= one and three < one + layer
