"""Norms, statistics of outputs and the registry, by hand in NumPy."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape import rng, units
from landscape.errors import InputError
from landscape.registries import methods
from landscape.registries.scores import UNIT_SCORES
from landscape.units import Axis, Site, Spec, scores


def by_site(twin, function):
    """`function` of outputs [B, positions, C] at each site."""
    return {
        name: function(x.reshape(len(x), -1, twin.sites[name].size))
        for name, x in twin.outputs.items()
    }


def by_group(at):
    """The mean over the sites of each group of the stranger's network."""
    return {
        "conv": at["flat"],
        "stream": (at["read"] + at["last"][:2]) / 2,
        "inner": at["inner"],
        "joining": at["last"][2:],
    }


@pytest.mark.parametrize("chunk_size", [None, 2])
def test_statistics_are_over_weighted_examples_and_positions(twin, chunk_size):
    def mean(x):
        return twin.mean(x.mean(axis=1))

    means = by_site(twin, mean)
    expected = {
        "activation_mean": by_group(by_site(twin, lambda x: mean(abs(x)))),
        "apoz": by_group(by_site(twin, lambda x: mean(x != 0))),
    }
    variance = by_group(by_site(twin, lambda x: mean((x - mean(x)) ** 2)))
    expected["activation_std"] = {k: np.sqrt(v) for k, v in variance.items()}
    with jax.enable_x64(True):
        args = twin.network, twin.params, twin.batch, twin.sites
        for name, values in expected.items():
            found = units.unit_scores(name, *args, twin.spec, chunk_size=chunk_size)
            for group in values:
                np.testing.assert_allclose(found[group], values[group], rtol=1e-12)
        found = units.mean_outputs(*args, chunk_size=chunk_size)
    for site, values in means.items():
        np.testing.assert_allclose(found[site], values, rtol=1e-12)
    assert expected["apoz"]["conv"].min() == 0 < expected["apoz"]["conv"][2] < 1


def test_the_mean_of_a_constant_unit_is_the_constant_to_the_last_bit():
    constants = np.random.default_rng(0).normal(size=200).astype(np.float32)

    def losses(params, batch, tap):
        return tap("x", jnp.where(batch["weight"][:, None] > 0, params, 1e3)).sum(1)

    sites = {"x": Site(Axis(("a",)), (200,))}
    # The first example is padding, and looks different.
    batch = {"weight": np.linspace(0, 1, 37, dtype=np.float32)}
    for chunk_size in (None, 10):
        found = units.output_statistics(
            losses, constants, batch, sites, chunk_size=chunk_size
        )["x"]
        np.testing.assert_array_equal(found.mean, constants)
        np.testing.assert_array_equal(found.variance, 0)


def test_norm_is_the_mean_square_of_the_incoming_weights(twin):
    kernels = {name: leaf.get("kernel") for name, leaf in twin.params.items()}
    found = scores.norm(None, twin.params, None, None, twin.spec)
    square = (kernels["back"] ** 2).sum(axis=0)
    into = (kernels["dense"] ** 2).sum(axis=0) + square[:2]
    expected = {
        "conv": (kernels["conv"] ** 2).sum(axis=(0, 1, 2)) / 8,
        "stream": into / (12 + 4),
        "inner": (kernels["inner"] ** 2).sum(axis=0) / 2,
        "joining": square[2:] / 4,
    }
    assert found.keys() == expected.keys()
    for group, values in expected.items():
        np.testing.assert_allclose(found[group], values, rtol=1e-6)


def test_group_magnitude_is_that_of_torch_pruning(twin):
    """MagnitudeImportance(p=2), of the group's layers in their PyTorch layouts.

    Each layer of a group adds its sums of squares at the units that its channels belong
    to, the sum is divided by the number of layers, and that by its mean.
    """
    kernels = {name: leaf.get("kernel") for name, leaf in twin.params.items()}
    conv = kernels["conv"].transpose(3, 2, 0, 1)  # [out, in, height, width]
    # Flattened channels first, as PyTorch does: [out, channel x position].
    dense = kernels["dense"].T.reshape(2, 4, 3).transpose(0, 2, 1).reshape(2, 12)
    root = np.repeat(np.arange(3), 4)
    reading = np.zeros(3)
    np.add.at(reading, root, (dense**2).sum(axis=0))
    scale = twin.params["norm"]["scale"] ** 2
    importance = ((conv.reshape(3, -1) ** 2).sum(axis=1) + scale + reading) / 3
    found = scores.group_magnitude(None, twin.params, None, None, twin.spec)
    np.testing.assert_allclose(found["conv"], importance / importance.mean(), rtol=1e-6)
    inner = (kernels["inner"] ** 2).sum(axis=0) + (kernels["back"] ** 2).sum(axis=1)
    np.testing.assert_allclose(found["inner"], inner / inner.mean(), rtol=1e-6)


def test_random_scores_follow_the_key_and_differ_between_groups():
    spec = Spec({"a": 4, "b": 4}, {})

    def draw(seed):
        key = rng.stream(seed, "units")
        return units.unit_scores("at_random", None, None, None, None, spec, key)

    one, again, other = draw(0), draw(0), draw(1)
    np.testing.assert_array_equal(one["a"], again["a"])
    assert not np.isin(one["a"], [*one["b"], *other["a"]]).any()
    with pytest.raises(InputError, match="key must be a key"):
        units.unit_scores("at_random", None, None, None, None, spec)


def test_every_row_names_a_score_of_the_one_signature():
    shared = ["losses", "params", "batches", "sites", "spec", "key"]
    for name, row in UNIT_SCORES.items():
        parameters = inspect.signature(methods.resolve(row.score)).parameters
        assert row.name == name and list(parameters)[:6] == shared
        assert {"chunk_size", *dict(row.fixed)} <= parameters.keys()
        assert row.needs in ("nothing", "outputs", "grads", "losses")


def test_what_is_said_to_need_nothing_needs_nothing(twin):
    key = rng.stream(0, "units")
    for name, row in UNIT_SCORES.items():
        if row.needs == "nothing":
            found = units.unit_scores(
                name, None, twin.params, None, None, twin.spec, key
            )
            assert {k: len(v) for k, v in found.items()} == twin.spec.sizes


def test_signed_rows_are_signed():
    def losses(params, batch, tap):
        return -tap("x", batch @ params).sum(axis=1)

    args = losses, jnp.ones((1, 2)), jnp.ones((3, 1)), {"x": Site(Axis(("a",)), (2,))}
    spec = Spec({"a": 2}, {})
    signed = units.unit_scores("rs_signed", *args, spec)["a"]
    absolute = units.unit_scores("rs", *args, spec)["a"]
    assert signed.tolist() == [1.0, 1.0] == absolute.tolist()
    args = lambda p, batch, tap: -losses(p, batch, tap), *args[1:]
    assert units.unit_scores("rs_signed", *args, spec)["a"].tolist() == [-1.0, -1.0]


def test_scores_that_are_nan_are_refused_by_the_group_s_name():
    spec = Spec({"a": 2}, {"a/kernel": (None, Axis(("a",)))})
    params = {"a": {"kernel": jnp.array([[1.0, jnp.nan]])}}
    with pytest.raises(InputError, match="norm of 1 of the 2 units of a is NaN"):
        units.unit_scores("norm", None, params, None, None, spec)
    with pytest.raises(InputError, match="perhaps you meant 'mrs'"):
        units.unit_scores("mrss", None, params, None, None, spec)
