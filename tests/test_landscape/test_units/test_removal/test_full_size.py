"""A network without some units computes what it did with constants in their place."""

import jax
import numpy as np
import pytest
from flax import linen as nn
from jax.tree_util import Partial

from landscape.errors import InputError
from landscape.models import MLP, LeNet
from landscape.objective import Objective
from landscape.units import (
    Axis,
    Network,
    Spec,
    constants_after,
    logit_error,
    plan_removal,
    remove,
    scores,
    sequential,
    shrink,
    sites_of,
    tapped_logits,
)
from landscape.units.removal.full_size import replaced, run
from landscape.units.taps import identity


class Strided(nn.Module):
    """VALID convolutions with stride and pooling, flattened, and three batch norms.

    One norm is behind the activation, two are behind layers without bias.
    """

    widths: tuple[int, ...]

    @nn.compact
    def __call__(self, x, train=False):
        a, b, c = self.widths
        x = nn.relu(nn.Conv(a, (3, 3), padding="VALID", name="a")(x))
        x = nn.BatchNorm(not train, name="a_norm")(x)
        x = nn.Conv(b, (2, 2), 2, padding="VALID", use_bias=False, name="b")(x)
        x = nn.tanh(nn.BatchNorm(not train, name="b_norm")(x))
        x = nn.avg_pool(x, (2, 2), (1, 1)).reshape(len(x), -1)
        x = nn.Dense(c, use_bias=False, name="c")(inputs=x)
        x = nn.sigmoid(nn.BatchNorm(not train, name="c_norm")(x=x))
        return nn.Dense(3, name="d")(x)


def strided_spec(params):
    spec = sequential(params, ["a", "b", "c", "d"])
    norms = {
        f"{layer}_norm/{leaf}": (Axis((layer,)),)
        for layer in ("a", "b", "c")
        for leaf in ("scale", "bias", "mean", "var")
    }
    return Spec(spec.sizes, spec.axes | norms)


@pytest.fixture(scope="module")
def strided(case_of):
    with jax.enable_x64(True):
        return case_of(Strided((4, 5, 6)), (8, 8, 2), strided_spec)


@pytest.mark.parametrize("where", ["after", "before"])
def test_constants_pass_valid_convolutions_stride_pooling_norms_and_dense(
    strided, error, where
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


def test_any_units_go_by_any_constants_and_plainly_by_zeros(strided, error):
    with jax.enable_x64(True):
        zeros = {name: np.zeros(site.size) for name, site in strided.sites().items()}
        for constants in (None, strided.constants(), strided.constants()):
            chosen = strided.chosen()
            expected = strided.with_constants(chosen, constants or zeros)
            removed = remove(strided.plan(chosen, constants), strided.network)
            assert error(strided.logits(removed), expected) < 1e-10


def test_the_stated_error_is_of_examples_that_count_and_nan_if_a_logit_is(strided):
    with jax.enable_x64(True):
        plan = strided.plan(strided.odd(), strided.constants())
        objective, network = strided.objective, strided.network
        removed = remove(plan, network)
        weight = np.array([1.0, 0.0, 2.0, 1.0])
        image = strided.batch["image"].at[1].set(np.nan)
        batch = {"image": image, "label": np.zeros(4, int), "weight": weight}
        args = plan, objective, network, objective
        assert logit_error(*args, removed, batch) < 1e-10
        assert np.isnan(logit_error(*args, removed, batch | {"weight": weight + 1}))
        assert logit_error(*args, network, batch) > 0.01
        nowhere = jax.tree.map(lambda leaf: np.nan * leaf, removed.params)
        assert np.isnan(logit_error(*args, removed._replace(params=nowhere), batch))


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-5), ("float64", 1e-10)])
def test_the_net_of_the_thesis_shrinks_exactly(case_of, error, dtype, limit):
    with jax.enable_x64(dtype == "float64"):
        case = case_of(LeNet((8, 16, 64), 10, form="plain"), (28, 28, 1), dtype=dtype)
        assert sum(x.size for x in jax.tree.leaves(case.network.params)) == 20_522
        chosen, constants = case.chosen(0.8), case.constants()
        small = shrink(case.plan(chosen, constants), case.network)
        assert {str(leaf.dtype) for leaf in jax.tree.leaves(small.params)} == {dtype}
        expected = case.with_constants(chosen, constants)
        assert error(case.logits(case.network), expected) > 0.01
        assert error(case.smaller(small), expected) < limit


def test_a_perceptron_with_batch_norm_shrinks_exactly(case_of, error):
    with jax.enable_x64(True):
        case = case_of(MLP((6, 5), 3, batch_norm=True), (4,))
        chosen, constants = case.odd(), case.constants()
        plan = case.plan(chosen, constants)
        assert not plan.stays and not plan.approximate
        small = shrink(plan, case.network)
        assert small.batch_stats["BatchNorm_1"]["var"].shape == (3,)
        expected = case.with_constants(chosen, constants)
        assert error(case.logits(case.network), expected) > 0.01
        assert error(case.smaller(small), expected) < 1e-10


