"""Behind zero-padded convolutions silent channels go exactly, others with an error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from landscape.models import VGG, AlexNet, ResNet, widths_of
from landscape.units import (
    corrected,
    logit_error,
    mean_outputs,
    output_statistics,
    remove,
    sequential,
    shrink,
    sites_of,
    take,
    tapped_logits,
)


@pytest.fixture(scope="module")
def resnet(case_of):
    with jax.enable_x64(True):
        return case_of(ResNet(1, 3, (4, 5, 7, 3, 4, 5)), (8, 8, 3))


def silence(params, spec, chosen):
    """Parameters whose chosen channels are 0 for whatever reads them."""

    def leaf(path, values):
        name = "/".join(key.key for key in path)
        if "BatchNorm" not in name:
            return values
        groups = spec.axes[name][0].names
        return jnp.where(np.concatenate([chosen[g] for g in groups]), 0, values)

    return jax.tree_util.tree_map_with_path(leaf, params)


def test_silent_channels_of_blocks_and_stream_go_exactly(resnet, error):
    with jax.enable_x64(True):
        chosen = resnet.odd()
        params = silence(resnet.network.params, resnet.spec, chosen)
        case = resnet.of(resnet.network._replace(params=params))
        means = case.means()
        plan = case.plan(chosen, means)
        assert not plan.stays and not plan.approximate
        assert plan.layers["stream_0"] == (
            "Block_0/Conv_1",
            "Block_1/Conv_1",
            "Block_2/Conv_1",
            "Conv_0",
        )
        assert plan.layers["stream_2"] == ("Block_2/Conv_1",)
        whole = case.logits(case.network)
        small = shrink(plan, case.network)
        assert widths_of(case.objective.model, small.params)[1] == (2, 3, 4, 2, 2, 3)
        assert error(case.smaller(small), whole) < 1e-10

        zeros = {name: np.zeros(site.size) for name, site in resnet.sites().items()}
        expected = resnet.with_constants(chosen, zeros)
        small = shrink(resnet.plan(chosen), resnet.network)
        assert error(resnet.smaller(small), expected) < 1e-10


def test_what_zero_padding_does_not_let_go_stays_or_goes_with_its_error(resnet, error):
    with jax.enable_x64(True):
        chosen = {
            "Block_0": np.array([False, True, False]),
            "stream_2": np.array([True, False]),
        }
        means, objective, network = resnet.means(), resnet.objective, resnet.network
        plan = resnet.plan(chosen, means)
        padded = "Block_0/Conv_1 pads with zeros, its constant is not 0"
        assert plan.stays == {"Block_0": {padded: (1,)}}
        assert plan.reasons == {"stream_2": {"chosen": (0,)}}

        plan = resnet.plan(chosen, means, approximate=True)
        assert plan.approximate == ("Block_0/Conv_1",) and not plan.stays
        removed = remove(plan, network)
        sizes = resnet.spec.sizes.items()
        both = {g: chosen.get(g, np.zeros(n, bool)) for g, n in sizes}
        wrong = error(resnet.logits(removed), resnet.with_constants(both, means))
        stated = logit_error(plan, objective, network, objective, removed, resnet.batch)
        assert 1e-4 < wrong < 0.5 and abs(stated - wrong) < 1e-10

        layer = "Block_0/Conv_1"
        sites = {layer: sites_of(resnet.spec, network.params, "before")[layer]}

        def behind(network):
            """Mean and variance of what batch norm puts out, but for scale and bias."""
            tapped = tapped_logits(objective, network.batch_stats, sites)
            args = tapped, network.params, resnet.batch, sites
            outputs = output_statistics(*args)[layer]
            norm = network.batch_stats["Block_0"]["BatchNorm_1"]
            wide = norm["var"] + 1e-5
            return (outputs.mean - norm["mean"]) / wide**0.5, outputs.variance / wide

        right = corrected(plan, objective, network, removed, resnet.batch)
        np.testing.assert_allclose(behind(right), behind(network), atol=1e-12)
        apart = abs(np.array(behind(removed)) - np.array(behind(network)))
        assert (apart.max(axis=1) > 1e-4).all()
        assert take(plan, right).params["Block_0"]["Conv_0"]["kernel"].shape[-1] == 2


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (AlexNet(3, (4, 3, 6, 5)), (8, 8, 2)),
        (VGG((1, 1, 1, 1, 1), (2, 2, 3, 3, 3, 4), 3), (32, 32, 1)),
    ],
    ids=["AlexNet", "VGG"],
)
def test_padded_networks_lose_silent_channels_and_any_flattened_one(
    case_of, error, model, shape
):
    """The last convolution is read by a dense layer alone, whose bias takes it."""
    with jax.enable_x64(True):
        case = case_of(model, shape)
        *_, last = (group for group in case.spec.sizes if "Conv" in group)
        chosen, constants = case.chosen(), case.constants()
        chosen[last][1] = True
        groups = [site.axis.names[0] for site in case.sites().values()]
        for name, group in zip(constants, groups, strict=True):
            if "Conv" in group and group != last:
                constants[name] = np.where(np.arange(len(constants[name])) % 2, 0, 1.0)
                chosen[group] = np.arange(len(constants[name])) == 1
        plan = case.plan(chosen, constants)
        assert not plan.stays and not plan.approximate
        expected = case.with_constants(chosen, constants)
        widths = tuple(int((~gone).sum()) for gone in plan.removed.values())
        found = case.logits(shrink(plan, case.network), widths)
        assert error(found, expected) < 1e-10
        chosen[groups[0]] = np.arange(len(chosen[groups[0]])) == 0
        assert "pads with zeros" in str(case.plan(chosen, constants).stays[groups[0]])


class Padded(nn.Module):
    """Two 3x3 convolutions, as large as the image after them."""

    padding: str

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.relu(nn.Conv(2, (3, 3), padding=self.padding, name="a")(x))
        x = nn.relu(nn.Conv(3, (3, 3), padding=self.padding, name="b")(x))
        return nn.Dense(2, name="c")(x.reshape(len(x), -1))


@pytest.mark.parametrize(
    ("padding", "size", "exact"),
    [("SAME", 1, True), ("SAME", 2, False), ("CIRCULAR", 3, True)],
)
def test_a_window_that_sees_the_same_everywhere_takes_constants(
    case_of, error, padding, size, exact
):
    """On one pixel, a padded window's middle; all of it where the image is a torus.

    On 2x2 pixels four of the nine weights count at each, but not the same four.
    """
    with jax.enable_x64(True):
        model, layers = Padded(padding), ["a", "b", "c"]
        case = case_of(model, (size, size, 1), lambda p: sequential(p, layers))
        chosen, constants = case.odd(), case.constants()
        plan = case.plan(chosen, constants, approximate=True)
        assert plan.approximate == (() if exact else ("b",))
        expected = case.with_constants(chosen, constants)
        removed = remove(plan, case.network)
        wrong = error(case.logits(removed), expected)
        assert wrong < 1e-10 if exact else wrong > 1e-4
        if exact:
            return

        def mean(network):
            tapped = tapped_logits(case.objective, {}, outputs)
            return mean_outputs(tapped, network.params, case.batch, outputs)["b"]

        outputs = {"b": case.sites("before")["b"]}
        right = corrected(plan, case.objective, case.network, removed, case.batch)
        kept, before = ~chosen["b"], mean(case.network)
        assert abs(mean(removed) - before)[kept].max() > 1e-4
        assert abs(mean(right) - before)[kept].max() < 1e-12
