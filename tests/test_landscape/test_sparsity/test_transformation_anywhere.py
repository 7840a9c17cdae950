"""The optax transformation with other optimizers, dtypes, libraries and loops."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from flax import linen, nnx
from flax.training.train_state import TrainState

from landscape import rng, sparsity
from landscape.errors import InputError
from landscape.sparsity import Updater, masked_update, sparse_state, sparsify, updaters

PARAMS = {
    name: np.random.default_rng(i).normal(size=shape).astype("float32")
    for i, (name, shape) in enumerate({"kernel": (3, 4), "bias": (4,)}.items())
}
KEPT = {"kernel": np.arange(12).reshape(3, 4) % 3 > 0, "bias": np.array(True)}
ALL = {"kernel": np.ones((3, 4), bool), "bias": np.array(True)}
PRUNING = updaters.pruning({"kernel": 5}, 0, 4, 1)


def kinds(params):
    return {"kernel": "matrix", "bias": "vector"}


OPTIMIZERS = {
    "adamw": optax.adamw(0.01, weight_decay=0.1),
    "lion": optax.lion(0.01, weight_decay=0.1),
    "rmsprop": optax.rmsprop(0.01, momentum=0.9, centered=True),
    "adafactor": optax.adafactor(0.01, min_dim_size_to_factor=2, momentum=0.9),
    "inject_hyperparams": optax.inject_hyperparams(optax.adamw)(
        optax.cosine_decay_schedule(0.01, 9)
    ),
    "masked": optax.masked(optax.adam(0.01), {"kernel": True, "bias": False}),
    "multi_transform": optax.multi_transform(
        {"matrix": optax.adam(0.01), "vector": optax.sgd(0.01)}, kinds
    ),
    "muon": optax.contrib.muon(0.01, ns_steps=1),
    "flatten": optax.flatten(optax.adam(0.01)),
    "MultiSteps": optax.MultiSteps(optax.adamw(0.01), 2),
    "apply_if_finite": optax.apply_if_finite(optax.adam(0.01), 3),
    "prodigy": optax.contrib.prodigy(1.0),
    "dog": optax.contrib.dog(0.1),
    "polyak_sgd": optax.polyak_sgd(),
    "line search": optax.chain(
        optax.sgd(0.01), optax.scale_by_backtracking_linesearch(2, store_grad=True)
    ),
    "reduce_on_plateau": optax.chain(
        optax.adam(0.01), optax.contrib.reduce_on_plateau(patience=1)
    ),
    "lbfgs": optax.lbfgs(
        0.1, 2, linesearch=optax.scale_by_zoom_linesearch(max_linesearch_steps=2)
    ),
}
WANTS = {
    "polyak_sgd": ("value",),
    "line search": ("value", "grad", "value_fn"),
    "reduce_on_plateau": ("value",),
    "lbfgs": ("value", "grad", "value_fn"),
}


def loss(params):
    """Its gradient is dense: not zero at a weight that is zero."""
    return sum(jnp.sum((x - 0.3) ** 2) for x in jax.tree.leaves(params))


def at_second_step(steps):
    def update(step, key, params, grads, masks, state):
        return (KEPT if step >= 2 else masks), state, {"changed": step == 2}

    return Updater(lambda key, params: (ALL, ()), update, steps=steps)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_any_optimizer_does_what_it_does_with_masked_update(name):
    optimizer, updater = OPTIMIZERS[name], at_second_step(lambda params: (2,))
    with jax.disable_jit():
        own = sparse_state(optimizer, updater, None, PARAMS)
        tx = sparsify(optimizer, updater, 0)
        params, state = PARAMS, tx.init(PARAMS)
        for _ in range(3):
            value, grads = jax.value_and_grad(loss)(params)
            given = dict(value=value, grad=grads, value_fn=loss)
            extra = {k: given[k] for k in WANTS.get(name, ())}
            own, _ = masked_update(optimizer, updater, None, own, grads, **extra)
            updates, state = tx.update(grads, state, params, **extra)
            params = optax.apply_updates(params, updates)
            sparsity.check(params, state)
    assert state.step == 3 and (state.masks["kernel"] == KEPT["kernel"]).all()
    live = KEPT["kernel"]
    np.testing.assert_array_equal(params["kernel"][~live], 0)
    np.testing.assert_allclose(params["kernel"], own.params["kernel"], rtol=1e-5)
    np.testing.assert_allclose(params["bias"], own.params["bias"], rtol=1e-5)
    assert (params["kernel"] != PARAMS["kernel"]).mean() > 0.5
    for leaf in jax.tree.leaves(state.inner_state):
        if jnp.shape(leaf)[-2:] == (3, 4):
            assert jnp.abs(jnp.asarray(leaf, jnp.float32)[..., ~live]).max() <= 1e-8


@pytest.mark.parametrize("of_params", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("of_updates", ["float32", "bfloat16", "float16"])
def test_pruned_is_zero_and_kept_is_the_optimizers_in_every_dtype(
    of_params, of_updates
):
    sizes = 10.0 ** np.linspace(-40, 4, 880)
    values = np.random.default_rng(0).normal(size=880) * sizes
    values = jnp.asarray(np.append(values, [-0.0, 0.0, 6e-8, 1e-40]), of_params)
    masks = {"w": jnp.arange(len(values)) % 3 == 0}
    given = {"w": jnp.linspace(-1, 1, len(values)).astype(of_updates)}
    inner = optax.stateless(lambda updates, params: given)
    tx = sparsify(inner, updaters.fixed(masks), 0)
    params = {"w": values}

    def one(params, state):
        updates, _ = tx.update({"w": jnp.zeros_like(values)}, state, params)
        return updates, optax.apply_updates(params, updates)

    state = tx.init(params)
    for call in (one, jax.jit(one)):
        updates, after = call(params, state)
        assert after["w"].dtype == of_params
        zeros = np.asarray(after["w"], np.float32)[~masks["w"]]
        assert not zeros.any() and not np.signbit(zeros).any()
        want = optax.apply_updates(params, given)["w"]
        np.testing.assert_array_equal(after["w"][masks["w"]], want[masks["w"]])
        np.testing.assert_array_equal(
            updates["w"][masks["w"]].astype(of_updates), given["w"][masks["w"]]
        )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sparsify(0.1, PRUNING, 0), "wraps an optimizer of optax, not float"),
        (lambda: sparsify(optax.sgd(0.1), "rigl", 0), "takes an updater .*, not str"),
        (lambda: sparsify(optax.sgd(0.1), PRUNING, -1), "0 to 2147483647, not -1"),
        (
            lambda: sparsify(
                optax.lookahead(optax.sgd(0.1), 3, 0.5), PRUNING, 0
            ).init(PARAMS),
            "the optimizer lookahead cannot update masked parameters",
        ),
        (
            lambda: sparsify(
                optax.chain(optax.lookahead(optax.sgd(0.1), 3, 0.5)), PRUNING, 0
            ).init(PARAMS),
            "cannot update masked parameters",
        ),
        (
            lambda: sparsify(
                optax.sgd(0.1), updaters.static({"kernle": 2}), 0
            ).init(PARAMS),
            "'kernle'.*kernel",
        ),
        (lambda: sparsity.check(PARAMS, optax.EmptyState()), "0 states of sparsify"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(make, message):
    with pytest.raises(InputError, match=message) as error:
        make()
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("argument", ["params", "value"])
def test_an_argument_that_is_missing_is_named_at_the_first_update(argument):
    if argument == "params":
        tx, given = sparsify(optax.sgd(0.1), PRUNING, 0), ()
    else:
        tx, given = sparsify(optax.polyak_sgd(), PRUNING, 0), (PARAMS,)
    with pytest.raises(InputError, match=argument):
        tx.update(PARAMS, tx.init(PARAMS), *given)


def run(tx, steps, params=PARAMS, bad=()):
    """The first steps of a loop, one by one; a gradient is not finite at `bad`."""
    state, update = tx.init(params), jax.jit(tx.update)
    for step in range(steps):
        grads = jax.grad(loss)(params)
        if step in bad:
            grads = jax.tree.map(lambda g: g * jnp.nan, grads)
        updates, state = update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return params, state


def found(state):
    is_state = lambda node: isinstance(node, sparsity.SparsifyState)  # noqa: E731
    (one,) = [x for x in jax.tree.leaves(state, is_leaf=is_state) if is_state(x)]
    return one


def test_multi_steps_outside_counts_real_steps_and_inside_every_call():
    inside = sparsify(optax.MultiSteps(optax.adam(0.1), 2), PRUNING, 0)
    outside = optax.MultiSteps(sparsify(optax.adam(0.1), PRUNING, 0), 2)
    for tx, steps, kept in ((inside, 4, 5), (outside, 2, 6)):
        params, state = run(tx, 4)
        sparsity.check(params, state)
        assert found(state).step == steps
        assert int(found(state).masks["kernel"].sum()) == kept
        assert np.count_nonzero(params["kernel"]) == kept


def test_a_gradient_that_is_not_finite_is_skipped_inside_and_outside():
    inside = sparsify(optax.apply_if_finite(optax.adam(0.1), 5), PRUNING, 0)
    outside = optax.apply_if_finite(sparsify(optax.adam(0.1), PRUNING, 0), 5)
    for tx, steps in ((inside, 4), (outside, 3)):
        params, state = run(tx, 4, bad=(1,))
        sparsity.check(params, state)
        assert found(state).step == steps
        assert np.isfinite(params["kernel"]).all()


@pytest.mark.parametrize("around", [
    lambda tx: optax.chain(tx, optax.scale(0.5)),
    lambda tx: optax.chain(tx, optax.add_decayed_weights(0.1)),
])  # fmt: skip
def test_what_changes_the_updates_afterwards_is_told(around):
    params, state = run(around(sparsify(optax.sgd(0.1), PRUNING, 0)), 2)
    with pytest.raises(InputError, match="pruned weights of kernel are not zero"):
        sparsity.check(params, state)
    first = optax.chain(optax.clip(1.0), sparsify(optax.sgd(0.1), PRUNING, 0))
    sparsity.check(*run(first, 2))


def test_step_0_is_projected_by_name_or_by_the_first_update():
    tx = sparsify(optax.sgd(0.1), updaters.static({"kernel": 4}), 1)
    state = tx.init(PARAMS)
    with pytest.raises(InputError, match="8 of 8"):
        sparsity.check(PARAMS, state)
    sparsity.check(sparsity.project(PARAMS, state), state)
    sparsity.check(*run(tx, 1))
    own = updaters.static({"kernel": 4}).init(rng.stream(1, "masks"), PARAMS)[0]
    np.testing.assert_array_equal(state.masks["kernel"], own["kernel"])


def test_seeds_under_vmap_are_single_runs():
    static = updaters.static({"kernel": 4})

    def train(seed):
        tx = sparsify(optax.adam(0.1), static, seed)
        state = tx.init(PARAMS)

        def step(carry, _):
            params, state = carry
            updates, state = tx.update(jax.grad(loss)(params), state, params)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (PARAMS, state), length=3)[0]

    params, state = jax.jit(jax.vmap(train))(jnp.arange(3))
    sparsity.check(params, state)
    masks = np.asarray(state.masks["kernel"])
    assert (masks.sum((1, 2)) == 4).all() and (masks[0] != masks[1]).any()
    for seed in range(3):
        alone, _ = run(sparsify(optax.adam(0.1), static, seed), 3)
        np.testing.assert_allclose(params["kernel"][seed], alone["kernel"], rtol=1e-5)


class Linen(linen.Module):
    @linen.compact
    def __call__(self, x):
        return linen.Dense(2)(linen.relu(linen.Dense(8)(x)))


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(4, 8, rngs=rngs)
        self.last = nnx.Linear(8, 2, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.relu(self.first(x)))


X = np.random.default_rng(3).normal(size=(16, 4)).astype("float32")
Y = X[:, :2] ** 2


def sparse_adam(params):
    counts = sparsity.kept_counts(sparsity.prunable(params), 0.75)
    return sparsify(optax.adam(0.05), updaters.pruning(counts, 0, 3, 1), seed=0)


def trained_linen():
    params = Linen().init(jax.random.key(0), X)
    state = TrainState.create(
        apply_fn=Linen().apply, params=params, tx=sparse_adam(params)
    )

    @jax.jit
    def step(state):
        fit = lambda params: jnp.mean((state.apply_fn(params, X) - Y) ** 2)  # noqa: E731
        return state.apply_gradients(grads=jax.grad(fit)(state.params))

    for _ in range(4):
        state = step(state)
    return state.params, state


def trained_nnx_optimizer():
    model = Nnx(nnx.Rngs(0))
    tx = sparse_adam(nnx.state(model, nnx.Param))
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer):
        grads = nnx.grad(lambda model: jnp.mean((model(X) - Y) ** 2))(model)
        optimizer.update(model, grads)

    for _ in range(4):
        step(model, optimizer)
    return nnx.state(model, nnx.Param), optimizer.opt_state


def trained_nnx_split():
    graph, params = nnx.split(Nnx(nnx.Rngs(0)), nnx.Param)
    tx = sparse_adam(params)
    state = tx.init(params)

    @jax.jit
    def step(params, state):
        fit = lambda params: jnp.mean((nnx.merge(graph, params)(X) - Y) ** 2)  # noqa: E731
        updates, state = tx.update(jax.grad(fit)(params), state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(4):
        params, state = step(params, state)
    return params, state


@pytest.mark.parametrize(
    "train", [trained_linen, trained_nnx_optimizer, trained_nnx_split]
)
def test_networks_of_flax_end_at_the_sparsity(train):
    params, state = train()
    sparsity.check(params, state)
    kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim == 2]
    assert {k.size: np.count_nonzero(k) for k in kernels} == {32: 8, 16: 4}


def test_saved_and_restored_in_the_middle_ends_with_the_same_bits(tmp_path):
    tx = sparsify(
        optax.adam(0.1), updaters.rigl({"kernel": 5}, 2, 9, drop_fraction=0.5), seed=4
    )

    @jax.jit
    def step(carry):
        params, state = carry
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    carry = jax.tree.map(jnp.asarray, PARAMS), tx.init(PARAMS)
    for i in range(6):
        carry = step(carry)
        if i == 2:
            with ocp.StandardCheckpointer() as checkpointer:
                checkpointer.save(tmp_path / "state", carry)
    with ocp.StandardCheckpointer() as checkpointer:
        like = jax.eval_shape(lambda: (PARAMS, tx.init(PARAMS)))
        again = checkpointer.restore(tmp_path / "state", like)
    assert again[1].step == 3
    donated = jax.jit(lambda carry: step(carry), donate_argnums=0)
    for _ in range(3):
        again = donated(again)
    for a, b in zip(*map(jax.tree.leaves, (again, carry)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_donated_state_leaves_the_updaters_own_masks_alone():
    masks = jax.tree.map(jnp.asarray, KEPT)
    tx = sparsify(optax.sgd(0.1), updaters.fixed(masks), 0)
    step = jax.jit(tx.update, donate_argnums=1)
    for _ in range(2):
        step(PARAMS, tx.init(PARAMS), PARAMS)


def test_steps_without_a_mask_update_may_be_of_unchanging():
    updater = updaters.rigl({"kernel": 5}, 2, 9, drop_fraction=0.5)
    whole = sparsify(optax.adam(0.1), updater, seed=4)
    ordinary = sparsify(optax.adam(0.1), updaters.unchanging, seed=4)
    params, state = PARAMS, whole.init(PARAMS)
    for step in range(1, 6):
        tx = whole if step in updater.steps(params) else ordinary
        updates, state = tx.update(jax.grad(loss)(params), state, params)
        params = optax.apply_updates(params, updates)
        sparsity.check(params, state)
    want, same = run(whole, 5)
    np.testing.assert_array_equal(state.masks["kernel"], same.masks["kernel"])
    assert state.step == 5 and updater.steps(params) == (2, 4, 6, 8)
    np.testing.assert_allclose(params["kernel"], want["kernel"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["rprop", "adagrad"])
def test_an_initial_state_that_is_not_zero_is_zero_where_a_weight_is_pruned(name):
    optimizer = getattr(optax, name)(0.1)
    state = sparsify(optimizer, updaters.fixed(KEPT), 0).init(PARAMS)
    found = [x for x in jax.tree.leaves(state.inner_state) if jnp.shape(x) == (3, 4)]
    plain = jax.tree.leaves(optimizer.init(PARAMS))
    plain = [x for x in plain if jnp.shape(x) == (3, 4)]
    assert any(jnp.any(x != 0) for x in plain)
    for own, whole in zip(found, plain, strict=True):
        want = np.where(KEPT["kernel"], whole, 0)
        np.testing.assert_array_equal(own, want)


def test_a_line_search_keeps_no_gradient_that_a_mask_update_needs_or_has_changed():
    seen = []

    def update(step, key, params, grads, masks, state):
        seen.append(grads)
        new = KEPT if step == 2 else ALL if step == 4 else masks
        return new, state, {"changed": (step == 2) | (step == 4)}

    search = optax.scale_by_backtracking_linesearch(2, store_grad=True)
    optimizer = optax.chain(optax.sgd(0.01), search)
    grows = Updater(lambda *_: (ALL, ()), update, steps=lambda params: (2, 4))
    tx = sparsify(optimizer, grows, 0)
    params, state = PARAMS, tx.init(PARAMS)
    value_and_grad = optax.value_and_grad_from_state(loss)
    with jax.disable_jit():
        for step in range(1, 6):
            value, grads = value_and_grad(params, state=state.inner_state)
            true_value, true_grads = jax.value_and_grad(loss)(params)
            np.testing.assert_allclose(value, true_value, rtol=1e-5)
            masks = state.masks if step not in (2, 4) else ALL
            for leaf, true, mask in zip(
                *map(jax.tree.leaves, (grads, true_grads, masks)), strict=True
            ):
                np.testing.assert_allclose(leaf * mask, true * mask, rtol=1e-4)
            extra = dict(value=value, grad=grads, value_fn=loss)
            updates, state = tx.update(grads, state, params, **extra)
            params = optax.apply_updates(params, updates)


def test_a_line_search_keeps_no_gradient_of_latent_weights():
    """What it keeps is masked, and they are stepped by the dense gradient."""
    choice = sparsity.choices.by_layer({"kernel": 5})
    search = optax.scale_by_backtracking_linesearch(2, store_grad=True)
    optimizer = optax.chain(optax.sgd(0.01), search)
    tx = sparsify(optimizer, updaters.straight_through(choice, 0, 2, 1), 0)
    params, state = PARAMS, tx.init(PARAMS)
    with jax.disable_jit():
        for _ in range(3):
            found = optax.value_and_grad_from_state(loss)(
                params, state=state.inner_state
            )
            want = value, grads = jax.value_and_grad(loss)(params)
            jax.tree.map(np.testing.assert_array_equal, found, want)
            extra = dict(value=value, grad=grads, value_fn=loss)
            updates, state = tx.update(grads, state, params, **extra)
            params = optax.apply_updates(params, updates)


def test_ordinary_steps_of_latent_weights_are_those_of_unchanging_latent():
    choice = sparsity.choices.by_layer({"kernel": 5})
    optimizer = optax.sgd(0.1, 0.9)
    whole = sparsify(optimizer, updaters.straight_through(choice, 0, 2, 2), 0)
    ordinary = sparsify(optimizer, updaters.unchanging_latent, 0)
    with jax.disable_jit():
        found = []
        for others in (whole, ordinary):
            params, state = PARAMS, whole.init(PARAMS)
            for tx in (others, whole, others):
                updates, state = tx.update(jax.grad(loss)(params), state, params)
                params = optax.apply_updates(params, updates)
            found.append((params, state))
    jax.tree.map(np.testing.assert_array_equal, *found)
    mixed = sparsify(optimizer, updaters.unchanging, 0)
    with pytest.raises(InputError, match=r"those of updaters\.unchanging_latent"):
        mixed.update(PARAMS, whole.init(PARAMS), PARAMS)