class Strange(nn.Module):
    """Layers that cannot take a constant: one without bias, one that is not linear."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.relu(nn.Dense(2, name="a")(x))
        x = nn.relu(nn.Dense(3, use_bias=False, name="b")(x))
        return nn.Dense(2, name="d")(Rectified(2, name="c")(x))


class Rectified(nn.Module):
    width: int

    @nn.compact
    def __call__(self, x):
        shape = x.shape[-1], self.width
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        return nn.relu(
            x @ kernel + self.param("bias", nn.initializers.zeros, shape[1:])
        )


def test_units_whose_constants_nothing_can_take_stay(case_of):
    case = case_of(
        Strange(), (3,), lambda p: sequential(p, ["a", "b", "c", "d"]), "float32"
    )
    chosen = {"a": np.array([True, False]), "b": np.array([False, True, False])}
    plan = case.plan(chosen, case.constants())
    why = "{} is not linear, or has no bias for a constant"
    assert plan.stays == {"a": {why.format("b"): (0,)}, "b": {why.format("c"): (1,)}}
    assert not case.plan(chosen).stays


class Read(nn.Module):
    """A dense layer in one form or another, whose output is read in several ways."""

    form: str

    @nn.compact
    def __call__(self, x, train=False):
        x, form = nn.relu(nn.Dense(3, name="a")(x)), self.form
        if "scaled" in form:
            return nn.Dense(2, name="c")(nn.relu(Scaled(4, form, name="b")(x)))
        y = nn.Dense(4, use_bias=False, name="b")(x)
        x = nn.relu(nn.BatchNorm(not train, name="norm")(y))
        if form == "two norms":
            x = x + nn.relu(nn.BatchNorm(not train, name="other")(y))
        return nn.Dense(2, name="c")(x + y if form == "a sum" else x)


class Scaled(nn.Module):
    width: int
    form: str

    @nn.compact
    def __call__(self, x):
        shape = x.shape[-1], self.width
        kernel = self.param("kernel", nn.initializers.he_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, shape[1:])
        scale = self.param("scale", nn.initializers.ones, shape[1:])
        x = x @ kernel
        return (x + bias) * scale if self.form == "bias scaled" else x * scale + bias


@pytest.mark.parametrize(
    ("form", "takes"),
    [
        ("scaled", "b/bias"),
        ("bias scaled", None),
        ("one norm", "norm/mean"),
        ("two norms", None),
        ("a sum", None),
    ],
)
def test_a_layer_takes_constants_only_where_all_that_reads_it_gets_them(
    case_of, error, form, takes
):
    with jax.enable_x64(True):
        case = case_of(Read(form), (3,), lambda p: sequential(p, ["a", "b", "c"]))
        chosen = {"a": np.arange(3) > 0, "b": np.zeros(4, bool)}
        plan = case.plan(chosen, constants := case.constants())
        assert plan.readers["b"].takes == takes and bool(plan.stays) == (takes is None)
        expected = case.with_constants(plan.removed, constants)
        removed = remove(plan, case.network)
        assert error(case.logits(removed), expected) < 1e-10


class Embedded(nn.Module):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.relu(nn.Dense(3, name="a")(nn.Embed(5, 4, name="e")(x)))
        return nn.Dense(2, name="c")(x.mean(axis=1))


def test_features_of_an_embedding_of_integers_are_units_like_others(error):
    image = np.arange(6).reshape(2, 3) % 5
    model, objective = Embedded(), Objective(Embedded())
    params = model.init(jax.random.key(0), image)["params"]
    e, a = Axis(("e",)), Axis(("a",))
    kernels = {"e/embedding": (None, e), "a/kernel": (e, a), "c/kernel": (a, None)}
    spec = Spec({"e": 4, "a": 3}, kernels | {"a/bias": (a,)})
    network, batch = Network(params, {}), {"image": image, "label": np.zeros(2, int)}
    chosen = {"e": np.arange(4) < 2, "a": np.arange(3) == 1}
    constants = {"a": np.arange(4.0), "c": np.arange(3.0)}
    plan = plan_removal(objective, spec, network, batch, chosen, constants)
    removed = remove(plan, network)
    assert not removed.params["e"]["embedding"][:, :2].any()
    tapped = tapped_logits(objective, {}, sites_of(spec, params))
    expected = run(tapped, params, batch, replaced(plan))
    found = run(tapped, removed.params, batch, Partial(identity))
    assert error(found, expected) < 1e-5
    with pytest.raises(InputError, match="the units of e have no norm of weights"):
        scores.norm(None, params, None, None, spec)


def test_a_layer_called_twice_and_wrong_units_are_refused(strided, case_of):
    class Twice(nn.Module):
        @nn.compact
        def __call__(self, x, train=False):
            layer = nn.Dense(3, name="b")
            return nn.Dense(2, name="c")(layer(layer(nn.Dense(3, name="a")(x))))

    spec_of = lambda params: sequential(params, ["a", "b", "c"])  # noqa: E731
    with pytest.raises(InputError, match="b is called more than once"):
        case_of(Twice(), (3,), spec_of, "float32").plan()

    class Normed(nn.Module):
        use_scale: bool

        @nn.compact
        def __call__(self, x, train=False):
            norm = nn.LayerNorm(use_scale=self.use_scale, name="norm")
            return nn.Dense(2, name="b")(norm(nn.Dense(3, name="a")(x)))

    spec_of = lambda params: sequential(params, ["a", "norm", "b"])  # noqa: E731
    for use_scale in (True, False):
        with pytest.raises(InputError, match="norm, which normalises over units"):
            case_of(Normed(use_scale), (3,), spec_of, "float32").plan()
    with jax.enable_x64(True):
        for chosen, constants, words in (
            ({"e": np.zeros(4, bool)}, {}, "unknown group of units 'e'"),
            ({"a": np.zeros(3, bool)}, {}, "a are 4 booleans, not bool"),
            ({}, {"a": np.zeros(4)}, "unknown site of units 'a'"),
            ({}, {"b": np.zeros(3)}, "b are 4 numbers, not of shape"),
            ({"a": np.ones(4, bool)}, {"b": np.full(4, np.nan)}, "b is not finite"),
        ):
            with pytest.raises(InputError, match=words):
                strided.plan(chosen, constants)
