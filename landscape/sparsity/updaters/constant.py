"""Masks that never change: given ones, and random ones."""

import jax
import jax.numpy as jnp

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.sparsity.masks import dense, full, pruned_leaves
from landscape.sparsity.selection import keep_at_random
from landscape.sparsity.updater import Updater


def fixed(masks: Masks) -> Updater:
    """The given masks, which never change, as of lottery and scratch networks.

    >>> updater = fixed({"w": jnp.array([True, False])})
    >>> updater.init(jax.random.key(0), {"w": jnp.ones(2)})[0]["w"].tolist()
    [True, False]
    """

    def init(key, params):
        trees.check_mask(masks, params)
        return masks, ()

    return Updater(init, unchanged, steps=never)


def starting_from(updater: Updater, masks: Masks) -> Updater:
    """The updater with these masks in the place of its first ones.

    >>> updater = starting_from(static({"w": 1}), {"w": jnp.array([False, True])})
    >>> updater.init(jax.random.key(0), {"w": jnp.ones(2)})[0]["w"].tolist()
    [False, True]
    """

    def init(key, params):
        trees.check_mask(masks, params)
        # Compiled, so that the first masks, which are not wanted, are not made.
        return masks, jax.jit(lambda *args: updater.init(*args)[1])(key, params)

    return updater._replace(init=init)


def static(counts: dict[str, int]) -> Updater:
    """Random masks, drawn once: every set of `counts[name]` is equally likely.

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

    def init(key: jax.Array, params: Params):
        pruned = pruned_leaves(counts, params)

        def draw(name, always, leaf):
            if name not in pruned:
                return always
            return keep_at_random(key, name, leaf.shape, counts[name])

        return trees.map_named(draw, dense(params), params), ()

    return Updater(init, unchanged, steps=never)


def static_of_settings(counts: dict[str, int], params: Params) -> Updater:
    """`static`, as a row of `landscape.registries.methods` names it."""
    return static(counts)


def fixed_of_settings(counts: dict[str, int], params: Params) -> Updater:
    """`fixed`, with masks that have the shapes of those taken from another run.

    Its first masks serve as shapes alone: a run that takes the masks of another is
    `starting_from` those.
    """
    return fixed(full(counts, params))


def unchanged(step, key, params, grads, masks, state):
    """The update of masks that no step changes."""
    return masks, state, {"changed": jnp.zeros((), bool)}


def never(params):
    """The steps at which it may change them."""
    return ()


unchanging = Updater(lambda key, params: (dense(params), ()), unchanged, steps=never)
"""Leaves the masks and the state of any updater as they are, see `Updater.steps`; its
own first masks keep everything."""
