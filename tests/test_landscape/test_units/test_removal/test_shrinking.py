"""What has units shrinks with them, round after round, and it is written down."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from landscape.errors import InputError
from landscape.models import LeNet
from landscape.units import Network, record, shrink, take


@pytest.fixture(scope="module")
def lenet(case_of):
    with jax.enable_x64(True):
        case = case_of(LeNet((3, 4, 5), 2, form="plain"), (16, 20, 1))
        masks = jax.tree.map(lambda _: jnp.ones((), bool), case.network.params)
        kernel = case.network.params["Dense_0"]["kernel"]
        masks["Dense_0"]["kernel"] = jnp.arange(40).reshape(kernel.shape) % 7 != 3
        return case.of(case.network._replace(masks=masks))


def entries(leaf, kept_rows, kept_columns):
    return np.asarray(leaf)[..., kept_rows, :][..., kept_columns]


def test_masks_and_the_state_of_any_optimizer_lose_the_same_entries(lenet):
    with jax.enable_x64(True):
        chosen = lenet.odd()
        plan, params = lenet.plan(chosen), lenet.network.params
        optimizer = optax.chain(optax.clip(1.0), optax.adam(0.1), optax.trace(0.9))
        shapes = jax.eval_shape(optimizer.init, params)
        state = jax.tree.map(lambda x: lenet.rng.normal(size=x.shape), shapes)
        rows = np.flatnonzero(np.tile([True, False, True, False], 2))
        small, masks = take(plan, state), take(plan, lenet.network.masks)
        for before, after in (
            (state[1][0].mu, small[1][0].mu),
            (state[1][0].nu, small[1][0].nu),
            (state[2].trace, small[2].trace),
            (lenet.network.masks, masks),
        ):
            before, after = (tree["Dense_0"]["kernel"] for tree in (before, after))
            np.testing.assert_array_equal(after, entries(before, rows, [0, 2, 4]))
        assert masks["Conv_0"]["kernel"].shape == ()
        assert small[1][0].count == state[1][0].count
        shapes = jax.tree.map(jnp.shape, small[1][0].mu)
        assert shapes == jax.tree.map(jnp.shape, shrink(plan, lenet.network).params)
        factored = {"v_row": {"Dense_0": {"kernel": jnp.zeros(8)}}}
        with pytest.raises(InputError, match=r"has the shape .8,. and Dense_0/kernel"):
            take(plan, factored)


def test_two_rounds_are_one_in_the_indices_of_the_first_network(lenet, case_of, error):
    with jax.enable_x64(True):
        chosen, constants = lenet.odd(), lenet.constants()
        first = lenet.plan(chosen, constants)
        small = shrink(first, lenet.network)
        case = case_of(LeNet((2, 2, 3), 2, form="plain"), (16, 20, 1)).of(small)
        again = {
            "Conv_0": np.array([True, False]),
            "Conv_1": np.array([False, True]),
            "Dense_0": np.array([False, True, False]),
        }
        values = case.constants()
        second = case.plan(again, values)
        both = record.compose(record.units_of(first), record.units_of(second))
        assert both.kept == {"Conv_0": (2,), "Conv_1": (0,), "Dense_0": (0, 4)}
        assert both.sizes == {"Conv_0": 3, "Conv_1": 4, "Dense_0": 5}
        assert both.reasons["Conv_1"] == {"chosen": (1, 2, 3)}
        moved = both.constants["Dense_0"]["Conv_1"]
        expected = [*(constants["Dense_0"][[1, 3]]), values["Dense_0"][1]]
        np.testing.assert_allclose([moved[i] for i in (1, 3, 2)], expected, rtol=1e-6)
        text = json.dumps(record.to_dict(both))
        assert record.from_dict(json.loads(text)) == both

        # At once, with the constants that are written down.
        gone = {g: ~np.isin(np.arange(n), both.kept[g]) for g, n in both.sizes.items()}
        at = {
            layer: np.array([of.get(i, 0) for i in range(len(gone[group]))])
            for layer, by_group in both.constants.items()
            for group, of in by_group.items()
        }
        found = case.smaller(shrink(second, small))
        assert error(found, lenet.with_constants(gone, at)) < 1e-6
        smallest = shrink(lenet.plan(gone, at), lenet.network)
        for one, other in zip(
            jax.tree.leaves(smallest),
            jax.tree.leaves(shrink(second, small)),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_records_of_other_networks_or_versions_are_refused(lenet):
    with jax.enable_x64(True):
        units = record.units_of(lenet.plan(lenet.odd()))
    with pytest.raises(InputError, match="are not those left by the removal before"):
        record.compose(units, units)
    with pytest.raises(InputError, match="units of format version 1 are read, not 2"):
        record.from_dict(record.to_dict(units) | {"format_version": 2})


def test_nothing_chosen_changes_nothing(lenet):
    with jax.enable_x64(True):
        network = Network(lenet.network.params, {})
        small = shrink(lenet.of(network).plan(), network)
        same = jax.tree.map(np.array_equal, small, network)
        assert jax.tree.all(same) and small.masks is None
