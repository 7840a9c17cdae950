"""Masks that never change: given ones, and random ones."""

from typing import Any

import jax
import jax.numpy as jnp

from landscape import trees
from landscape.sparsity.masks import dense
from landscape.sparsity.selection import keep_at_random
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters.counts import pruned_leaves


def fixed(masks: Any) -> Updater:
    """The given masks for ever, as for lottery and scratch networks.

    >>> updater = fixed({"w": jnp.array([True, False])})
    >>> updater.init(jax.random.key(0), {"w": jnp.ones(2)})[0]["w"].tolist()
    [True, False]
    """

    def init(key, params):
        trees.check_mask(masks, params)
        return masks, ()

    return Updater(init, _unchanged)


def static(counts: dict[str, int]) -> Updater:
    """Random masks, drawn once: every set of `counts[name]` entries is as likely.

    Args:
      counts: kept entries by name of the kernel; leaves that are not named, or keep all
        their entries, are never pruned.

    Raises:
      InputError: in `init`, when a name or a count does not fit the parameters.

    >>> params = {"a": jnp.ones((4, 5)), "b": jnp.ones(5)}
    >>> masks, _ = static({"a": 7}).init(jax.random.key(0), params)
    >>> int(masks["a"].sum()), masks["b"].tolist()
    (7, True)
    """

    def init(key: jax.Array, params: Any):
        pruned = pruned_leaves(counts, params)

        def draw(name, always, leaf):
            if name not in pruned:
                return always
            return keep_at_random(key, name, leaf.shape, counts[name])

        return trees.map_named(draw, dense(params), params), ()

    return Updater(init, _unchanged)


def _unchanged(step, key, params, grads, masks, state):
    return masks, state, {"changed": jnp.zeros((), bool)}
