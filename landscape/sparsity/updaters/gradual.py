"""Gradual pruning (Zhu & Gupta 2017, arXiv:1710.01878), by magnitude or any score."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape.aliases import Masks, Params
from landscape.recipes import schedules
from landscape.registries import methods
from landscape.registries.scores import SCORES
from landscape.sparsity import choices
from landscape.sparsity.choices import Choice
from landscape.sparsity.saliency import magnitude
from landscape.sparsity.updater import Updater


def pruning(
    final_counts: dict[str, int],
    start: int,
    end: int,
    every: int,
    *,
    global_: bool = False,
    score: Callable | None = magnitude.entries,
) -> Updater:
    """Removes the weights of lowest score, cubically more from `start` to `end`.

    After step t a layer of n weights that keeps k in the end keeps exactly n - r,
    r = round((n - k) (1 - (1 - (t - start) / (end - start))^3)), for t = start,
    start + every, ..., and `end`, which is always an update. A pruned weight is
    never kept again, not even instead of a live weight that is zero or whose score is
    negative; of equal scores the first are kept.

    Args:
      final_counts: entries kept in the end by name of the kernel; leaves that are not
        named, or keep all their entries, are never pruned (nor compared).
      start, end, every: in completed updates.
      global_: scores are compared over all layers as they are, and only the sum of the
        counts is met; a layer may lose everything.
      score: `(params, grads, key) -> scores`, larger = keep, of the parameters after
        the optimizer's step and the dense gradients before it (`entries` in the files
        of `landscape.sparsity.saliency`). None: the scores are those of a data set, and
        the training loop hands them over, see `Updater.stops`.

    Raises:
      InputError: the steps are out of order; or, in `init`, a name or a count does not
        fit the parameters.

    >>> updater = pruning({"w": 1}, start=10, end=35, every=10)
    >>> params = {"w": jnp.array([0.1, -3.0, 2.0, -0.5])}
    >>> masks, state = updater.init(None, params)
    >>> for step in range(1, 36):
    ...     masks, state, info = updater.update(step, None, params, None, masks, state)
    ...     if info["changed"]:
    ...         print(step, masks["w"].tolist())
    20 [False, True, True, False]
    30 [False, True, False, False]
    """
    return of_choice(choices.by_layer(final_counts, global_), start, end, every, score)


def of_choice(
    choice: Choice,
    start: int,
    end: int,
    every: int,
    score: Callable | None = magnitude.entries,
) -> Updater:
    """`pruning` of the weights that a `Choice` removes."""
    grid = schedules.update_steps(start, end, every)

    def init(key: Any, params: Params) -> tuple[Masks, tuple]:
        return choices.everything(choice.layers(params), params), ()

    def plan(like):
        layers = choice.layers(like)
        return layers, *_timetable(grid, choice, layers, start, end)

    def masks_after(step, scores_of, like, masks):
        layers, steps, kept = plan(like)
        if not len(steps):
            return masks, {"changed": jnp.zeros((), bool)}
        now = jnp.asarray(steps) == step
        changed = jnp.any(now)

        def select(masks):
            counts = jnp.asarray(kept)[jnp.argmax(now)]
            return choices.remaining(choice, layers, scores_of(), masks, counts)

        masks = jax.lax.cond(changed, select, lambda masks: masks, masks)
        return masks, {"changed": changed}

    def update(step, key, params, grads, masks, state):
        if score is None:
            return masks, state, {"changed": jnp.zeros((), bool)}
        masks, info = masks_after(
            step, lambda: score(params, grads, key), params, masks
        )
        return masks, state, info

    def scored(step, scores, masks, state):
        masks, info = masks_after(step, lambda: scores, scores, masks)
        return masks, state, info

    def steps(params):
        return tuple(plan(params)[1].tolist())

    if score is not None:
        return Updater(init, update, steps=steps)
    return Updater(init, update, steps, scored, steps=lambda params: ())


def pruning_of_settings(
    counts: dict[str, int],
    params: Params,
    pruning_steps: tuple[int, int, int],
    global_pruning: bool,
    score: str,
    score_examples: int | None,
) -> Updater:
    """`pruning`, as a row of `registries.methods` names it; `params` are not needed.

    With a number of examples a score that needs gradients alone has them of the data,
    too, and not of the step's batch.
    """
    row = SCORES[score]
    over_data = row.needs in ("loss", "model") or score_examples is not None
    entries = None if over_data else methods.resolve(row.entries)
    return pruning(counts, *pruning_steps, global_=global_pruning, score=entries)


def kept_at(
    grid: np.ndarray, choice: Choice, layers: dict[str, Any], start: int, end: int
) -> np.ndarray:
    """What `choice` keeps at each step of the grid [steps, counts], int64."""

    def removed_at(step):
        return lambda total: schedules.cubic_removed(step, total, start, end)

    return np.array([choice.counts(layers, removed_at(step)) for step in grid.tolist()])


def _timetable(
    grid: np.ndarray, choice: Choice, layers: dict[str, Any], start: int, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Steps at which something is removed, and what is kept then [steps, counts]."""
    if not layers:
        return np.zeros(0, np.int32), np.zeros((0, 0), np.int32)
    kept = kept_at(grid, choice, layers, start, end)
    before = np.array(choice.counts(layers, lambda total: 0))
    fewer = np.diff(kept, axis=0, prepend=before[None]).any(1)
    if before.max() >= 2**31:
        raise ValueError("scores of 2^31 weights or more cannot be compared.")
    return grid[fewer].astype(np.int32), kept[fewer].astype(np.int32)
