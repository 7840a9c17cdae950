"""First-order Taylor: -w g, what the loss is predicted to gain when w goes to 0."""

from typing import Any

import jax
import jax.numpy as jnp

from landscape.aliases import Batches, LossFn, Masks, Params
from landscape.derivatives import gradient
from landscape.sparsity.saliency.scoring import computed, network


def score(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    chunk_size: int | None = None,
) -> Params:
    """-w g, g the gradient of the mean loss over all batches; signed.

    To first order it is the change of the loss when w alone is set to 0 (the
    taylor1Scorer of pytorchpruner): where it is negative, removal is predicted to help.

    Args:
      chunk_size: as in `landscape.derivatives.gradient`.

    Other arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> loss = lambda w, x: jnp.mean(x @ w)
    >>> score(loss, jnp.array([1.0, -2.0]), jnp.ones((4, 2))).tolist()
    [-1.0, 2.0]
    """
    at = _at(loss_fn, params, batches, masks, chunk_size)
    return computed(masks, entries, *at)


def score_abs(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    chunk_size: int | None = None,
) -> Params:
    """|w g|: as `score`, without its sign.

    >>> loss = lambda w, x: jnp.mean(x @ w)
    >>> score_abs(loss, jnp.array([1.0, -2.0]), jnp.ones((4, 2))).tolist()
    [1.0, 2.0]
    """
    at = _at(loss_fn, params, batches, masks, chunk_size)
    return computed(masks, entries_abs, *at)


def entries(params: Params, grads: Params, key: Any = None) -> Params:
    """-w g, entry by entry."""
    return jax.tree.map(lambda w, g: -w * g, params, grads)


def entries_abs(params: Params, grads: Params, key: Any = None) -> Params:
    """|w g|, entry by entry."""
    return jax.tree.map(lambda w, g: jnp.abs(w * g), params, grads)


def _at(loss_fn, params, batches, masks, chunk_size):
    params = network(params, masks)
    return params, gradient(loss_fn, params, batches, chunk_size=chunk_size)
