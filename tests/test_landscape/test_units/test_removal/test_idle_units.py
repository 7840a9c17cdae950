"""Units that sparsity has left without input or output go, and nothing changes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from landscape.models import MLP, ResNet
from landscape.sparsity import masks as masks_lib
from landscape.units import describe, remove, sequential, shrink
from landscape.units.removal.connections import (
    connections,
    without_input,
    without_output,
)

WIDTHS = 5, 6, 4


@pytest.fixture(scope="module")
def mlp(case_of):
    with jax.enable_x64(True):
        return case_of(MLP(WIDTHS, 3, "tanh"), (4,))


def masked(case, kernels):
    """The case with the kernels' weights that the masks remove at 0."""
    params = case.network.params
    masks = jax.tree.map(lambda _: jnp.ones((), bool), params)
    for name, mask in kernels.items():
        layer = masks
        for part in name.split("/"):
            layer = layer[part]
        layer["kernel"] = jnp.asarray(mask)
    params = masks_lib.apply(masks, params)
    return case.of(case.network._replace(params=params, masks=masks))


def full(case, name):
    layer = case.network.params
    for part in name.split("/"):
        layer = layer[part]
    return np.ones(layer["kernel"].shape, bool)


def test_chains_of_constants_and_of_units_that_nothing_reads_go(mlp, error):
    first, second, third, last = (full(mlp, f"Dense_{i}") for i in range(4))
    first[:, 1] = False  # Dense_0[1] is a constant,
    second[:, 2] = np.arange(5) == 1  # and Dense_1[2], which reads it alone.
    last[3] = False  # Nothing reads Dense_2[3],
    third[4] = np.arange(4) == 3  # and Dense_1[4] is read by that one alone.
    with jax.enable_x64(True):
        masks = {"Dense_0": first, "Dense_1": second, "Dense_2": third, "Dense_3": last}
        case = masked(mlp, masks)
        plan = case.plan()
        assert plan.reasons == {
            "Dense_0": {"no input": (1,)},
            "Dense_1": {"no output": (4,), "no input": (2,)},
            "Dense_2": {"no output": (3,)},
        }
        assert describe(plan)[1] == (
            "Dense_1: 2 of 6 units go: 1 no output (4), 1 no input (2)."
        )
        bias = np.asarray(case.network.params["Dense_0"]["bias"])
        moved = plan.constants["Dense_1"]
        np.testing.assert_allclose(moved, np.where([0, 1, 0, 0, 0], np.tanh(bias), 0))
        small = shrink(plan, case.network)
        assert small.masks["Dense_1"]["kernel"].shape == (4, 4)
        assert small.masks["Dense_1"]["kernel"].all()
        assert error(case.smaller(small), case.logits(case.network)) < 1e-10


@pytest.mark.parametrize("density", [0.4, 0.2, 0.05])
def test_a_sparse_network_loses_all_its_idle_units(mlp, error, density):
    with jax.enable_x64(True):
        for _ in range(3):
            shapes = {f"Dense_{i}": full(mlp, f"Dense_{i}").shape for i in range(4)}
            drawn = {n: mlp.rng.random(s) < density for n, s in shapes.items()}
            case = masked(mlp, drawn)
            plan = case.plan()
            removed = remove(plan, case.network)
            whole = case.logits(case.network)
            assert error(case.logits(removed), whole) < 1e-10
            small = shrink(plan, case.network)
            left = {g: int((~gone).sum()) for g, gone in plan.removed.items()}
            spec = sequential(small.params, [*shapes])
            assert spec.sizes == left and min(left.values()) >= 1
            found = connections(spec, small.params, small.masks)
            none = {group: np.zeros(n, bool) for group, n in left.items()}
            for group, size in left.items():
                idle = without_input(spec, found, none)[group]
                idle |= without_output(spec, found, none)[group]
                assert size == 1 or not idle.any()


def test_a_layer_without_any_live_unit_keeps_one(mlp, error):
    with jax.enable_x64(True):
        case = masked(mlp, {"Dense_1": np.zeros((5, 6), bool)})
        plan = case.plan()
        assert plan.stays == {
            "Dense_0": {"the last unit of its group": (0,)},
            "Dense_1": {"the last unit of its group": (0,)},
        }
        assert not plan.removed["Dense_2"].any()  # It reads the one that stays.
        small = shrink(plan, case.network)
        assert error(case.smaller(small), case.logits(case.network)) < 1e-10


