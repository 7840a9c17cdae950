"""The short way to the loss change of single weights, against whole forward passes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.flatten_util import ravel_pytree

from landscape import trees
from landscape.objective import Objective
from landscape.units import layer_sites, removal_changes, tapped_losses
from landscape.units.single_weights import rank_one

READERS = {"a": "b", "b": "c", "c": None}
"""Layer -> the one that alone reads its units, one by one."""


class Net(nn.Module):
    """Strides, padding, batch norm, pooling, flattening, layer norm, a residual sum."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(3, (3, 2), (2, 1), "SAME", name="a")(x)
        x = nn.BatchNorm(use_running_average=not train, name="norm")(x)
        x = nn.max_pool(nn.relu(x), (2, 2), (1, 1))
        x = nn.tanh(nn.Conv(2, (2, 2), padding="VALID", name="b")(x))
        x = nn.Dense(4, name="c")(x.reshape(len(x), -1))
        x = nn.LayerNorm(name="layer_norm")(x)
        x = x + nn.Dense(4, use_bias=False, name="e")(nn.relu(nn.Dense(5, name="d")(x)))
        return nn.Dense(3, name="out")(x)


def drawn(tree, seed=0):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), tree)


@pytest.fixture(scope="module")
def net():
    """tapped, params, two batches with weights, and the slow twin of every weight."""
    with jax.enable_x64(True):
        shape = jax.ShapeDtypeStruct((1, 6, 5, 2), float)
        shapes = jax.eval_shape(Net().init, jax.random.key(0), shape)
        params = drawn(shapes["params"])
        stats = jax.tree.map(lambda x: 0.5 + x**2, drawn(shapes["batch_stats"], 1))
        objective = Objective(Net(), label_smoothing=0.1)
        batch = {
            "image": drawn(jnp.zeros((10, 6, 5, 2)), 2),
            "label": jnp.arange(10) % 3,
            "weight": jnp.array([1, 0, 2, 1, 1, 0.5, 1, 1, 3, 1]),
        }
        flat, unravel = ravel_pytree(params)
        flat_loss = jax.jit(lambda x: objective.data_loss(unravel(x), batch, stats))
        slow = unravel(
            jnp.array([flat_loss(flat.at[i].set(0)) for i in range(len(flat))])
            - flat_loss(flat)
        )
        batches = [
            {k: v[:5] for k, v in batch.items()}, {k: v[5:] for k, v in batch.items()}
        ]  # fmt: skip
        tapped = tapped_losses(objective, stats, layer_sites(params))
        return tapped, params, batches, trees.named_leaves(slow)


@pytest.mark.parametrize("layer", READERS)
def test_the_short_way_ends_where_a_whole_forward_pass_does(net, layer):
    tapped, params, batches, slow = net
    name = f"{layer}/kernel"
    with jax.enable_x64(True):
        found = rank_one.usable_layer(tapped, params, batches[0], name)
        indices = np.random.default_rng(0).permutation(slow[name].size)[:25]
        changes = removal_changes(tapped, params, batches, name, indices)
    assert (found.reader and found.reader.name) == READERS[layer]
    expected = slow[name].ravel()[indices]
    scale = np.abs(expected).max()
    assert scale > 1e-3
    np.testing.assert_allclose(changes, expected, rtol=0, atol=1e-10 * scale)


class Normalised(nn.Module):
    """A layer whose kernel is normalised before it is used."""

    @nn.compact
    def __call__(self, x):
        kernel = self.param("kernel", nn.initializers.normal(), (x.shape[-1], 3))
        return x @ (kernel / jnp.linalg.norm(kernel))


class Odd(nn.Module):
    """Layers for which the short way will not do."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.relu(Normalised(name="normalised")(x))
        twice = nn.Dense(3, name="twice")
        x = nn.Conv(6, (1,), feature_group_count=3, name="grouped")(twice(twice(x)))
        return nn.Dense(2, name="last")(x)


def test_other_layers_and_leaves_are_left_to_the_long_way():
    image = drawn(jnp.zeros((4, 3)))
    batch = {"image": image, "label": jnp.arange(4) % 2}
    params = drawn(jax.eval_shape(Odd().init, jax.random.key(0), image)["params"])
    objective = Objective(Odd())
    rules = {"grouped/kernel": "kio"}
    tapped = tapped_losses(objective, {}, layer_sites(params, rules))
    for name, usable in (
        ("normalised/kernel", False),
        ("twice/kernel", False),
        ("grouped/kernel", False),
        ("last/kernel", True),
    ):
        found = rank_one.usable_layer(tapped, params, batch, name, rules)
        assert (found is not None) == usable, name
    seen = []
    changes = removal_changes(
        tapped, params, batch, "normalised/kernel", [1, 8], rules=rules,
        report=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    for change, index in zip(changes, (1, 8), strict=True):
        kernel = params["normalised"]["kernel"].ravel().at[index].set(0).reshape(3, 3)
        moved = params | {"normalised": {"kernel": kernel}}
        expected = objective.data_loss(moved, batch) - objective.data_loss(
            params, batch
        )
        np.testing.assert_allclose(change, expected, rtol=1e-4, atol=1e-6)
    assert seen[-1] == (2, 2)


def test_a_function_written_by_hand_may_have_its_outputs_first():
    def losses(params, batch, tap):
        x = tap("one/output", tap("one/input", batch) @ params["one"]["weight"].T)
        x = jnp.tanh(x + params["one"]["bias"])
        x = tap("two/output", tap("two/input", x) @ params["two"]["weight"].T)
        return jnp.square(x).sum(axis=1)

    params = drawn(
        {
            "one": {"weight": jnp.zeros((4, 3)), "bias": jnp.zeros(4)},
            "two": {"weight": jnp.zeros((2, 4))},
        }
    )
    batch = np.random.default_rng(5).normal(size=(6, 3))
    found = rank_one.usable_layer(losses, params, batch, "one/weight")
    assert found.reader.name == "two"
    one, two = (np.asarray(params[k]["weight"], float) for k in ("one", "two"))
    bias = np.asarray(params["one"]["bias"], float)

    def loss(one):
        return np.square(np.tanh(batch @ one.T + bias) @ two.T).sum(axis=1).mean()

    seen = []
    changes = removal_changes(
        losses, params, batch, "one/weight", np.arange(12), at_once=2,
        report=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    for index, change in enumerate(changes):
        removed = one.copy().ravel()
        removed[index] = 0
        expected = loss(removed.reshape(one.shape)) - loss(one)
        assert change == pytest.approx(expected, rel=1e-4, abs=1e-5), index
    assert seen[-1] == (12, 12)


def test_inputs_that_are_0_on_the_tried_examples_do_not_hide_a_second_reader():
    def losses(params, batch, tap):
        hidden = tap("a/output", tap("a/input", batch) @ params["a"]["kernel"])
        x = tap("b/output", tap("b/input", hidden) @ params["b"]["kernel"])
        return jnp.square(x[:, 0] + hidden.sum(axis=1))

    params = {"a": {"kernel": jnp.ones((3, 2))}, "b": {"kernel": jnp.ones((2, 1))}}
    batch = jnp.zeros((6, 3)).at[:, 1].set(1)
    found = rank_one.usable_layer(losses, params, batch[:4], "a/kernel")
    assert found is not None and found.reader is None
    changes = removal_changes(losses, params, batch, "a/kernel", np.arange(6))
    assert changes.tolist() == [0, 0, -12, -12, 0, 0]  # (2 + 2)^2 becomes (1 + 1)^2.
    assert rank_one.usable_layer(losses, params, 0 * batch, "a/kernel") is None
