"""Magnitude: |w|."""

from typing import Any

import jax
import jax.numpy as jnp

from landscape.aliases import Batches, LossFn, Masks, Params
from landscape.sparsity.saliency.scoring import computed, network


def score(
    loss_fn: LossFn | None,
    params: Params,
    batches: Batches | None = None,
    masks: Masks | None = None,
    key: jax.Array | None = None,
) -> Params:
    """|w| of each weight; neither loss nor data is looked at.

    Arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> score(None, {"w": jnp.array([1.0, -3.0])})["w"].tolist()
    [1.0, 3.0]
    """
    params = network(params, masks)
    return computed(masks, entries, params)


def entries(params: Params, grads: Any = None, key: Any = None) -> Params:
    """|w|, entry by entry."""
    return jax.tree.map(jnp.abs, params)
