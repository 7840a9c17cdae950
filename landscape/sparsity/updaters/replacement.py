"""What SET and RigL share: when weights are replaced, how many, and which are dropped.

As in google-research/rigl, the code of the RigL paper (Evci et al. 2020,
arXiv:1911.11134): of a layer's n kept weights the int(n f) of smallest magnitude are
dropped, and as many are grown among all that are not kept then. Those just dropped are
candidates too, as in the paper's algorithm 1 (all but theta \\ I_drop); one that is
grown at once keeps its weight and the optimizer's state. Other grown weights start from
0, with the state that a new weight has: see `landscape.sparsity.masked_update`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape import trees
from landscape.aliases import Masks
from landscape.errors import InputError
from landscape.recipes import schedules
from landscape.sparsity import choices
from landscape.sparsity.masks import pruned_leaves
from landscape.sparsity.selection import keep_largest
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters.constant import static

DropFraction = float | Callable[[int], float]
"""f, or a function of the completed updates: see `schedules.cosine_drop`."""
Growth = Callable[[jax.Array, str, jax.Array], jax.Array]
"""From a key, a leaf's name and its dense gradient to scores: >= 0, or NaN."""


def replacing(
    counts: dict[str, int],
    every: int,
    end: int,
    drop_fraction: DropFraction,
    growth: Growth,
) -> Updater:
    """Random masks whose smallest weights are replaced at every, 2 every, ... < end.

    Args:
      counts: kept entries by name, as of `static`, which draws the first masks. From
        there on a layer keeps exactly as many as its mask has.
      every, end: in completed updates.
      drop_fraction: of the kept weights of each layer, in [0, 1].
      growth: the largest of its scores are grown.

    Raises:
      InputError: there is no update before `end`, or a fraction is not allowed.
    """
    if not 1 <= every < end:
        raise InputError(
            "weights are replaced at every, 2 every, ... < end, which needs 1 <= every"
            f" < end, not every {every} and end {end}."
        )
    steps = np.arange(every, end, every, dtype=np.int32)
    given = drop_fraction if callable(drop_fraction) else lambda _: drop_fraction
    fractions = np.array([given(step) for step in steps.tolist()], np.float32)
    for step, fraction in zip(steps, fractions, strict=True):
        if not 0 <= fraction <= 1:
            raise InputError(
                f"the drop fraction must be in [0, 1], not {fraction:g} as at step"
                f" {step}."
            )
    steps, fractions = steps[fractions > 0], fractions[fractions > 0]

    def update(step, key, params, grads, masks, state):
        names = pruned_leaves(counts, params)
        if not (names and len(steps)):
            return masks, state, {"changed": jnp.zeros((), bool)}
        now = jnp.asarray(steps) == step
        changed = jnp.any(now)

        def replace(masks: Masks) -> Masks:
            fraction = jnp.asarray(fractions)[jnp.argmax(now)]
            old, weights, gradients = map(trees.named_leaves, (masks, params, grads))
            new, kept = {}, jnp.zeros((), jnp.int32)

            def leaf(name):
                scores = growth(key, name, gradients[name])
                return replaced(old[name], weights[name], scores, fraction)

            for name in names:
                # Always so, but XLA does not know it: a layer waits for the one before,
                # and the scores of one alone are in memory.
                new[name] = jax.lax.cond(
                    kept >= 0, partial(leaf, name), lambda name=name: old[name]
                )
                kept = jnp.sum(new[name], dtype=jnp.int32)
            return choices.replaced(masks, new)

        masks = jax.lax.cond(changed, replace, lambda masks: masks, masks)
        return masks, state, {"changed": changed}

    return Updater(
        static(counts).init, update, steps=lambda params: tuple(steps.tolist())
    )


def replaced(
    mask: jax.Array, weights: jax.Array, growth: jax.Array, fraction: jax.Array
) -> jax.Array:
    """One layer's mask after an update, with as many kept entries as before.

    Of equal weights, or scores of growth, the first in row-major order stay or grow; a
    NaN is the largest of all.

    Args:
      mask: of the layer.
      weights: after the optimizer's step.
      growth: scores, >= 0.
      fraction: of the kept entries that are dropped; rounded down to a whole number.

    >>> mask = jnp.array([True, True, True, False, False])
    >>> weights = jnp.array([0.3, -0.1, 0.2, 0.0, 0.0])
    >>> growth = jnp.array([9.0, 1.0, 9.0, 0.0, 5.0])
    >>> replaced(mask, weights, growth, 0.4).tolist()
    [True, False, True, False, True]
    """
    kept = jnp.sum(mask, dtype=jnp.int32)
    # In float32, as in the paper's code.
    count = jnp.floor(kept.astype(jnp.float32) * fraction).astype(jnp.int32)
    stay = keep_largest(jnp.where(mask, jnp.abs(weights), -1), kept - count)
    return stay | keep_largest(jnp.where(stay, -1, growth), count)


def of_settings(
    update_interval: int,
    last_update: int,
    drop_fraction: float,
    drop_schedule: str,
    **rate: Any,
) -> tuple[int, int, DropFraction]:
    """`every`, `end` and `drop_fraction` of `replacing`, from the settings of a run.

    Args:
      rate: the learning rate's: of `landscape.recipes.schedules.relative_rate`.
    """
    fraction: DropFraction = drop_fraction
    if drop_schedule == "cosine":
        fraction = schedules.cosine_drop(drop_fraction, last_update)
    elif drop_schedule == "learning-rate":
        relative = schedules.relative_rate(**rate)

        def fraction(step: int) -> float:
            return drop_fraction * relative(step)

    return update_interval, last_update, fraction
