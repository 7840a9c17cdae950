"""Scores of Flax networks against the same change made to their weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from landscape import units
from landscape.models import LeNet
from landscape.objective import Objective


class Normed(nn.Module):
    """A convolution, batch norm, pooling, and two dense layers."""

    @nn.compact
    def __call__(self, image, train=False):
        x = nn.BatchNorm(use_running_average=not train)(nn.Conv(2, (3, 3))(image))
        x = nn.avg_pool(nn.relu(x), (2, 2), (2, 2))
        x = nn.relu(nn.Dense(3)(x.reshape(len(x), -1)))
        return nn.Dense(2)(x)


@pytest.fixture(scope="module", params=["LeNet", "Normed"])
def network(request):
    """(losses by place, params, batch, sites by place, spec, loss of params)."""
    model = LeNet((2, 3, 3), 2) if request.param == "LeNet" else Normed()
    key = jax.random.key(1)
    size = 16 if request.param == "LeNet" else 4
    batch = {
        "image": jax.random.normal(key, (4, size, size, 1)),
        "label": jnp.arange(4) % 2,
        "weight": jnp.array([1.0, 0.5, 0.0, 2.0]),
    }
    variables = model.init(key, batch["image"])
    params, stats = variables["params"], variables.get("batch_stats", {})
    stats = jax.tree.map(lambda x: x + 0.3, stats)
    layers = sorted(name for name in params if "BatchNorm" not in name)
    spec = units.sequential({name: params[name] for name in layers}, layers)
    sites = {at: units.sites_of(spec, params, at) for at in ("after", "before")}
    objective = Objective(model)
    tapped = {at: units.tapped_losses(objective, stats, sites[at]) for at in sites}
    loss = jax.jit(objective.bind(stats))
    return tapped, params, batch, sites, spec, lambda params: loss(params, batch)


def test_removal_after_the_activation_is_that_of_the_outgoing_weights(network):
    tapped, params, batch, sites, spec, loss = network
    found = units.removal_penalty(
        tapped["after"], params, batch, sites["after"], signed=True
    )
    for site in sites["after"].values():
        (group,), kernel = site.axis.names, params[site.layer]["kernel"]
        for unit in range(spec.sizes[group]):
            removed = np.array(kernel)
            # Inputs are [..., positions x channels].
            removed[..., unit :: spec.sizes[group], :] = 0
            changed = params | {site.layer: params[site.layer] | {"kernel": removed}}
            expected = loss(changed) - loss(params)
            np.testing.assert_allclose(found[group][unit], expected, atol=2e-6)


def test_replacement_before_the_activation_is_a_layer_with_a_bias_alone(network):
    tapped, params, batch, sites, spec, loss = network
    args = tapped["before"], params, batch, sites["before"]
    found = units.mean_replacement_penalty(*args, signed=True)
    means = units.mean_outputs(*args)
    for group, size in spec.sizes.items():
        for unit in range(size):
            layer = {name: np.array(leaf) for name, leaf in params[group].items()}
            layer["kernel"][..., unit] = 0
            layer["bias"][unit] = means[group][unit]
            expected = loss(params | {group: layer}) - loss(params)
            np.testing.assert_allclose(found[group][unit], expected, atol=2e-6)
    assert max(float(abs(x).max()) for x in found.values()) > 0.01
