"""Oracles and their first order against explicit forward passes in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape import units
from landscape.errors import InputError
from landscape.machine import backend
from landscape.units import Axis, Site

PENALTIES = units.mean_replacement_penalty, units.removal_penalty
SALIENCIES = units.mean_replacement_saliency, units.removal_saliency


def agree(found, expected, atol):
    assert found.keys() == expected.keys()
    for group, values in expected.items():
        np.testing.assert_allclose(found[group], values, rtol=0, atol=atol)


def of_all(twin, function):
    """`function(group, unit)` of every unit."""
    return {
        group: np.array([function(group, unit) for unit in range(size)])
        for group, size in twin.spec.sizes.items()
    }


def constants(twin, score):
    """What takes the units' places."""
    if score.__name__.startswith("mean"):
        return twin.means()
    return {name: np.zeros(site.size) for name, site in twin.sites.items()}


def parts(batch):
    """The batch in two of different length."""
    return [
        jax.tree.map(lambda x, at=at: x[at], batch) for at in (np.s_[:2], np.s_[2:])
    ]


@pytest.mark.parametrize("score", PENALTIES)
def test_a_penalty_is_the_loss_with_the_unit_replaced_wherever_it_is_seen(twin, score):
    values, plain = constants(twin, score), twin.losses()

    def change(group, unit):
        return twin.mean(twin.replaced(group, unit, values) - plain)

    expected = of_all(twin, change)
    args = twin.network, twin.params
    with jax.enable_x64(True):
        signed = score(*args, twin.batch, twin.sites, signed=True)
        found = score(*args, iter(parts(twin.batch)), twin.sites, chunk_size=2)
    agree(signed, expected, 1e-13)
    agree(found, {k: abs(v) for k, v in expected.items()}, 1e-13)
    assert min(v.min() for v in expected.values()) < 0


@pytest.mark.parametrize("score", SALIENCIES)
def test_a_saliency_is_the_slope_of_the_loss_towards_the_constant(twin, score):
    values = constants(twin, score)
    slopes = {
        (group, unit): twin.slopes(group, unit, values)
        for group, size in twin.spec.sizes.items()
        for unit in range(size)
    }

    def of_example(group, unit):
        return twin.mean(abs(slopes[group, unit].sum(axis=0)))

    def of_position(group, unit):
        return twin.mean(abs(slopes[group, unit]).sum(axis=0))

    def signed(group, unit):
        return twin.mean(slopes[group, unit].sum(axis=0))

    args = twin.network, twin.params, twin.batch, twin.sites
    with jax.enable_x64(True):
        agree(score(*args), of_all(twin, of_example), 1e-8)
        loader = iter(parts(twin.batch))
        found = score(*args[:2], loader, twin.sites, chunk_size=3)
        agree(found, of_all(twin, of_example), 1e-8)
        found = score(*args, absolute="positions")
        agree(found, of_all(twin, of_position), 1e-8)
        agree(score(*args, absolute="none"), of_all(twin, signed), 1e-8)


def test_the_thesis_takes_the_absolute_value_at_every_position():
    """pytorchpruner's: the l1 norm of (mean - a) dL/da, of the mean loss, by hand."""

    def losses(params, batch, tap):
        return tap("x", batch) @ params

    # One unit at two positions: its mean is 4; the gradients of the examples are 3, -1.
    batch, gradient = jnp.array([[1.0, 2.0], [8.0, 5.0]]), jnp.array([3.0, -1.0])
    args = losses, gradient, batch, {"x": Site(Axis(("a",), positions=2), (1,))}
    at_positions = np.array([[3 * 3, 2 * -1], [-4 * 3, -1 * -1]])
    for absolute, expected in (
        ("positions", abs(at_positions).sum() / 2),
        ("examples", abs(at_positions.sum(axis=1)).mean()),
        ("none", at_positions.sum() / 2),
    ):
        found = units.mean_replacement_saliency(*args, absolute=absolute)
        assert found["a"].tolist() == [expected]
    assert expected == -2.0


def test_means_of_other_data_take_the_unit_s_place(twin):
    values = {name: np.arange(1.0, site.size + 1) for name, site in twin.sites.items()}
    plain = twin.losses()

    def change(group, unit):
        return abs(twin.mean(twin.replaced(group, unit, values) - plain))

    def slope(group, unit):
        return twin.mean(abs(twin.slopes(group, unit, values).sum(axis=0)))

    args = twin.network, twin.params, twin.batch, twin.sites
    with jax.enable_x64(True):
        penalty = units.mean_replacement_penalty(*args, means=values)
        saliency = units.mean_replacement_saliency(*args, means=values)
    agree(penalty, of_all(twin, change), 1e-13)
    agree(saliency, of_all(twin, slope), 1e-8)


def dense(params, batch, tap):
    """The losses of a network with one unit, or a few, and without convolutions."""
    hidden = tap("hidden", jnp.tanh(batch["x"] @ params["w"] + params["b"]))
    return ((hidden @ params["v"] - batch["y"]) ** 2).sum(axis=1)


def a_dense_network(num_units, num_examples=6):
    draw = np.random.default_rng(num_units).normal
    params = {
        "w": draw(size=(3, num_units)),
        "b": draw(size=num_units),
        "v": draw(size=(num_units, 2)),
    }
    batch = {"x": draw(size=(num_examples, 3)), "y": draw(size=(num_examples, 2))}
    return params, batch, {"hidden": Site(Axis(("hidden",)), (num_units,))}