def test_constants_pass_only_what_chosen_units_leave(mlp, error):
    """Chosen units become constants first, and others may then read nothing else."""
    with jax.enable_x64(True):
        second = full(mlp, "Dense_1")
        second[:, 3] = np.arange(5) < 2
        case = masked(mlp, {"Dense_1": second})
        chosen = {group: np.zeros(n, bool) for group, n in case.spec.sizes.items()}
        chosen["Dense_0"] = np.arange(5) < 2
        constants = case.constants()
        plan = case.plan(chosen, constants)
        assert plan.reasons == {
            "Dense_0": {"chosen": (0, 1)},
            "Dense_1": {"no input": (3,)},
        }
        expected = case.with_constants(chosen, constants)
        found = case.logits(remove(plan, case.network))
        assert error(found, expected) < 1e-10


class Convolved(nn.Module):
    """Two convolutions without padding and one with; the pooled image is flattened."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.relu(nn.Conv(3, (2, 2), padding="VALID", name="a")(x))
        x = nn.relu(nn.Conv(3, (2, 2), padding="VALID", name="b")(x))
        x = nn.relu(nn.Conv(3, (3, 3), name="c")(nn.max_pool(x, (2, 2))))
        return nn.Dense(2, name="d")(x.reshape(len(x), -1))


def test_constants_stop_at_zero_padding_and_units_behind_it_stay(case_of, error):
    with jax.enable_x64(True):
        layers = ["a", "b", "c", "d"]
        case = case_of(Convolved(), (6, 6, 2), lambda p: sequential(p, layers))
        for layer in "ab":
            bias = case.network.params[layer]["bias"]
            case.network.params[layer]["bias"] = abs(bias) + 1
        masks = {layer: full(case, layer) for layer in "abcd"}
        masks["a"][..., 2] = False
        masks["b"][..., 1] = np.arange(3) == 2  # A constant behind a constant,
        masks["c"][..., 0] = np.arange(3) == 1  # whose border is another in "c".
        case = masked(case, masks)
        plan = case.plan()
        assert plan.reasons == {"a": {"no input": (2,)}}
        padded = "c pads with zeros, its constant is not 0"
        assert plan.stays == {"b": {padded: (1,)}}
        whole = case.logits(case.network)
        assert error(case.logits(remove(plan, case.network)), whole) < 1e-10
        rough = case.plan(approximate=True)
        assert rough.reasons["b"] == {"no input": (1,)} and rough.approximate == ("c",)
        removed = remove(rough, case.network)
        assert error(case.logits(removed), whole) > 1e-4


def test_a_stream_s_channel_goes_if_no_block_writes_it_or_none_reads_it(case_of, error):
    with jax.enable_x64(True):
        case = case_of(ResNet(1, 3, (3, 5, 7, 2, 3, 3)), (8, 8, 2))
        blocks = [f"Block_{i}" for i in range(3)]
        readers = [f"{block}/Conv_0" for block in blocks]
        writers = ["Conv_0", *(f"{block}/Conv_1" for block in blocks)]
        masks = {name: full(case, name) for name in (*readers, *writers, "Dense_0")}
        for name in (*readers, "Dense_0"):
            masks[name][..., 1, :] = False  # Nothing reads channel 1,
        masks["Block_1/Conv_0"][..., 2] = False  # and unit 2 of a block reads nothing
        masks["Block_1/Conv_1"][..., 2, :] = False  # nor is it read.
        masks["Block_2/Conv_1"][..., 5] = False  # Channel 5 of the last is a constant,
        masks["Block_1/Conv_1"][..., 3] = False  # and so is channel 3, not 0 (below):
        masks["Block_2/Conv_1"][..., 3] = False
        masks["Block_2/Conv_0"][..., 3, :] = np.arange(3) < 1  # padding does not matter
        masks["Block_2/Conv_1"][..., 0, :] = False  # to a unit that nothing reads.
        masks["Block_0/Conv_0"][..., 0, :] = False  # Other blocks read channel 0,
        masks["Conv_0"][..., 2] = False  # and write channel 2.
        case.network.params["Block_1"]["BatchNorm_1"]["bias"] += 9 * np.eye(5)[3]
        plan = masked(case, masks).plan()
        assert plan.reasons == {
            "stream_0": {"no output": (1,)},
            "stream_1": {"no input": (0,)},
            "stream_2": {"no input": (0,)},
            "Block_1": {"no output": (2,)},
            "Block_2": {"no output": (0,)},
        }
        assert not plan.stays and plan.constants["Dense_0"][3] > 1
        case = masked(case, masks)
        small = shrink(plan, case.network)
        assert error(case.smaller(small), case.logits(case.network)) < 1e-10
