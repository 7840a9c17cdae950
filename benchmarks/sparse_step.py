"""Cost of masks at ResNet-50's shapes, for every method: steps, mask updates, memory.

    python -m benchmarks.sparse_step
    python -m benchmarks.sparse_step rigl set

25.6 million weights (kernels, biases and batch norm of ResNet-50) as a dict of arrays,
90 % of the kernels pruned, SGD with momentum, donated buffers; gradients are given.

Between mask updates all methods without latent weights make the same step, whose
program has no memory for scores. The last column is that of temporaries, in MiB (all
weights are 97): a mask update looks at one layer after the other. Rivals take turns;
medians over the rounds, compilation apart; ratios are to be compared. CPU time, since
the machine may be busy. About four minutes of CPU.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.timing import Time, race
from landscape import sparsity
from landscape.config import SparseRun
from landscape.registries import methods
from landscape.sparsity import Updater, masked_update, masks, scored_update, updaters
from landscape.tables import format_table

SPARSITY, STEPS_A_CALL, ROUNDS = 0.9, 5, 20
OPTIMIZER = optax.sgd(0.1, momentum=0.9)


def resnet50_shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of ResNet-50's parameters, 25,557,032 in all."""
    shapes = {"Dense_0/kernel": (2048, 1000), "Dense_0/bias": (1000,)}

    def conv(size, fan_in, fan_out):
        i = sum("Conv" in name for name in shapes)
        shapes[f"Conv_{i:02}/kernel"] = (size, size, fan_in, fan_out)
        shapes[f"BatchNorm_{i:02}/scale"] = shapes[f"BatchNorm_{i:02}/bias"] = (
            fan_out,
        )

    conv(7, 3, 64)
    fan_in = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            conv(1, fan_in, width)
            conv(3, width, width)
            conv(1, width, 4 * width)
            if block == 0:
                conv(1, fan_in, 4 * width)
            fan_in = 4 * width
    return shapes


def draw(seed: int) -> dict[str, jax.Array]:
    """Normal entries, He-scaled."""
    normal = np.random.default_rng(seed).standard_normal
    return {
        name: jnp.asarray(normal(shape, np.float32) * (2 / np.prod(shape[:-1])) ** 0.5)
        for name, shape in resnet50_shapes().items()
    }


def made(names: list[str]) -> dict[str, Updater]:
    """The updaters of the registry, each once."""
    params = jax.eval_shape(lambda: draw(0))
    kernels, found, seen = sparsity.prunable(params), {}, set()
    for name in names or methods.SPARSE_METHODS:
        row = methods.METHODS[name]
        if row.updater in seen or (row.takes and not row.optional):
            continue
        seen.add(row.updater)
        # The 147 inputs of the first layer are no multiple of 4.
        given = {"nm": "2:4", "dense_layers": ("Conv_00",)} if name == "nm" else {}
        given = given or {"sparsity": SPARSITY}
        config = SparseRun(method=name, steps=100_000, update_every=1_000, **given)
        if config.pattern:
            counts = sparsity.kept_in_groups(
                kernels, *config.pattern, config.dense_layers
            )
        else:
            counts = sparsity.kept_counts(kernels, SPARSITY)
        settings = {key: getattr(config, key) for key in row.settings}
        found[name] = methods.resolve(row.updater)(counts, params, **settings)
    return found


class Rival:
    """A compiled step that is repeated on the buffers of the last one."""

    def __init__(
        self, step: Callable, state: Any, grads: Any, at: int = 0, calls: int = 1
    ):
        start = time.process_time()
        self.arguments = grads, jnp.int32(at)
        lowered = jax.jit(step, donate_argnums=0).lower(state, *self.arguments)
        self.compiled = lowered.compile()
        self.compilation = time.process_time() - start
        self.memory = self.compiled.memory_analysis().temp_size_in_bytes
        self.state, self.calls = state, calls

    def __call__(self):
        for _ in range(self.calls):
            self.state = self.compiled(self.state, *self.arguments)
        jax.block_until_ready(self.state)


