"""Random scores: what any other score must beat."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape import rng
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
    """Independent scores, uniform in [0, 1), float32.

    Arguments, result and errors: see `landscape.sparsity.saliency`; and without a key.

    >>> score(None, {"w": jnp.ones((2, 3))}, key=jax.random.key(0))["w"].shape
    (2, 3)
    """
    check_key(key)
    params = network(params, masks)
    return computed(masks, entries, params, None, key)


def entries(params: Params, grads: Any, key: jax.Array) -> Params:
    """Uniform in [0, 1), entry by entry, in the order of the leaves."""
    # One draw, cut up: each that is compiled takes half a second on a CPU.
    leaves, treedef = jax.tree.flatten(params)
    sizes = [jnp.size(leaf) for leaf in leaves]
    flat = rng.uniform(key, (sum(sizes),))
    ends = np.cumsum([0, *sizes])
    return treedef.unflatten(
        flat[start : start + size].reshape(jnp.shape(leaf))
        for start, size, leaf in zip(ends, sizes, leaves, strict=False)
    )
