"""Idle units against paths of kept weights, walked one by one."""

import itertools

import numpy as np
import pytest

from landscape import units

WIDTHS = 4, 5, 6, 3


def network(seed, density):
    draw, params, masks = np.random.default_rng(seed), {}, {}
    for i, shape in enumerate(itertools.pairwise(WIDTHS)):
        params[f"Dense_{i}"] = {"kernel": np.ones(shape), "bias": np.ones(shape[1])}
        kept = draw.random(shape) < density
        masks[f"Dense_{i}"] = {"kernel": kept, "bias": np.array(True)}
    return params, masks


def by_walking(masks, layer, unit):
    kernels = [masks[f"Dense_{i}"]["kernel"] for i in range(3)]

    def forwards(at, unit):
        if at == len(kernels):
            return True
        following = range(WIDTHS[at + 1])
        return any(kernels[at][unit, to] and forwards(at + 1, to) for to in following)

    def backwards(at, unit):
        if at == 0:
            return True
        return any(
            kernels[at - 1][of, unit] and backwards(at - 1, of)
            for of in range(WIDTHS[at - 1])
        )

    return {
        "no input": not kernels[layer][:, unit].any(),
        "no output": not kernels[layer + 1][unit].any(),
        "cut off": not (forwards(layer + 1, unit) and backwards(layer + 1, unit)),
    }


@pytest.mark.parametrize("seed", range(6))
def test_idle_units_are_those_that_no_path_leads_through(seed):
    params, masks = network(seed, 0.25)
    spec = units.sequential(params, ["Dense_0", "Dense_1", "Dense_2"])
    found = units.idle_units(spec, params, masks)
    for layer in (0, 1):
        for unit in range(WIDTHS[layer + 1]):
            of_unit = {k: bool(v[unit]) for k, v in found[f"Dense_{layer}"].items()}
            assert of_unit == by_walking(masks, layer, unit)


def test_the_networks_above_have_units_of_each_kind():
    kinds = {"no input": 0, "no output": 0, "cut off": 0}
    for seed in range(6):
        _, masks = network(seed, 0.25)
        for unit in range(WIDTHS[1]):
            found = by_walking(masks, 0, unit)
            kinds = {k: n + found[k] for k, n in kinds.items()}
    assert kinds["cut off"] > kinds["no output"] > 0 < kinds["no input"]


def test_a_dense_network_has_no_idle_unit():
    params, masks = network(0, 2.0)
    spec = units.sequential(params, list(params))
    found = units.idle_units(spec, params, masks)
    assert not any(which.any() for row in found.values() for which in row.values())
