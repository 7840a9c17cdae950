"""Pruned weights stay exactly zero and gather nothing, whatever the optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from landscape.sparsity import (
    choices,
    masked_update,
    prunable,
    sparse_state,
    updaters,
)
from landscape.trees import map_named, named_leaves

STEPS = 50
COUNTS = {"Conv_0/kernel": 7, "Dense_0/kernel": 13}
SHAPES = {
    "Conv_0": {"kernel": (3, 3, 2, 4), "bias": (4,)},
    "BatchNorm_0": {"scale": (4,), "bias": (4,)},
    "Dense_0": {"kernel": (12, 10), "bias": (10,)},
}
OPTIMIZERS = {
    "sgd with momentum": optax.chain(
        optax.add_decayed_weights(0.1), optax.sgd(0.1, momentum=0.9, nesterov=True)
    ),
    "adamw": optax.adamw(0.01, weight_decay=0.1),
    "lion": optax.lion(0.01, weight_decay=0.1),
    "rmsprop": optax.rmsprop(0.01, momentum=0.9, centered=True),
    "adafactor": optax.adafactor(
        0.01, min_dim_size_to_factor=8, momentum=0.9, weight_decay_rate=0.1
    ),
    "MultiSteps": optax.MultiSteps(optax.adamw(0.01, weight_decay=0.1), 3),
    "inject_hyperparams": optax.inject_hyperparams(optax.adamw)(
        optax.cosine_decay_schedule(0.01, STEPS), weight_decay=0.1
    ),
    "clipping by the global norm": optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(0.01, mu_dtype=jnp.bfloat16)
    ),
    # As an optimizer that adds noise does.
    "updates without gradients": optax.chain(
        optax.sgd(0.01, momentum=0.9),
        optax.stateless(lambda updates, _: jax.tree.map(lambda u: u + 1e-3, updates)),
    ),
}
# Added to second moments whether or not there is a gradient.
FLOORS = {"adafactor": 1e-30}


def make_updater(method, params):
    if method == "static":
        return updaters.static(COUNTS)
    if method == "fixed":
        return updaters.fixed(random_masks(params))
    if method == "nm":
        return updaters.n_of_m(COUNTS, 1, 6, 4, 41, 7)
    if method == "acdc":
        return updaters.acdc(choices.by_layer(COUNTS), [4, 20, 41], [12, 30])
    if method == "ste":
        return updaters.straight_through(choices.by_layer(COUNTS), 4, 41, 7)
    # The end is not on the grid of updates.
    return updaters.pruning(COUNTS, 4, 41, 7, global_=method == "global pruning")


def random_masks(params):
    """As a static updater draws them, but made without compiling anything."""
    draw = np.random.default_rng(1)

    def choose(name, leaf):
        chosen = draw.permutation(leaf.size) < COUNTS.get(name, leaf.size)
        return chosen.reshape(leaf.shape) if name in COUNTS else np.array(True)

    return map_named(choose, params)


def leaked(kept, tree):
    """Largest magnitude at a pruned weight, over all arrays of a weight's shape."""
    by_shape = {m.shape: m for m in jax.tree.leaves(kept) if m.ndim}
    planted = [
        jnp.where(by_shape[leaf.shape], 0, jnp.abs(leaf)).max()
        for leaf in jax.tree.leaves(tree)
        if jnp.shape(leaf) in by_shape
    ]
    return jnp.stack([x.astype(jnp.float32) for x in planted])


def train(optimizer, updater, params):
    """Fifty steps in one loop, with gradients that are not finite where pruned."""
    draw = np.random.default_rng(2)
    gradients = jax.tree.map(
        lambda p: draw.normal(size=(STEPS, *p.shape)).astype(p.dtype), params
    )

    def body(state, grads):
        bad = jnp.where(state.step % 2 == 0, jnp.inf, jnp.nan)
        grads = jax.tree.map(
            lambda mask, g: jnp.where(mask, g, bad.astype(g.dtype)), state.masks, grads
        )
        state, info = masked_update(optimizer, updater, None, state, grads)
        weights, moments = (
            leaked(state.masks, tree) for tree in (state.params, state.opt_state)
        )
        return state, (weights, moments, info["changed"])

    @jax.jit
    def run(params, gradients):
        state = sparse_state(optimizer, updater, jax.random.key(0), params)
        return jax.lax.scan(body, state, gradients)

    return jax.device_get(run(params, gradients))


CASES = [(m, name, "float32") for name in OPTIMIZERS for m in ("pruning", "fixed")]
COMMON = "sgd with momentum", "adamw", "lion", "MultiSteps"
CASES += [(m, name, "float32") for name in COMMON for m in ("nm", "acdc")]
CASES += [
    ("global pruning", "adamw", "float32"),
    ("pruning", "adamw", "bfloat16"),
    ("global pruning", "sgd with momentum", "bfloat16"),
    ("static", "adamw", "float32"),
]


