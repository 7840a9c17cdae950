"""Every optimizer of optax updates masked parameters, or is refused by its name."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from landscape.errors import InputError
from landscape.recipes import optimizers
from landscape.registries import methods
from landscape.sparsity import Updater, masked_update, sparse_state

PARAMS = {
    name: np.random.default_rng(i).normal(size=shape).astype("float32")
    for i, (name, shape) in enumerate({"kernel": (3, 4), "bias": (4,)}.items())
}
KEPT = {"kernel": np.arange(12).reshape(3, 4) % 3 > 0, "bias": np.array(True)}
SCHEDULE = optax.cosine_decay_schedule(0.01, 10)


def kinds(params):
    return jax.tree.map(lambda x: "matrix" if x.ndim > 1 else "vector", params)


def loss(params):
    """Its gradient is dense: not zero at a weight that is zero."""
    return sum(jnp.sum((x - 0.3) ** 2) for x in jax.tree.leaves(params))


BY_KIND = {"matrix": optax.adam(0.01), "vector": optax.sgd(0.01)}
OPTIMIZERS = {
    "flatten": optax.flatten(optax.adam(0.01)),
    "masked": optax.masked(optax.adam(0.01), lambda p: {"kernel": True, "bias": False}),
    "multi_transform": optax.multi_transform(BY_KIND, kinds),
    "partition": optax.partition(BY_KIND, kinds(PARAMS)),
    "muon": optax.contrib.muon(0.01, ns_steps=1),
    "momo": optax.contrib.momo(0.1),
    "polyak": optax.polyak_sgd(),
    "line search": optax.chain(
        optax.sgd(0.01), optax.scale_by_backtracking_linesearch(2, store_grad=True)
    ),
}
WANTS = {
    "momo": ("value",),
    "polyak": ("value",),
    "line search": ("value", "grad", "value_fn"),
}


def at_second_step():
    """Masks that keep everything, and `KEPT` from the second step on."""
    everything = {"kernel": np.ones((3, 4), bool), "bias": np.array(True)}

    def update(step, key, params, grads, masks, state):
        return (KEPT if step >= 2 else masks), state, {"changed": step == 2}

    return Updater(lambda key, params: (everything, ()), update)


@pytest.mark.filterwarnings("ignore:`optimistic_adam` is deprecated")
@pytest.mark.parametrize("name", [*methods.OPTIMIZERS, *OPTIMIZERS])
def test_masked_parameters_train_with_the_optimizer(name):
    optimizer = OPTIMIZERS.get(name) or optimizers.create(name, SCHEDULE)
    updater = at_second_step()
    # Operations one by one: they are compiled once for all optimizers.
    with jax.disable_jit():
        state = sparse_state(optimizer, updater, None, PARAMS)
        for _ in range(3):
            value, grads = jax.value_and_grad(loss)(state.params)
            given = dict(value=value, grad=grads, value_fn=loss)
            extra = {k: given[k] for k in WANTS.get(name, ())}
            state, _ = masked_update(optimizer, updater, None, state, grads, **extra)
            if state.step < 2:
                continue
            assert not state.params["kernel"][~KEPT["kernel"]].any()
            for leaf in jax.tree.leaves(state.opt_state):
                # An epsilon alone, which adabelief and adamax add to any gradient.
                if jnp.shape(leaf) == (3, 4):
                    assert jnp.abs(leaf[~KEPT["kernel"]]).max() <= 1e-8
                if jnp.shape(leaf) == (16,):
                    assert not leaf[4:].reshape(3, 4)[~KEPT["kernel"]].any()
    assert state.step == 3
    for leaf, kept in KEPT.items():
        moved = np.asarray(state.params[leaf] != PARAMS[leaf])
        assert moved[np.broadcast_to(kept, moved.shape)].mean() > 0.5
        assert np.isfinite(state.params[leaf]).all()


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (optax.lookahead(optax.sgd(0.1), 3, 0.5), "the optimizer lookahead cannot"),
        (optax.polyak_sgd(), "with gradients: .*'value'"),
    ],
)
def test_an_optimizer_that_cannot_update_is_refused_by_name(optimizer, message):
    updater = at_second_step()
    state = sparse_state(optimizer, updater, None, PARAMS)
    with pytest.raises(InputError, match=message) as error:
        masked_update(optimizer, updater, None, state, PARAMS)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["lbfgs", "polyak_sgd", "noisy_sgd"])
def test_a_name_that_training_cannot_serve_says_why(name):
    with pytest.raises(InputError, match=f"the optimizer {name} is not among.*: it "):
        optimizers.create(name, 0.1)


def test_a_rate_that_optax_takes_as_a_constant_follows_the_schedule():
    # The square of a momentum-free SM3 step is the gradient's at first: a unit step.
    optimizer = optimizers.create("sm3", SCHEDULE, momentum=0.0)
    state, sizes = optimizer.init({"w": jnp.ones(1)}), []
    with jax.disable_jit():
        for _ in range(3):
            grads = {"w": jnp.ones(1)}
            updates, state = optimizer.update(grads, state, {"w": jnp.ones(1)})
            sizes.append(float(-updates["w"][0]))
    want = [float(SCHEDULE(t)) / np.sqrt(t + 1) for t in range(3)]
    np.testing.assert_allclose(sizes, want, rtol=1e-4)
