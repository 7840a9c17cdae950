"""Many steps from one boundary to the next, in as few compiled calls as is fast."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from landscape.config import TrainConfig
from landscape.machine import backend
from landscape.machine.devices import spread
from landscape.recipes.recipe import Components
from landscape.recipes.state import TrainState
from train.steps import examples
from train.steps.step import Metrics, Step

# (state, split, indices [size, batch], count) -> (state, metrics of `count` steps)
Segment = Callable[..., tuple[TrainState, Metrics]]


def boundaries(start: int, config: TrainConfig) -> Iterator[int]:
    """The steps after `start` at which something is logged, evaluated or saved.

    They depend on the settings alone: a run that is resumed at one of them has
    the same windows as one that was never stopped.

    >>> list(boundaries(0, TrainConfig(steps=250, eval_every=150, log_every=100)))
    [100, 150, 200, 250]
    """
    intervals = [config.log_interval, config.eval_interval, config.save_every]
    if config.keep_every is not None:
        intervals.append(config.keep_every)
    while start < config.steps:
        start = min(config.steps, *(start + i - start % i for i in intervals))
        yield start


def longest_window(config: TrainConfig) -> int:
    """Steps between two of `boundaries`, at most.

    >>> longest_window(TrainConfig(steps=250, eval_every=150, log_every=10**9))
    150
    """
    kept = config.keep_every or config.steps
    intervals = config.log_interval, config.eval_interval, config.save_every, kept
    return min(config.steps, *intervals)


def parts(start: int, end: int, stops: Iterable[int]) -> list[int]:
    """Where the steps of one window end: at those of `stops` that are in it, and `end`.

    >>> parts(100, 150, [90, 100, 120, 150, 170])
    [120, 150]
    """
    return sorted({stop for stop in stops if start < stop < end} | {end})


def joined(parts: list[Metrics]) -> Metrics:
    """The metrics of a window's parts, one after the other."""
    return Metrics(*map(np.concatenate, zip(*parts, strict=True)))


def scannable(
    components: Components, state: TrainState, split: Any, batch_size: int
) -> bool:
    """Whether steps may run inside one compiled loop; computes nothing.

    The loss alone is looked at: in a step nothing else depends on the model.
    """
    index = jax.ShapeDtypeStruct((batch_size,), jnp.int32)
    batch = jax.eval_shape(_taken, split, index)
    loss_fn = components.objective.training
    return backend.scannable(loss_fn, state.params, batch, state.batch_stats)


def make_segment(step: Step, mesh: Mesh, in_one_call: bool) -> Segment:
    """A function that makes `count` steps on given examples of a split on the device.

    With `in_one_call` they run inside one compiled loop whose length is not a constant
    of the program: it is compiled once for windows of every length, and computes the
    same bits however they are cut. Otherwise each step is a call of its own (XLA runs
    the gradients of plain convolutions many times slower inside a loop on a CPU). Steps
    with the same components, whatever their seeds, share what is compiled.
    """

    def segment(state, split, indices, count):
        if in_one_call:
            state, metrics = _loop(mesh, step, state, split, indices, count)
            return state, jax.tree.map(lambda m: np.asarray(m)[:count], metrics)
        each = []
        for i in range(count):
            state, metrics = _single(mesh, step, state, split, indices, i)
            each.append(metrics)
        return state, jax.tree.map(lambda *m: np.asarray(jnp.stack(m)), *each)

    return segment


def _taken(split: Any, index: jax.Array) -> Any:
    return examples.take(split, index, "promise_in_bounds")


def one_step(mesh: Mesh, step: Step, state: TrainState, split: Any, index: jax.Array):
    """A step on the examples `index` of a split, spread over the mesh; inside jit."""
    return step(state, spread(mesh, _taken(split, index)))


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def _loop(mesh, step, state, split, indices, count):
    def body(i, carry):
        state, metrics = carry
        state, new = one_step(mesh, step, state, split, indices[i])
        return state, jax.tree.map(lambda m, n: m.at[i].set(n), metrics, new)

    empty = Metrics(*[jnp.zeros(len(indices)) for _ in Metrics._fields])
    return jax.lax.fori_loop(0, count, body, (state, empty))


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def _single(mesh, step, state, split, indices, i):
    return one_step(mesh, step, state, split, indices[i])
