"""A network without some units computes what it did with constants in their place."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.tree_util import Partial

from landscape.models import LeNet, ResNet, widths_of
from landscape.objective import Objective
from landscape.units import (
    Axis,
    Network,
    Spec,
    constants_after,
    corrected,
    logit_error,
    mean_outputs,
    plan_removal,
    remove,
    sequential,
    shrink,
    sites_of,
    specification,
    take,
    tapped_logits,
)
from landscape.units.constants import replacement
from landscape.units.removal import run
from landscape.units.taps import identity


class Strided(nn.Module):
    """VALID convolutions with stride and pooling, flattened, and three batch norms.

    One norm is behind the activation, two are behind layers without bias.
    """

    widths: tuple[int, ...]
    padding: Any = "VALID"

    @nn.compact
    def __call__(self, x, train=False):
        a, b, c = self.widths
        x = nn.relu(nn.Conv(a, (3, 3), padding="VALID", name="a")(x))
        x = nn.BatchNorm(not train, name="a_norm")(x)
        x = nn.Conv(b, (2, 2), 2, self.padding, use_bias=False, name="b")(x)
        x = nn.tanh(nn.BatchNorm(not train, name="b_norm")(x))
        x = nn.avg_pool(x, (2, 2), (1, 1)).reshape(len(x), -1)
        x = nn.Dense(c, use_bias=False, name="c")(x)
        x = nn.sigmoid(nn.BatchNorm(not train, name="c_norm")(x))
        return nn.Dense(3, name="d")(x)


def strided_spec(params):
    spec = sequential(params, ["a", "b", "c", "d"])
    norms = {
        f"{layer}_norm/{leaf}": (Axis((layer,)),)
        for layer in ("a", "b", "c")
        for leaf in ("scale", "bias", "mean", "var")
    }
    return Spec(spec.sizes, spec.axes | norms)


class Case:
    """A network with what is known of it, its leaves drawn at random."""

    def __init__(self, model, shape, spec_of=None, dtype=jnp.float64, seed=0):
        self.objective, self.rng = Objective(model), np.random.default_rng(seed)
        image = jnp.asarray(self.rng.normal(size=(4, *shape)), dtype)
        self.batch = {"image": image, "label": jnp.zeros(4, int)}
        shapes = jax.eval_shape(model.init, jax.random.key(0), image)

        def draw(path, leaf):
            scale = 0.5 if leaf.ndim == 1 else (leaf.size // leaf.shape[-1]) ** -0.5
            values = scale * self.rng.normal(size=leaf.shape)
            positive = path[-1].key in ("scale", "var")
            return jnp.asarray(1 + abs(values) if positive else values, dtype)

        drawn = jax.tree_util.tree_map_with_path(draw, shapes)
        self.network = Network(drawn["params"], drawn.get("batch_stats", {}))
        self.spec = (spec_of or (lambda p: specification(model, p)))(drawn["params"])

    def chosen(self, fraction=0.5):
        """Random units, never all of a group."""
        drawn = {g: self.rng.random(n) < fraction for g, n in self.spec.sizes.items()}
        return {g: units & (np.arange(len(units)) > 0) for g, units in drawn.items()}

    def sites(self, where="after"):
        return sites_of(self.spec, self.network.params, where)

    def constants(self):
        """Any constants, for all units."""
        return {k: self.rng.normal(size=s.size) for k, s in self.sites().items()}

    def means(self, where="after"):
        sites = self.sites(where)
        tapped = tapped_logits(self.objective, self.network.batch_stats, sites)
        return mean_outputs(tapped, self.network.params, self.batch, sites)

    def with_constants(self, chosen, values, where="after"):
        """The logits with constants where units are seen: what all is compared with."""
        sites = self.sites(where)
        tap = replacement(sites, chosen, {k: jnp.asarray(v) for k, v in values.items()})
        tapped = tapped_logits(self.objective, self.network.batch_stats, sites)
        return run(tapped, self.network.params, self.batch, tap)

    def plan(self, chosen=None, constants=None, **settings):
        network = self.network
        return plan_removal(
            self.objective,
            self.spec,
            network,
            self.batch,
            chosen,
            constants,
            **settings,
        )

    def logits(self, network, widths=None):
        model = self.objective.model
        model = model.clone(widths=widths) if widths else model
        tapped = tapped_logits(Objective(model), network.batch_stats, {})
        return run(tapped, network.params, self.batch, Partial(identity))

    def smaller(self, network):
        widths = widths_of(self.objective.model, network.params)[1]
        return self.logits(network, widths)


def error(found, expected):
    assert found.shape == expected.shape and jnp.isfinite(expected).all()
    return float(jnp.abs(found - expected).max() / jnp.abs(expected).max())


@pytest.fixture(scope="module")
def strided():
    with jax.enable_x64(True):
        yield Case(Strided((4, 5, 6)), (8, 8, 2), strided_spec)


@pytest.mark.parametrize("where", ["after", "before"])
def test_constants_pass_valid_convolutions_stride_pooling_norms_and_dense(
    strided, where
):
    with jax.enable_x64(True):
        chosen = {
            group: np.arange(n) % 2 > 0 for group, n in strided.spec.sizes.items()
        }
        constants = values = strided.constants()
        if where == "before":
            values = strided.means("before")
            constants = constants_after(
                strided.objective, strided.spec, strided.network, strided.batch, values
            )
        plan = strided.plan(chosen, constants)
        assert not plan.stays and not plan.approximate
        expected = strided.with_constants(chosen, values, where)
        assert error(strided.logits(strided.network), expected) > 0.01
        assert error(strided.logits(remove(plan, strided.network)), expected) < 1e-10
        widths = tuple(int((~units).sum()) for units in chosen.values())
        small = shrink(plan, strided.network)
        assert error(strided.logits(small, widths), expected) < 1e-10


def test_plain_removal_is_by_zeros(strided):
    with jax.enable_x64(True):
        chosen = strided.chosen()
        zeros = {name: jnp.zeros(site.size) for name, site in strided.sites().items()}
        expected = strided.with_constants(chosen, zeros)
        removed = remove(strided.plan(chosen), strided.network)
        assert error(strided.logits(removed), expected) < 1e-10


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-5), ("float64", 1e-10)])
def test_the_net_of_the_thesis_shrinks_exactly(dtype, limit):
    with jax.enable_x64(dtype == "float64"):
        case = Case(LeNet((8, 16, 64), 10), (28, 28, 1), dtype=dtype)
        assert sum(x.size for x in jax.tree.leaves(case.network.params)) == 20_522
        chosen, constants = case.chosen(0.8), case.constants()
        small = shrink(case.plan(chosen, constants), case.network)
        assert {str(leaf.dtype) for leaf in jax.tree.leaves(small.params)} == {dtype}
        expected = case.with_constants(chosen, constants)
        assert error(case.logits(case.network), expected) > 0.01
        assert error(case.smaller(small), expected) < limit


@pytest.fixture(scope="module")
def resnet():
    with jax.enable_x64(True):
        yield Case(ResNet(1, 3, (4, 5, 7, 3, 4, 5)), (8, 8, 3))


def silenced(case, chosen):
    """The case with channels that are 0 for whatever reads them."""
    params = jax.tree.map(lambda leaf: leaf, case.network.params)
    for name, axes in case.spec.axes.items():
        *path, leaf = name.split("/")
        if leaf in ("scale", "bias") and "BatchNorm" in name:
            layer = params
            for part in path:
                layer = layer[part]
            gone = np.concatenate([chosen[group] for group in axes[0].names])
            layer[leaf] = jnp.where(gone, 0, layer[leaf])
    silent = Case.__new__(Case)
    vars(silent).update(vars(case), network=case.network._replace(params=params))
    return silent


def test_silent_channels_of_blocks_and_stream_go_exactly(resnet):
    with jax.enable_x64(True):
        chosen = {group: np.arange(n) % 2 > 0 for group, n in resnet.spec.sizes.items()}
        assert all(units.any() for g, units in chosen.items() if g != "stream_1")
        case = silenced(resnet, chosen)
        means = case.means()
        plan = case.plan(chosen, means)
        assert not plan.stays and not plan.approximate
        assert plan.layers["stream_0"] == (
            "Block_0/Conv_1",
            "Block_1/Conv_1",
            "Block_2/Conv_1",
            "Conv_0",
        )
        whole = case.logits(case.network)
        np.testing.assert_array_equal(case.with_constants(chosen, means), whole)
        small = shrink(plan, case.network)
        assert widths_of(case.objective.model, small.params)[1] == (2, 3, 4, 2, 2, 3)
        assert error(case.smaller(small), whole) < 1e-10


def test_what_zero_padding_does_not_let_go_stays_or_goes_with_its_error(resnet):
    with jax.enable_x64(True):
        chosen = {
            "Block_0": np.array([False, True, False]),
            "stream_2": np.zeros(2, bool),
        }
        chosen["stream_2"][0] = True
        means = resnet.means()
        plan = resnet.plan(chosen, means)
        padded = "Block_0/Conv_1 pads with zeros, its constant is not 0"
        assert plan.stays == {"Block_0": {padded: (1,)}}
        assert plan.reasons == {"stream_2": {"chosen": (0,)}}
        plan = resnet.plan(chosen, means, approximate=True)
        assert plan.approximate == ("Block_0/Conv_1",) and not plan.stays
        both = {
            g: chosen.get(g, np.zeros(n, bool)) for g, n in resnet.spec.sizes.items()
        }
        expected = resnet.with_constants(both, means)
        removed = remove(plan, resnet.network)
        wrong = error(resnet.logits(removed), expected)
        objective = resnet.objective
        stated = logit_error(
            plan, objective, resnet.network, objective, removed, [resnet.batch]
        )
        assert 1e-4 < wrong < 0.5 and abs(stated - wrong) < 1e-10
        layer = "Block_0/Conv_1"
        sites = {layer: sites_of(resnet.spec, resnet.network.params, "before")[layer]}

        def mean(network):
            tapped = tapped_logits(objective, network.batch_stats, sites)
            outputs = mean_outputs(tapped, network.params, resnet.batch, sites)[layer]
            return outputs - network.batch_stats["Block_0"]["BatchNorm_1"]["mean"]

        right = corrected(plan, objective, resnet.network, removed, resnet.batch)
        kept = ~both["stream_0"]
        np.testing.assert_allclose(
            mean(right)[kept], mean(resnet.network)[kept], atol=1e-12
        )
        assert abs(mean(removed) - mean(resnet.network)).max() > 1e-4
        assert take(plan, right).params["Block_0"]["Conv_0"]["kernel"].shape[-1] == 2
