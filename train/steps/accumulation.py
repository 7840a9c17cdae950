"""The gradient of a large batch, computed in parts that fit into memory."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from landscape import weighting
from landscape.aliases import Batch, Params
from landscape.objective import Aux


def value_and_grad(
    training: Callable[..., tuple[jax.Array, Aux]], parts: int
) -> Callable[[Params, Batch, Any], tuple[tuple[jax.Array, Aux], Params]]:
    """`jax.value_and_grad` of the objective of training, a part of the batch at a time.

        gradient = sum_i (W_i / W) gradient_i,

    W_i being the weights of part i and W those of the batch: what the whole batch
    gives, to rounding. Batch norm sees the parts, each as a batch of its own, and its
    running statistics are updated by one after the other.

    Args:
      training: `landscape.objective.Objective.training`.
      parts: how many; 1: the whole batch at once. It divides the batch size.

    Returns:
      (params, batch, batch_stats) -> ((objective, Aux), gradient).
    """
    whole = jax.value_and_grad(training, has_aux=True)
    if parts == 1:
        return whole

    def in_parts(params, batch, batch_stats):
        # Each part takes every n-th example: none leaves its device if the parts divide
        # by the devices.
        split = jax.tree.map(
            lambda x: jnp.moveaxis(x.reshape(-1, parts, *x.shape[1:]), 1, 0), batch
        )
        weight = weighting.of_batch(split)
        if weight is None:
            shares = jnp.full(parts, 1 / parts)
        else:
            sums = weight.sum(axis=tuple(range(1, weight.ndim)))
            shares = sums / sums.sum()

        def add(carry, piece):
            sums, stats = carry
            part, share = piece
            (value, aux), grads = whole(params, part, stats)
            new = (value, aux._replace(batch_stats=()), grads)
            # The mean over a part in which nothing counts is 0 / 0.
            own = jax.tree.map(lambda x: jnp.where(share > 0, share * x, 0), new)
            sums = jax.tree.map(jnp.add, sums, own)
            return (sums, aux.batch_stats), None

        part = jax.tree.map(lambda x: x[0], split)
        (value, aux), grads = jax.eval_shape(whole, params, part, batch_stats)
        shapes = (value, aux._replace(batch_stats=()), grads)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        (sums, stats), _ = jax.lax.scan(add, (zeros, batch_stats), (split, shares))
        value, aux, grads = sums
        return (value, aux._replace(batch_stats=stats)), grads

    return in_parts
