"""Second-order Taylor with a scale: -w g + scale w (H w)."""

import jax
import jax.numpy as jnp

from landscape.aliases import Batches, LossFn, Masks, Params
from landscape.derivatives import gradient_and_product
from landscape.sparsity.saliency.scoring import computed, network


def score(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    scale: float = 1.0,
    chunk_size: int | None = None,
) -> Params:
    """-w g + scale w (H w), g and H of the mean loss over all batches; signed.

    pytorchpruner's taylor2Scorer, which has scale 1. With 0.5 the scores of all entries
    add up to the second-order change of the loss when all weights go at once; the
    H w of an entry has the terms of all given leaves in it (see `hessian_product`).

    Args:
      scale: of the second-order term; 0.5 is Taylor's.
      chunk_size: as in `landscape.derivatives.gradient_and_product`.

    Other arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> loss = lambda w, x: jnp.mean((x @ w) ** 2) / 2
    >>> w, x = jnp.array([1.0, 2.0]), jnp.ones((1, 2))
    >>> score(loss, w, x).tolist(), score(loss, w, x, scale=0.5).tolist()
    ([0.0, 0.0], [-1.5, -3.0])
    """
    at = _at(loss_fn, params, batches, masks, chunk_size)
    return computed(masks, _entries, *at, scale)


def score_abs(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    scale: float = 1.0,
    chunk_size: int | None = None,
) -> Params:
    """The absolute value of `score`.

    >>> loss = lambda w, x: jnp.mean((x @ w) ** 2) / 2
    >>> score_abs(loss, jnp.array([1.0, 2.0]), jnp.ones((1, 2)), scale=0.5).tolist()
    [1.5, 3.0]
    """
    at = _at(loss_fn, params, batches, masks, chunk_size)
    return computed(masks, _entries_abs, *at, scale)


def _at(loss_fn, params, batches, masks, chunk_size):
    params = network(params, masks)
    return params, *gradient_and_product(
        loss_fn, params, params, batches, chunk_size=chunk_size
    )


def _entries(params, grads, products, scale):
    return jax.tree.map(lambda w, g, hw: w * (scale * hw - g), params, grads, products)


def _entries_abs(params, grads, products, scale):
    return jax.tree.map(jnp.abs, _entries(params, grads, products, scale))
