"""Optimal brain damage: H_ii w^2 / 2 (LeCun, Denker & Solla 1990)."""

import jax

from landscape.aliases import Batches, LossFn, Masks, Params
from landscape.derivatives import hessian_diagonal
from landscape.sparsity.saliency.scoring import computed, network


def score(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    block_size: int | None = None,
    chunk_size: int | None = None,
) -> Params:
    """H_ii w_i^2 / 2, with the exact diagonal; negative where the curvature is.

    At a minimum it is the second-order change of the loss when w_i alone is set to 0.
    Expensive: one product with the Hessian for each kept weight, so for networks of
    some thousand weights; `score_hutchinson` is for larger ones.

    Args:
      block_size, chunk_size: as in `landscape.derivatives.hessian_diagonal`. Without a
        chunk size the activations of all batches stay in memory.

    Other arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> import jax.numpy as jnp
    >>> loss = lambda w, x: jnp.mean(x**2 @ w**2) / 2
    >>> score(loss, jnp.array([1.0, 2.0]), jnp.array([[3.0, 1.0]])).tolist()
    [4.5, 2.0]
    """
    params = network(params, masks)
    diagonal = hessian_diagonal(
        loss_fn,
        params,
        batches,
        mask=masks,
        block_size=block_size,
        chunk_size=chunk_size,
    )
    return computed(masks, _entries, params, diagonal)


def score_hutchinson(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    num_probes: int = 100,
    block_size: int | None = None,
    chunk_size: int | None = None,
) -> Params:
    """As `score`, the diagonal estimated without bias from products with random signs.

    Args:
      key: of the signs.
      num_probes, block_size, chunk_size: as in `landscape.derivatives.diagonal`, which
        states the variance. Signs are 0 where a mask is False.

    Other arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> import jax.numpy as jnp
    >>> loss = lambda w, x: jnp.mean(x**2 @ w**2) / 2
    >>> score_hutchinson(
    ...     loss, jnp.array([1.0, 2.0]), jnp.array([[3.0, 1.0]]),
    ...     key=jax.random.key(0), num_probes=1).tolist()
    [4.5, 2.0]
    """
    params = network(params, masks)
    diagonal = hessian_diagonal(
        loss_fn,
        params,
        batches,
        method="hutchinson",
        num_probes=num_probes,
        key=key,
        mask=masks,
        block_size=block_size,
        chunk_size=chunk_size,
    )
    return computed(masks, _entries, params, diagonal)


def _entries(params, diagonal):
    return jax.tree.map(lambda w, h: 0.5 * h * w * w, params, diagonal)
