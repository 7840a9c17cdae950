"""Several seeds of one run, trained side by side in one compiled program.

Seeds of the same settings make the same steps on other numbers, so one program makes
the steps of all (`jax.vmap` over state, random keys and order of examples). On a GPU a
small network leaves most of the device idle, and more seeds fill it.
"""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from landscape.config import RunConfig
from landscape.machine import backend
from landscape.recipes.state import TrainState
from train.steps.loop import one_step
from train.steps.step import Metrics, Step

# (states, split, indices [size, batch] each, count) -> (states, metrics of each)
Segments = Callable[..., tuple[list[TrainState], list[Metrics]]]

_OWN = ("seed", "order_seed", "workdir", "mask_from")


def default_number(num_seeds: int) -> int:
    """How many seeds are trained side by side: all, or one on a CPU."""
    # Of one seed no device is asked for: it may yet be refused.
    return 1 if num_seeds == 1 or backend.on_cpu() else num_seeds


def groups(configs: Sequence[RunConfig], at_once: int) -> list[list[RunConfig]]:
    """Runs that are trained side by side: those that differ by their seeds alone.

    Args:
      configs: settings of runs, in the order in which they can be trained.
      at_once: the largest group.

    Returns:
      Groups in the order of their first runs. A run that takes the mask of another
      stays behind it, as long as the two differ in their methods.

    >>> from landscape.config import SparseRun
    >>> both = [
    ...     SparseRun(method=method, seed=seed, workdir=f"{method}{seed}")
    ...     for seed in range(3)
    ...     for method in ("pruning", "static")
    ... ]
    >>> for group in groups(both, at_once=2):
    ...     print(*(run.workdir for run in group))
    pruning0 pruning1
    pruning2
    static0 static1
    static2
    """
    alike: dict[str, list[RunConfig]] = {}
    for config in configs if at_once > 1 else ():
        values = dataclasses.asdict(config)
        key = repr({k: v for k, v in values.items() if k not in _OWN})
        alike.setdefault(key, []).append(config)
    if not alike:
        return [[config] for config in configs]
    return [
        same[i : i + at_once]
        for same in alike.values()
        for i in range(0, len(same), at_once)
    ]


def make_segments(steps: Sequence[Step], mesh: Mesh, in_one_call: bool) -> Segments:
    """As `train.steps.loop.make_segment`, of one step function a seed.

    The states are at the same step. That number is not mapped over, so that what
    happens at some steps alone (an update of the masks) costs nothing at the others:
    a mapped condition would compute both of its branches at every step.

    The result of a seed is that of its own program up to rounding (products of matrices
    are cut into other pieces): a few 1e-7 of the largest weight after one step, more
    with every step; where two scores are that near, the masks differ.
    """
    stacked = _stack(steps)

    def segments(states, split, indices, count):
        # All are at one step; see above. A copy, since the loop may reuse its memory.
        at, indices = states[0].step.copy(), jnp.stack(indices, axis=1)
        state = _stack([state._replace(step=()) for state in states])._replace(step=at)
        if in_one_call:
            state, metrics = _loop(mesh, stacked, state, split, indices, count)
            metrics = jax.tree.map(lambda m: np.asarray(m)[:count], metrics)
        else:
            each = []
            for i in range(count):
                state, new = _all(mesh, stacked, state, split, indices[i])
                each.append(new)
            metrics = jax.tree.map(lambda *m: np.asarray(jnp.stack(m)), *each)
        seeds = range(len(steps))
        return [_one_of(state, i) for i in seeds], [
            jax.tree.map(lambda m, i=i: m[:, i], metrics) for i in seeds
        ]

    return segments


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


_AXES = TrainState(None, 0, 0, 0, 0, 0)


@jax.jit
def _one_of(state: TrainState, i: int) -> TrainState:
    rest = jax.tree.map(lambda x: x[i], state._replace(step=()))
    return rest._replace(step=state.step)


def _mapped(mesh, steps, state, split, index):
    def one(step, state, index):
        return one_step(mesh, step, state, split, index)

    mapped = jax.vmap(one, in_axes=(0, _AXES, 0), out_axes=(_AXES, 0))
    return mapped(steps, state, index)


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def _loop(mesh, steps, state, split, indices, count):
    def body(i, carry):
        state, metrics = carry
        state, new = _mapped(mesh, steps, state, split, indices[i])
        return state, jax.tree.map(lambda m, n: m.at[i].set(n), metrics, new)

    empty = Metrics(*[jnp.zeros(indices.shape[:2]) for _ in Metrics._fields])
    return jax.lax.fori_loop(0, count, body, (state, empty))


_all = partial(jax.jit, static_argnums=0, donate_argnums=2)(_mapped)
