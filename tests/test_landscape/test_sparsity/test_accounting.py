"""Counts of weights and FLOPs against numbers worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

from landscape import trees
from landscape.errors import InputError
from landscape.sparsity import accounting, masks

SHAPES = {
    "Conv_0": (5, 5, 1, 6),
    "Conv_1": (5, 5, 6, 16),
    "Dense_0": (256, 120),
    "Dense_1": (120, 84),
    "Dense_2": (84, 10),
}
LENET5 = {
    name: {"kernel": np.ones(shape, np.float32), "bias": np.ones(shape[-1], np.float32)}
    for name, shape in SHAPES.items()
}
POSITIONS = {f"{name}/kernel": 1 for name in SHAPES}
POSITIONS |= {"Conv_0/kernel": 24 * 24, "Conv_1/kernel": 8 * 8}


def half():
    """Every second weight of the second convolution and the last layer is removed."""

    def keep(name, always, leaf):
        if name in ("Conv_1/kernel", "Dense_2/kernel"):
            return jnp.arange(leaf.size).reshape(leaf.shape) % 2 == 0
        return always

    return trees.map_named(keep, masks.dense(LENET5), LENET5)


def test_flops_of_lenet5_are_those_worked_out_by_hand():
    rows = accounting.table(LENET5, half(), POSITIONS)
    assert [row.layer for row in rows] == list(SHAPES)
    macs = [150 * 576, 2400 * 64, 256 * 120, 120 * 84, 840]
    assert [row.flops for row in rows] == [2 * n for n in macs]
    halves = [1, 2, 1, 1, 2]
    assert [row.flops_kept for row in rows] == [
        2 * n // h for n, h in zip(macs, halves, strict=True)
    ]
    assert [row.kept for row in rows] == [150, 1200, 30720, 10080, 420]
    assert [row.sparsity for row in rows] == [0, 0.5, 0, 0, 0.5]
    assert rows[1].shape == (5, 5, 6, 16)


def test_the_text_has_totals_dense_layers_and_the_convention():
    text = accounting.format_table(LENET5, half(), POSITIONS)
    lines = text.splitlines()
    assert lines[3].split() == (
        "Conv_1 5x5x6x16 2,400 1,200 50.00 % 307,200 153,600".split()
    )
    assert lines[7].split() == "all 44,190 42,570 3.67 % 563,280 408,840".split()
    assert "44,190 prunable weights 3.67 %, of all 44,426 parameters 3.65 %" in text
    assert "Dense layers: Conv_0, Dense_0, Dense_1." in text
    assert accounting.CONVENTION in text


def test_a_kernel_without_positions_is_named():
    with pytest.raises(InputError, match="positions of Dense_2/kernel is missing"):
        accounting.table(LENET5, half(), dict(list(POSITIONS.items())[:-1]))
