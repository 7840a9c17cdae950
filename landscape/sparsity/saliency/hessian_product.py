"""w (H w): each weight's part in the curvature along the weights themselves."""

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
    chunk_size: int | None = None,
) -> Params:
    """w (H w), H the Hessian of the mean loss over all batches; signed.

    H is that of all leaves of `params` together, the terms across layers included (as
    pytorchpruner's hessianScorer does with a list of tensors); it is not the diagonal,
    which `obd` has. For the block of one layer alone give that layer's leaves as
    `params`, and a loss function that knows the others. The sum of all scores is
    w^T H w.

    Args:
      chunk_size: as in `landscape.derivatives.gradient_and_product`.

    Other arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> loss = lambda w, x: jnp.mean((x @ w) ** 2) / 2
    >>> score(loss, jnp.array([1.0, -2.0]), jnp.ones((1, 2))).tolist()
    [-1.0, 2.0]
    """
    at = _at(loss_fn, params, batches, masks, chunk_size)
    return computed(masks, _entries, *at)


def score_abs(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    chunk_size: int | None = None,
) -> Params:
    """|w (H w)|: as `score`, without its sign.

    >>> loss = lambda w, x: jnp.mean((x @ w) ** 2) / 2
    >>> score_abs(loss, jnp.array([1.0, -2.0]), jnp.ones((1, 2))).tolist()
    [1.0, 2.0]
    """
    at = _at(loss_fn, params, batches, masks, chunk_size)
    return computed(masks, _entries_abs, *at)


def _at(loss_fn, params, batches, masks, chunk_size):
    params = network(params, masks)
    _, products = gradient_and_product(
        loss_fn, params, params, batches, chunk_size=chunk_size
    )
    return params, products


def _entries(params, products):
    return jax.tree.map(jnp.multiply, params, products)


def _entries_abs(params, products):
    return jax.tree.map(lambda w, hw: jnp.abs(w * hw), params, products)
