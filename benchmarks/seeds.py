"""Seeds trained side by side in one compiled program, against one after another.

    python -m benchmarks.seeds
    python -m benchmarks.seeds --num-seeds 32

A small MLP (64-30-10) and LeNet-300-100 of the sizes of digits and MNIST, batch 128,
95 % pruned between a fifth and two thirds of the steps. Steps of all seeds, compilation
left out; ratios above 1: side by side is faster. About 2 minutes on 2 cores.
"""

import argparse

import jax
import numpy as np

from benchmarks.timing import race
from landscape.config import SparseRun
from landscape.machine import devices
from landscape.recipes import order, recipe
from landscape.recipes.initial_state import initial_state
from landscape.tables import format_table
from train.steps import loop, step, together

BATCH, STEPS = 128, 200
CASES = {
    "mlp 64-30-10": ({"model": "mlp", "widths": (30,)}, (8, 8, 1), 1297),
    "lenet300 64": ({"model": "lenet300"}, (8, 8, 1), 1297),
    "lenet300 784": ({"model": "lenet300"}, (28, 28, 1), 20_000),
}


def calls(settings, shape, num_examples, num_seeds):
    """Two functions that train all seeds: side by side, and one after another."""
    config = SparseRun(**settings, steps=STEPS, batch_size=BATCH)
    made, mesh = recipe.make(config, shape, 10), devices.make_mesh(1)
    draw = np.random.default_rng(0)
    images = draw.standard_normal((num_examples, *shape)).astype(np.float32)
    labels = draw.integers(0, 10, num_examples).astype(np.int32)
    weight = np.ones(num_examples, np.float32)
    split = {"image": images, "label": labels, "weight": weight}
    split = devices.replicate(mesh, split)
    seeds = range(num_seeds)
    steps = [step.make(made, seed=seed, order_seed=seed) for seed in seeds]
    states = [initial_state(made, seed, shape) for seed in seeds]
    states = devices.replicate(mesh, states)
    indices = [order.batches(seed, num_examples, BATCH, 0, STEPS) for seed in seeds]
    in_one_call = loop.scannable(made, states[0], split, BATCH)
    segments = together.make_segments(steps, mesh, in_one_call)
    each = [loop.make_segment(one, mesh, in_one_call) for one in steps]

    def side_by_side():
        jax.block_until_ready(segments(states, split, indices, STEPS)[0])

    def one_by_one():
        for segment, state, index in zip(each, states, indices, strict=True):
            copy = jax.tree.map(lambda x: x.copy(), state)
            jax.block_until_ready(segment(copy, split, index, STEPS)[0])

    return {"side by side": side_by_side, "one by one": one_by_one}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-seeds", type=int, default=8)
    num_seeds = parser.parse_args().num_seeds
    rows = []
    for name, case in CASES.items():
        times = race(calls(*case, num_seeds), rounds=3)
        one, other = times["side by side"], times["one by one"]
        rows.append(
            [
                name,
                *(f"{1e3 * t.wall / STEPS:.2f}" for t in (one, other)),
                f"{other.wall / one.wall:.2f}",
                f"{other.cpu / one.cpu:.2f}",
            ]
        )
    print(f"{num_seeds} seeds on {jax.devices()[0].device_kind}; ms a step of all")
    header = ["network", "side by side", "one by one", "ratio, wall", "ratio, CPU"]
    print(format_table(header, rows))


if __name__ == "__main__":
    main()
