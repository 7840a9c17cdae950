"""Empirical Fisher: w^2 E[g^2] / 2, the squares of single examples' gradients."""

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape import trees, weighting
from landscape.aliases import Batches, LossFn, Masks, Params
from landscape.callables import as_partial
from landscape.derivatives import average, check_is_scalar
from landscape.machine.backend import in_full_precision
from landscape.sparsity.saliency.scoring import computed, network

CHUNK_ENTRIES = 2**24
"""Entries of all single gradients that are in memory at a time, by default."""


def score(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    chunk_size: int | None = None,
) -> Params:
    """w_i^2 E_n[g_ni^2] / 2, g_n the gradient of the loss of example n; never negative.

    The mean is over all examples of all batches, each counting by its weight. Of a
    negative log-likelihood E[g g^T] is the empirical Fisher matrix; in the place of
    the Hessian it makes `obd` out of gradients alone (Theis et al. 2018,
    arXiv:1801.05787).

    Args:
      loss_fn: a mean over examples: that of example n is the loss of a batch that
        holds it alone.
      chunk_size: examples whose gradients are in memory at a time; default: the
        largest power of two with at most 2^24 entries.

    Other arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> loss = lambda w, x: jnp.mean(x @ w)
    >>> score(loss, jnp.array([1.0, 2.0]), jnp.array([[1.0, 0.0], [3.0, 1.0]])).tolist()
    [2.5, 1.0]
    """
    params = network(params, masks)
    if chunk_size is None:
        most = max(1, CHUNK_ENTRIES // max(trees.size(params), 1))
        # It divides most batches: another program for the rest is compiled in vain.
        chunk_size = 1 << (most.bit_length() - 1)
    squares = Partial(_mean_square, as_partial(loss_fn))
    means = average(squares, batches, params, chunk_size=chunk_size)
    return computed(masks, _entries, params, means)


def _entries(params, means):
    def entry(w, mean):
        return (0.5 * w * w * mean).astype(w.dtype)

    return jax.tree.map(entry, params, means)


def _mean_square(loss_fn, params, batch):
    """E[g^2] over the examples of a batch, entry by entry."""
    weight = weighting.of_batch(batch)
    counts = None if weight is None else weighting.of_examples(weight)
    if weight is not None:
        # Alone in its batch an example without weight has no mean; it counts 0 below.
        none = (counts == 0).reshape(-1, *[1] * (jnp.ndim(weight) - 1))
        batch = {**batch, "weight": jnp.where(none, 1, weight)}

    def of_one(example):
        alone = jax.tree.map(lambda x: x[None], example)
        return jax.grad(lambda p: _scalar(loss_fn(p, alone)))(params)

    grads = in_full_precision(jax.vmap(of_one))(batch)

    def mean(g):
        g = g.astype(jnp.promote_types(g.dtype, jnp.float32))
        if counts is None:
            return jnp.square(g).mean(axis=0)
        shares = (counts / counts.sum()).astype(g.dtype)
        shares = shares.reshape(-1, *[1] * (g.ndim - 1))
        return jnp.where(shares != 0, shares * jnp.square(g), 0).sum(axis=0)

    return jax.tree.map(mean, grads)


def _scalar(loss):
    check_is_scalar(loss)
    return loss
