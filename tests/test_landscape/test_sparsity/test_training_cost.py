"""FLOPs of a training against loops that count every multiplication."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.sparsity import accounting, training_cost, updaters
from landscape.sparsity.training_cost import Window

IMAGE, KERNEL, CLASSES = 5, (2, 2, 1, 3), 4
PARAMS = {
    "Conv_0": {"kernel": np.ones(KERNEL), "bias": np.ones(3)},
    "Dense_0": {"kernel": np.ones((3 * 16, CLASSES)), "bias": np.ones(CLASSES)},
}
POSITIONS = {"Conv_0/kernel": 16, "Dense_0/kernel": 1}


def masks_of(seed, density):
    draw = np.random.default_rng(seed)
    return {
        layer: {
            "kernel": draw.random(leaves["kernel"].shape) < density,
            "bias": np.array(True),
        }
        for layer, leaves in PARAMS.items()
    }


def forward(masks):
    """Two FLOPs for each output position and each kept weight that it multiplies."""
    flops = 0
    side = IMAGE - KERNEL[0] + 1
    for _, _ in itertools.product(range(side), range(side)):
        for index in np.ndindex(KERNEL):
            flops += 2 * bool(masks["Conv_0"]["kernel"][index])
    for index in np.ndindex(3 * side * side, CLASSES):
        flops += 2 * bool(masks["Dense_0"]["kernel"][index])
    return flops


def kept_flops(masks):
    rows = accounting.table(PARAMS, masks, POSITIONS)
    return sum(row.flops_kept for row in rows)


def test_a_training_is_the_sum_of_its_steps_counted_one_by_one():
    """Masks change after steps 4 and 8, which need the gradient of all weights."""
    masks, everything = [masks_of(seed, 0.3) for seed in range(3)], masks_of(0, 2.0)
    dense_at, total, dense = {4, 8}, 0, 0
    for step in range(1, 11):
        now = masks[(step - 1) // 4]
        total += 2 * forward(now)
        total += forward(everything if step in dense_at else now)
        dense += 3 * forward(everything)
    values = [kept_flops(m) for m in masks]
    windows = [
        Window(start, stop, value, value)
        for start, stop, value in zip((0, 4, 8), (4, 8, 10), values, strict=True)
    ]
    assert values == [forward(m) for m in masks] and len(set(values)) == 3
    found = training_cost.total(
        windows, kept_flops(everything), batch_size=7, dense_gradients=range(4, 100, 4)
    )
    assert found.flops == found.low == found.high == 7 * total
    assert found.dense == 7 * dense and found.dense_gradients == 2
    assert found.relative == total / dense


def test_rigls_step_costs_what_its_appendix_says_on_average():
    """(3 f_S (T - 1) + 2 f_S + f_D) / T, where one of T steps is an update."""
    sparse, full, every = 10.0, 100.0, 25
    found = training_cost.total(
        [Window(0, 100, sparse, sparse)], full, 1, range(every, 101, every)
    )
    average = (3 * sparse * (every - 1) + 2 * sparse + full) / every
    assert found.flops / 100 == pytest.approx(average, rel=1e-12)


def test_straight_through_needs_all_gradients_at_every_step():
    found = training_cost.total([Window(0, 9, 10, 10)], 100, 2, range(1, 10))
    assert found.flops == 2 * 9 * (2 * 10 + 100)


def test_masks_that_change_inside_a_window_are_between_its_bounds():
    window = Window(0, 10, 100.0, 40.0)
    found = training_cost.total([window], 100.0, 1)
    assert (found.low, found.flops, found.high) == (1200.0, 3000.0, 3000.0)
    for change in range(11):
        true = 3 * (change * 100.0 + (10 - change) * 40.0)
        assert found.low <= true <= found.high


@pytest.mark.parametrize("steps", [(0, 14, 4), (1, 20, 2)])
def test_the_densities_of_gradual_pruning_are_those_of_its_updater(steps):
    size, kept, last = 1000, 130, 14
    params = {"w": jnp.arange(1.0, 1.0 + size)}
    updater = updaters.pruning({"w": kept}, *steps)
    masks, state = updater.init(None, params)
    update = jax.jit(updater.update)
    seen = [(0, 1.0)]
    for step in range(1, last + 1):
        masks, state, info = update(step, None, params, None, masks, state)
        if info["changed"]:
            seen.append((step, float(np.mean(masks["w"]))))
    found = training_cost.gradual_densities(steps, last, seen[-1][1])
    by_step = dict(found)
    assert {step for step, _ in seen} <= by_step.keys()
    # The updater rounds to whole weights.
    for step, density in seen:
        assert by_step[step] == pytest.approx(density, abs=1 / size)


def test_before_its_first_update_gradual_pruning_is_dense():
    assert training_cost.gradual_densities((5, 9, 1), 3, 1.0) == [(0, 1.0)]


def test_between_known_states_flops_are_linear_in_the_density():
    """As of layers that each lose the same part of what they lose in the end."""
    sizes, kept, positions = np.array([12, 192]), np.array([6, 19]), np.array([16, 1])

    def state(part):
        left = sizes - part * (sizes - kept)
        return left.sum() / sizes.sum(), 2 * (left * positions).sum()

    at = training_cost.by_density([state(0), state(1)])
    for part in (0.0, 0.3, 0.8, 1.0):
        density, flops = state(part)
        assert at(density) == pytest.approx(flops, rel=1e-12)
    assert training_cost.by_density([(0.5, 2.0), (0.5, 4.0), (1.0, 9.0)])(0.5) == 3.0
