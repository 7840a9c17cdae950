"""Random scores: what any other score must beat."""

import zlib
from typing import Any

import jax
import jax.numpy as jnp

from landscape import rng, trees
from landscape.aliases import Batches, LossFn, Masks, Params
from landscape.arrays import check_key
from landscape.sparsity.saliency.scoring import computed, network


def score(
    loss_fn: LossFn | None,
    params: Params,
    batches: Batches | None = None,
    masks: Masks | None = None,
    key: jax.Array | None = None,
) -> Params:
    """Independent scores, uniform in [0, 1), float32; a leaf draws by its name.

    Arguments, result and errors: see `landscape.sparsity.saliency`; and without a key.

    >>> score(None, {"w": jnp.ones((2, 3))}, key=jax.random.key(0))["w"].shape
    (2, 3)
    """
    check_key(key)
    params = network(params, masks)
    return computed(masks, entries, params, None, key)


def entries(params: Params, grads: Any, key: jax.Array) -> Params:
    """Uniform in [0, 1), entry by entry."""

    def draw(name, leaf):
        own = jax.random.fold_in(key, zlib.crc32(name.encode()))
        return rng.uniform(own, jnp.shape(leaf))

    return trees.map_named(draw, params)