def plain(state, grads, at):
    params, opt_state = state
    updates, opt_state = OPTIMIZER.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def projected(state, grads, at):
    (params, opt_state), kept = state
    params, opt_state = plain((params, opt_state), masks.apply(kept, grads), at)
    return (masks.apply(kept, params), opt_state), kept


def masked(updater: Updater) -> Callable:
    """The step of the training loop that completes update number `at`."""

    def one(state, grads, at):
        state = state._replace(step=at - 1)
        return masked_update(OPTIMIZER, updater, jax.random.key(1), state, grads)[0]

    return one


def transformed(tx: optax.GradientTransformation) -> Callable:
    """The step of a loop of one's own."""

    def one(state, grads, at):
        params, state = state
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    return one


def scored(updater: Updater) -> Callable:
    """A mask update alone, from scores that are there."""

    def one(state, scores, at):
        return scored_update(updater, state._replace(step=at), scores)[0]

    return one


def first_state(updater: Updater) -> sparsity.SparseState:
    return sparsity.sparse_state(OPTIMIZER, updater, jax.random.key(0), draw(0))


def ordinary_steps(found: dict[str, Updater], counts: dict[str, int], grads: Any):
    """Plain optax, two projections, the step of all methods, and of latent weights."""
    params, start = draw(0), first_state(updaters.static(counts))
    copy = jax.tree.map(jnp.copy, start)
    rivals = {
        "plain optax": (plain, (params, OPTIMIZER.init(params))),
        "with two projections": (
            projected,
            ((copy.params, copy.opt_state), copy.masks),
        ),
        "masked, of all methods": (masked(updaters.unchanging), start),
    }
    tx = sparsity.sparsify(OPTIMIZER, updaters.unchanging, 0)
    of_random = sparsity.sparsify(OPTIMIZER, updaters.static(counts), 0)
    state = of_random.init(draw(0))
    rivals["sparsify, unchanging"] = (
        transformed(tx),
        (sparsity.project(draw(0), state), state),
    )
    for name, updater in found.items():
        if updater.latent or name == "rigl":
            what = "latent weights" if updater.latent else "updates in the same program"
            rivals[f"{name}, {what}"] = masked(updater), first_state(updater)
    return {
        name: Rival(step, state, grads, calls=STEPS_A_CALL)
        for name, (step, state) in rivals.items()
    }


def mask_updates(found: dict[str, Updater], grads: Any) -> dict[str, Rival]:
    """A step at which masks change, or a mask update alone where scores are given."""
    rivals = {}
    for name, updater in found.items():
        state = first_state(updater)
        if updater.stops is not None:
            stop = updater.stops(state.params)[-1]
            rivals[f"{name}, scores given"] = scored(updater), state, stop
        elif updater.latent:
            rivals[name] = masked(updater), state, 67_000
        elif steps := updater.steps(state.params):
            rivals[name] = masked(updater), state, steps[0]
    return {
        name: Rival(step, state, grads, at)
        for name, (step, state, at) in rivals.items()
    }


def show(title: str, rivals: dict[str, Rival], times: dict[str, Time]) -> None:
    base = times["plain optax"].cpu / STEPS_A_CALL
    rows = []
    for name, rival in rivals.items():
        cpu, wall = times[name].cpu / rival.calls, times[name].wall / rival.calls
        rows.append(
            [
                name,
                f"{1e3 * cpu:.1f}",
                f"{1e3 * wall:.1f}",
                f"{cpu / base:.2f}",
                f"{rival.memory / 2**20:.0f}",
                f"{rival.compilation:.1f}",
            ]
        )
    header = [title, "CPU ms", "wall ms", "of plain", "temporary MiB", "compile s"]
    print(format_table(header, rows), end="\n\n", flush=True)


def main() -> None:
    found = made(sys.argv[1:])
    counts = sparsity.kept_counts(sparsity.prunable(draw(0)), SPARSITY)
    grads = draw(1)
    ordinary = ordinary_steps(found, counts, grads)
    times = race(ordinary, ROUNDS)
    show("ordinary step", ordinary, times)
    base = {"plain optax": times["plain optax"]}
    updates = mask_updates(found, grads)
    show("step of a mask update", updates, base | race(updates, 5))


if __name__ == "__main__":
    main()
