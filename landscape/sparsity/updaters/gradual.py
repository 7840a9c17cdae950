"""Gradual pruning (Zhu & Gupta 2017, arXiv:1710.01878), by magnitude or any score."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape import methods, schedules, trees
from landscape.aliases import Masks, Params
from landscape.scores import SCORES
from landscape.sparsity.masks import full, pruned_leaves
from landscape.sparsity.saliency import magnitude
from landscape.sparsity.saliency.scoring import pruned_last
from landscape.sparsity.selection import keep_largest, keep_largest_global
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
    grid = schedules.update_steps(start, end, every)

    def init(key: Any, params: Params) -> tuple[Masks, tuple]:
        masks = full(final_counts, params)
        return jax.tree.map(lambda mask: jnp.ones(mask.shape, bool), masks), ()

    def plan(like):
        pruned = pruned_leaves(final_counts, like)
        return pruned, *_timetable(grid, pruned, final_counts, start, end, global_)

    def masks_after(step, scores_of, like, masks):
        names, steps, kept = plan(like)
        if not len(steps):
            return masks, {"changed": jnp.zeros((), bool)}
        now = jnp.asarray(steps) == step
        changed = jnp.any(now)

        def select(masks):
            all_scores, live = map(trees.named_leaves, (scores_of(), masks))
            # Below every score, so that what is pruned loses also against zeros.
            scores = {name: pruned_last(live[name], all_scores[name]) for name in names}
            counts = jnp.asarray(kept)[jnp.argmax(now)]
            if global_:
                new = keep_largest_global(scores, counts[0])
            else:
                new = {
                    name: keep_largest(score, count)
                    for (name, score), count in zip(scores.items(), counts, strict=True)
                }
            return trees.map_named(lambda name, mask: new.get(name, mask), masks)

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
    """`pruning`, as a row of `landscape.methods` names it; `params` are not needed.

    With a number of examples a score that needs gradients alone has them of the data,
    too, and not of the step's batch.
    """
    row = SCORES[score]
    over_data = row.needs == "loss" or score_examples is not None
    entries = None if over_data else methods.resolve(row.entries)
    return pruning(counts, *pruning_steps, global_=global_pruning, score=entries)


def _timetable(
    grid: np.ndarray,
    sizes: dict[str, int],
    final_counts: dict[str, int],
    start: int,
    end: int,
    global_: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Steps at which something is removed, and what is kept then [steps, layers]."""
    if not sizes:
        return np.zeros(0, np.int32), np.zeros((0, 0), np.int32)
    rows = [
        [
            size - schedules.cubic_removed(step, size - final_counts[name], start, end)
            for name, size in sizes.items()
        ]
        for step in grid.tolist()
    ]
    kept, before = np.array(rows), np.array(list(sizes.values()))
    if global_:
        kept, before = kept.sum(1, keepdims=True), before.sum(keepdims=True)
    fewer = np.diff(kept, axis=0, prepend=before[None]).any(1)
    if before.max() >= 2**31:
        raise ValueError("scores of 2^31 weights or more cannot be compared.")
    return grid[fewer].astype(np.int32), kept[fewer].astype(np.int32)
