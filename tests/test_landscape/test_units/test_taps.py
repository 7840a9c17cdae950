"""Units are read and replaced where the network has them, and nothing else changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from landscape.models import LeNet, ResNet
from landscape.objective import Objective
from landscape.units import (
    mean_outputs,
    recording,
    replacing,
    sequential,
    sites_of,
    specification,
    tapped_logits,
    tapped_losses,
)
from landscape.units.taps import identity


@pytest.fixture(scope="module")
def lenet():
    model = LeNet((2, 3, 4), 3)
    key = jax.random.key(0)
    batch = {
        "image": jax.random.normal(key, (5, 16, 16, 1)),
        "label": jnp.arange(5) % 3,
        "weight": jnp.array([1.0, 2.0, 0.0, 1.0, 1.0]),
    }
    params = model.init(key, batch["image"])["params"]
    return model, params, batch


def lenet_inputs(params, image):
    """What each layer of a LeNet reads, and the logits, by plain operations."""
    inputs, x = {}, image
    for i in range(2):
        inputs[f"Conv_{i}"] = x
        layer = params[f"Conv_{i}"]
        x = jax.lax.conv_general_dilated(
            x,
            layer["kernel"],
            (1, 1),
            "VALID",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        x = nn.relu(nn.max_pool(x + layer["bias"], (2, 2), (2, 2)))
    x = x.reshape(len(x), -1)
    for i in range(2):
        inputs[f"Dense_{i}"] = x
        x = x @ params[f"Dense_{i}"]["kernel"] + params[f"Dense_{i}"]["bias"]
        logits, x = x, nn.relu(x)
    return inputs, logits


def test_a_tap_sees_what_the_next_layer_reads(lenet):
    model, params, batch = lenet
    sites = sites_of(specification(model, params), params)
    tap, seen = recording()
    logits = tapped_logits(Objective(model), {}, sites)(params, batch, tap)
    expected, expected_logits = lenet_inputs(params, batch["image"])
    np.testing.assert_allclose(logits, expected_logits, atol=1e-5)
    assert list(sites) == ["Conv_1", "Dense_0", "Dense_1"] == list(seen)
    for name, values in seen.items():
        np.testing.assert_allclose(values, expected[name], atol=1e-5)


def test_a_replaced_unit_is_a_constant_for_the_next_layer(lenet):
    model, params, batch = lenet
    sites = sites_of(specification(model, params), params)
    chosen = {
        "Conv_0": jnp.zeros(2, bool),
        "Conv_1": jnp.array([False, True, False]),
        "Dense_0": jnp.zeros(4, bool),
    }
    values = {name: jnp.full(site.size, 2.0) for name, site in sites.items()}
    tap = replacing(sites, chosen, values)
    found = tapped_logits(Objective(model), {}, sites)(params, batch, tap)
    inputs, _ = lenet_inputs(params, batch["image"])
    x = inputs["Dense_0"].reshape(5, -1, 3).at[:, :, 1].set(2.0).reshape(5, -1)
    x = nn.relu(x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"])
    expected = x @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_means_are_over_weighted_examples_and_positions(lenet):
    model, params, batch = lenet
    sites = sites_of(specification(model, params), params)
    losses = tapped_losses(Objective(model), {}, sites)
    halves = [
        {k: v[:2] for k, v in batch.items()},
        {k: v[2:] for k, v in batch.items()},
    ]
    inputs, _ = lenet_inputs(params, batch["image"])
    weight = np.asarray(batch["weight"], np.float64)
    for given in (batch, halves):
        found = mean_outputs(losses, params, given, sites)
        for name, size in (("Conv_1", 2), ("Dense_0", 3), ("Dense_1", 4)):
            x = np.asarray(inputs[name], np.float64).reshape(5, -1, size).mean(1)
            expected = weight @ x / weight.sum()
            np.testing.assert_allclose(found[name], expected, atol=1e-5)


def test_before_the_activation_it_is_the_output_of_the_units_own_layer(lenet):
    model, params, batch = lenet
    sites = sites_of(specification(model, params), params, "before")
    tap, seen = recording()
    tapped_losses(Objective(model), {}, sites)(params, batch, tap)
    inputs, _ = lenet_inputs(params, batch["image"])
    expected = inputs["Dense_0"] @ params["Dense_0"]["kernel"]
    np.testing.assert_allclose(
        seen["Dense_0"], expected + params["Dense_0"]["bias"], atol=1e-5
    )
    assert seen["Conv_0"].shape == (5, 12, 12, 2)


def test_a_residual_stream_is_seen_wherever_it_is_read():
    model = ResNet(1, 3)
    image = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    shapes = jax.eval_shape(model.init, jax.random.key(0), image)
    params = shapes["params"]
    sites = sites_of(specification(model, params), params)
    assert {name: site.axis.names for name, site in sites.items()} == {
        "Block_0/Conv_0": ("stream_0",),
        "Block_0/Conv_1": ("Block_0",),
        "Block_1/Conv_0": ("stream_0",),
        "Block_1/Conv_1": ("Block_1",),
        "Block_2/Conv_0": ("stream_0", "stream_1"),
        "Block_2/Conv_1": ("Block_2",),
        "Dense_0": ("stream_0", "stream_1", "stream_2"),
    }

    def widths(variables, image):
        tap, seen = recording()
        batch = {"image": image, "label": jnp.zeros(2, int)}
        losses = tapped_losses(Objective(model), variables["batch_stats"], sites)
        losses(variables["params"], batch, tap)
        return seen

    seen = jax.eval_shape(widths, shapes, image)
    assert {name: x.shape[-1] for name, x in seen.items()} == {
        name: site.size for name, site in sites.items()
    }


def test_a_layer_of_a_strangers_module_is_tapped():
    class Stranger(nn.Module):
        @nn.compact
        def __call__(self, image, train=False):
            hidden = nn.tanh(nn.Dense(4, name="first")(image))
            return nn.Dense(2, name="second")(inputs=hidden)

    image = jnp.arange(6.0).reshape(3, 2)
    params = Stranger().init(jax.random.key(1), image)["params"]
    sites = sites_of(sequential(params, ["first", "second"]), params)
    tap, seen = recording()
    logits = tapped_logits(Objective(Stranger()), {}, sites)
    batch = {"image": image, "label": jnp.zeros(3, int)}
    plain = logits(params, batch, identity)
    np.testing.assert_array_equal(plain, Stranger().apply({"params": params}, image))
    logits(params, batch, tap)
    assert seen["second"].shape == (3, 4)
