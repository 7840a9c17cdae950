"""Sparse evolutionary training, SET (Mocanu et al. 2018, arXiv:1707.04780)."""

from typing import Any

import jax.numpy as jnp

from landscape.aliases import Params
from landscape.sparsity.selection import random_scores
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters.replacement import (
    DropFraction,
    of_settings,
    replacing,
)


def evolving(
    counts: dict[str, int], every: int, end: int, drop_fraction: DropFraction
) -> Updater:
    """SET: drops the weights of smallest magnitude, and grows others at random.

    The first masks are random as well: those of `static`. Ties, rounding, and what
    becomes of the dropped: see `landscape.sparsity.updaters.replacement`.

    Args:
      counts: kept entries by name of the kernel, as of `static`.
      every: updates of the optimizer between those of the masks.
      end: no mask update at this one or later.
      drop_fraction: of the kept weights of each layer that is replaced, in [0, 1]; or a
        function of the completed updates, as `landscape.recipes.schedules.cosine_drop`
        makes.

    Raises:
      InputError: a value is not allowed.

    >>> import jax
    >>> updater = evolving({"w": 2}, every=10, end=30, drop_fraction=0.5)
    >>> params, key = {"w": jnp.array([3.0, 2.0, 0.0, 0.0])}, jax.random.key(0)
    >>> masks = {"w": params["w"] != 0}
    >>> masks, _, _ = updater.update(10, key, params, params, masks, ())
    >>> int(masks["w"].sum()), bool(masks["w"][0])
    (2, True)
    """

    def growth(key, name, gradient):
        # Signed: what may not grow has a score below 0.
        return (random_scores(key, name, gradient.shape) >> 1).astype(jnp.int32)

    return replacing(counts, every, end, drop_fraction, growth)


def evolving_of_settings(
    counts: dict[str, int], params: Params, **settings: Any
) -> Updater:
    """`evolving`, as a row of `registries.methods`; `params` are not needed."""
    return evolving(counts, *of_settings(**settings))