@pytest.mark.parametrize(("method", "name", "dtype"), CASES)
def test_pruned_weights_stay_zero_and_gather_neither_momentum_nor_decay(
    method, name, dtype
):
    draw = np.random.default_rng(0)
    params = jax.tree.map(
        lambda shape: draw.normal(size=shape).astype(jnp.dtype(dtype)),
        SHAPES,
        is_leaf=lambda x: isinstance(x, tuple),
    )
    updater = make_updater(method, params)
    state, (weights, gathered, changed) = train(OPTIMIZERS[name], updater, params)
    assert state.step == STEPS
    after, kept, moments = state.params, state.masks, state.opt_state
    assert weights.shape == (STEPS, 2)
    assert not weights.any()
    assert gathered.shape[1] >= 2
    assert gathered.max() <= FLOORS.get(name, 0)

    counts = {k: int(named_leaves(kept)[k].sum()) for k in COUNTS}
    if method == "nm":
        for mask in (m for m in jax.tree.leaves(kept) if m.ndim):
            groups = mask.reshape(-1, 6, mask.shape[-1])
            assert (groups.sum(1) == 1).all()
    elif method == "global pruning":
        assert sum(counts.values()) == sum(COUNTS.values())
    else:
        assert counts == COUNTS
    assert changed.any() == (method not in ("static", "fixed"))
    leaves, before = named_leaves(after), named_leaves(params)
    assert set(prunable(params)) == set(COUNTS)
    for leaf in leaves:
        assert leaves[leaf].dtype == dtype
        assert np.isfinite(leaves[leaf].astype(np.float32)).all(), leaf
        moved = leaves[leaf] != before[leaf]
        live = np.broadcast_to(named_leaves(kept)[leaf], moved.shape)
        assert moved[live].mean() > 0.5, leaf
    for leaf in jax.tree.leaves(moments):
        assert np.isfinite(np.asarray(leaf, np.float32)).all()


@pytest.mark.parametrize("name", COMMON)
def test_straight_through_the_network_is_zero_where_pruned_and_its_latent_weights_not(
    name,
):
    draw = np.random.default_rng(0)

    def drawn(*times):
        normal = lambda shape: draw.normal(size=(*times, *shape))  # noqa: E731
        return jax.tree.map(normal, SHAPES, is_leaf=lambda x: isinstance(x, tuple))

    params, gradients = drawn(), drawn(STEPS)
    optimizer, updater = OPTIMIZERS[name], make_updater("ste", params)

    @jax.jit
    def run(params, gradients):
        def body(state, grads):
            state, info = masked_update(optimizer, updater, None, state, grads)
            latent = state.updater_state.latent
            pairs = zip(
                jax.tree.leaves(jax.tree.map(jnp.where, state.masks, latent, zeros)),
                jax.tree.leaves(state.params),
                strict=True,
            )
            off = jnp.stack([jnp.any(want != got) for want, got in pairs])
            return state, (leaked(state.masks, state.params), off, info["changed"])

        zeros = jax.tree.map(jnp.zeros_like, params)
        state = sparse_state(optimizer, updater, None, params)
        return jax.lax.scan(body, state, gradients)

    state, (weights, off, changed) = jax.device_get(run(params, gradients))
    assert not weights.any() and not off.any()
    assert changed.any()
    for layer, count in COUNTS.items():
        mask, latent, before = (
            named_leaves(tree)[layer]
            for tree in (state.masks, state.updater_state.latent, params)
        )
        assert mask.sum() == count
        assert (latent != before).all()
    assert leaked(state.masks, state.opt_state).max() > 0
    assert state.step == STEPS


def test_moments_of_kept_weights_are_those_of_the_optimizer_alone():
    """Masks that keep everything must not be felt by the optimizer."""
    params = {"kernel": jnp.ones((4, 3)), "bias": jnp.ones(3)}
    optimizer = optax.adamw(0.01, weight_decay=0.1)
    everything = {"kernel": jnp.ones((4, 3), bool), "bias": jnp.array(True)}
    updater = updaters.fixed(everything)
    state = sparse_state(optimizer, updater, None, params)
    plain, plain_moments = params, optimizer.init(params)
    for step in range(3):
        grads = jax.tree.map(lambda p, t=step: jnp.sin(p + t), plain)
        updates, plain_moments = optimizer.update(grads, plain_moments, plain)
        plain = optax.apply_updates(plain, updates)
        state, _ = masked_update(optimizer, updater, None, state, grads)
    for a, b in zip(
        jax.tree.leaves((state.params, state.opt_state)),
        jax.tree.leaves((plain, plain_moments)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