def test_a_network_with_one_unit_has_its_penalty_in_a_compiled_loop():
    params, batch, sites = a_dense_network(1)
    hidden = np.tanh(batch["x"] @ params["w"] + params["b"])

    def loss(hidden):
        return ((hidden @ params["v"] - batch["y"]) ** 2).sum(axis=1).mean()

    change = loss(np.full_like(hidden, hidden.mean())) - loss(hidden)
    with jax.enable_x64(True):
        found = units.mean_replacement_penalty(dense, params, batch, sites)
    np.testing.assert_allclose(found["hidden"], [abs(change)], rtol=1e-12)


@pytest.mark.parametrize("convolution", [False, True])
def test_a_unit_that_nothing_reads_has_no_penalty_at_all(convolution):
    params, batch, sites = a_dense_network(9, num_examples=50)
    params["v"][3] = 0
    params, batch = jax.tree.map(jnp.float32, (params, batch))

    def losses(params, batch, tap):
        found = dense(params, batch, tap)
        if not convolution:
            return found
        # Convolutions do not run in a compiled loop on a CPU.
        ones = jnp.ones((1, 1, 2))
        return jax.lax.conv(found[None, None], ones, (1,), "SAME")[0, 0]

    found = units.mean_replacement_penalty(losses, params, batch, sites)["hidden"]
    assert found[3] == 0 and (np.delete(found, 3) > 1e-5).all()


@pytest.mark.parametrize("score", PENALTIES + SALIENCIES)
def test_twins_have_one_score_and_constants_none(score):
    params, batch, sites = a_dense_network(3)
    params["w"][:, 1], params["b"][1] = params["w"][:, 0], params["b"][0]
    params["v"][1] = params["v"][0]
    # Units before tanh: a large constant with large outgoing weights.
    params["w"][:, 2], params["b"][2], params["v"][2] = 0, 50.0, 3.0

    def linear(params, batch, tap):
        hidden = tap("hidden", batch["x"] @ params["w"] + params["b"])
        return ((jnp.tanh(hidden) @ params["v"] - batch["y"]) ** 2).sum(axis=1)

    batch = jax.tree.map(jnp.float32, batch)
    params = jax.tree.map(jnp.float32, params)
    for chunk_size in (None, 4):
        found = score(linear, params, batch, sites, chunk_size=chunk_size)["hidden"]
        np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
        if score in PENALTIES[:1] + SALIENCIES[:1]:
            assert found[0] > 0.01 and found[2] < 1e-6 * found.max()


def test_a_large_constant_has_no_saliency_in_any_chunks():
    params, batch, sites = a_dense_network(3, num_examples=11)
    params["w"][:, 2], params["v"][2] = 0, 3.0
    batch["weight"] = np.linspace(0, 1, 11)

    def linear(params, batch, tap):
        hidden = tap("hidden", batch["x"] @ params["w"] + params["b"])
        return ((hidden @ params["v"] - batch["y"]) ** 2).sum(axis=1)

    batch = jax.tree.map(jnp.float32, batch)
    for constant in (50.1, 1234.567):
        params["b"][2] = constant
        values = jax.tree.map(jnp.float32, params)
        found = units.mean_replacement_saliency(
            linear, values, batch, sites, chunk_size=4
        )
        assert found["hidden"][2] < 1e-6 * found["hidden"].max()


def test_a_mean_that_another_program_rounds_otherwise_gives_a_constant_no_saliency():
    params, batch, sites = a_dense_network(3)
    params["w"][:, 2] = 0
    params, batch = jax.tree.map(jnp.float32, (params, batch))
    means = units.mean_outputs(dense, params, batch, sites)
    means = {"hidden": np.nextafter(means["hidden"], np.float32(np.inf))}
    found = units.mean_replacement_saliency(dense, params, batch, sites, means=means)
    assert found["hidden"][2] == 0 < found["hidden"][:2].min()


def test_padding_of_weight_0_changes_nothing(twin):
    with jax.enable_x64(True):
        for score in (units.mean_replacement_penalty, units.mean_replacement_saliency):
            found = score(twin.network, twin.params, twin.batch, twin.sites)
            kept = jax.tree.map(lambda x: x[twin.weight > 0], twin.batch)
            agree(score(twin.network, twin.params, kept, twin.sites), found, 1e-14)


@pytest.mark.parametrize("score", PENALTIES + SALIENCIES)
def test_products_are_in_full_precision(score):
    params, batch, sites = a_dense_network(2)

    def function(params, batch):
        return score(dense, params, batch, sites)

    jaxpr = jax.make_jaxpr(function)(params, batch).jaxpr
    products = [
        e for e in backend.operations(jaxpr) if e.primitive.name == "dot_general"
    ]
    assert len(products) >= 2
    for eqn in products:
        assert {p.name for p in eqn.params["precision"]} == {"HIGHEST"}


def test_what_is_tapped_otherwise_than_the_sites_say_is_refused():
    params, batch, sites = a_dense_network(2)
    (site,) = sites.values()

    def twice(params, batch, tap):
        return dense(params, batch, lambda name, x: tap(name, tap(name, x)))

    def scalar(params, batch, tap):
        return dense(params, batch, tap).mean()

    wider = {"hidden": Site(Axis(("hidden",)), (3,))}
    for score in PENALTIES + SALIENCIES:
        with pytest.raises(InputError, match=r"hiden must be tapped once .* 0 times"):
            score(dense, params, batch, {"hiden": site})
        with pytest.raises(InputError, match=r"tapped once .* not 2 times"):
            score(twice, params, batch, sites)
        with pytest.raises(InputError, match="last axis must have 3 entries"):
            score(dense, params, batch, wider)
        with pytest.raises(InputError, match=r"shape \(6,\) is needed, not \(\)"):
            score(scalar, params, batch, sites)
        with pytest.raises(InputError, match="no sites"):
            score(dense, params, batch, {})
    with pytest.raises(InputError, match="perhaps you meant 'positions'"):
        units.removal_saliency(dense, params, batch, sites, absolute="position")
