"""The oracle: how the loss changes when one weight is removed, for every weight."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from landscape import derivatives, patterns, trees, weighting
from landscape.aliases import Batches, Masks, Params
from landscape.callables import Static, as_partial
from landscape.derivatives import as_batches, total_weight
from landscape.errors import check_choice
from landscape.machine import backend
from landscape.sparsity.saliency.scoring import finished, network

Report = Callable[[int, int], Any]
"""Is called with the number of weights done, and of all."""

PER_CALL = 256
"""Weights in one call of a compiled loop, after which progress is reported."""


def score(
    loss_fn: Callable,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    layers: str | Sequence[str] | None = None,
    at_once: int | None = None,
    chunk_size: int | None = None,
    report: Report | None = None,
) -> Params:
    """L(w_i := 0) - L for each weight w_i that is kept, in nats; signed.

    One forward pass over all batches a weight, hence for some thousand weights;
    `landscape.units.removal_changes` finds the same much faster where the inputs and
    outputs of layers can be tapped.

    What is far below eps * L, eps the rounding of the dtype (1.2e-7 of float32), is
    noise. Of the losses of single examples the differences are averaged, which have
    less of it than the difference of two means.

    Args:
      loss_fn: the mean over a batch, or the losses [B] of its examples, each of which
        counts by its weight.
      layers: patterns of names of leaves, or of what holds them; every other leaf
        scores +inf, unseen. Default: all leaves.
      at_once, chunk_size: as in `changes`.
      report: is called with the number of weights done, and of all.

    Other arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> loss = lambda w, x: jnp.mean((x @ w) ** 2)
    >>> score(loss, jnp.array([1.0, -2.0]), jnp.ones((4, 2))).tolist()
    [3.0, 0.0]
    """
    params = network(params, masks)
    leaves = trees.named_leaves(params)
    kept = trees.named_leaves(jax.tree.map(lambda _: True, params))
    kept = kept if masks is None else trees.named_leaves(masks)
    chosen = patterns.matching(list(leaves), layers)
    todo = {
        name: np.flatnonzero(np.broadcast_to(kept[name], jnp.shape(leaf)))
        for name, leaf in leaves.items()
        if name in chosen
    }
    total, done = sum(map(len, todo.values())), 0
    found = {name: np.full(jnp.size(leaf), np.inf) for name, leaf in leaves.items()}
    for name, indices in todo.items():
        found[name][:] = 0
        tell = None if report is None else partial(_tell, report, done, total)
        if len(indices):
            found[name][indices] = changes(
                loss_fn, params, batches, name, indices,
                at_once=at_once, chunk_size=chunk_size, report=tell,
            )  # fmt: skip
        done += len(indices)

    def shaped(name, leaf):
        values = found[name].reshape(jnp.shape(leaf))
        return jnp.asarray(values, jnp.result_type(leaf))

    return finished(masks, trees.map_named(shaped, params))


def changes(
    loss_fn: Callable,
    params: Params,
    batches: Batches,
    name: str,
    indices: np.ndarray,
    *,
    at_once: int | None = None,
    chunk_size: int | None = None,
    report: Report | None = None,
) -> np.ndarray:
    """L(w_i := 0) - L for some entries of one leaf, float64 [n], in nats.

    Args:
      loss_fn, params, batches: as in `score`.
      name: of the leaf.
      indices: [n], of its entries row by row; at least one.
      at_once: weights in one vmapped evaluation; default: as many as fit a share of
        the memory, and one where a CPU convolves, which is slow with many kernels.
      chunk_size: examples that are evaluated at a time; default: whole batches.
      report: as in `score`.

    Raises:
      InputError: there is no such leaf, or batches that are refused everywhere.

    >>> loss = lambda w, x: jnp.mean((x @ w) ** 2)
    >>> changes(loss, jnp.ones(2), jnp.ones((4, 2)), "", np.array([1]))
    array([-3.])
    """
    check_choice("parameter", name, trees.named_leaves(params))
    chunks = list(derivatives.chunks(as_batches(batches, chunk_size), chunk_size))
    loss_fn = backend.in_full_precision(loss_fn)
    without = Partial(Static(_without, (name,)), as_partial(loss_fn), params)
    indices = np.asarray(indices, np.int32)
    total, weights = np.zeros(len(indices)), [float(total_weight(b)) for b in chunks]
    for number, (batch, weight) in enumerate(zip(chunks, weights, strict=True)):
        before = _losses(loss_fn, params, batch)
        traced = jax.jit(without)
        scan = backend.scannable(traced, batch, indices[0])
        size = at_once or (
            backend.copies_that_fit(traced, batch, indices[0])
            if scan or not backend.on_cpu()
            else 1
        )
        size = min(size, len(indices))
        step = size * max(1, PER_CALL // size) if scan else size
        for start in range(0, len(indices), step):
            part = indices[start : start + step]
            # Blocks of one shape compile once; what fills the last one up is cut off.
            blocks = np.resize(part, min(step, -len(indices) // size * -size))
            blocks = blocks.reshape(-1, size)
            new = np.asarray(_changes(without, batch, before, blocks)).ravel()
            if weight:
                total[start : start + step] += weight * new[: len(part)]
            if report is not None:
                done = (number * len(indices) + start + len(part)) / len(chunks)
                report(int(done), len(indices))
    return total / sum(weights)


def mean_change(after: jax.Array, before: jax.Array, batch: Any) -> jax.Array:
    """The change of the mean loss, of the losses of examples [B] or of means.

    >>> batch = {"weight": jnp.array([1.0, 0.0])}
    >>> float(mean_change(jnp.array([2.0, 4.0]), jnp.ones(2), batch))
    1.0
    """
    weight = weighting.of_batch(batch) if jnp.ndim(after) else None
    return weighting.weighted_mean(after - before, weight)


def _tell(report, before, total, done, of):
    report(before + done, total)


def _without(name, loss_fn, params, batch, index):
    """The loss without one entry of a leaf."""

    def removed(leaf_name, leaf):
        if leaf_name != name:
            return leaf
        return jnp.ravel(leaf).at[index].set(0).reshape(jnp.shape(leaf))

    return loss_fn(trees.map_named(removed, params), batch)


@jax.jit
def _losses(loss_fn, params, batch):
    return loss_fn(params, batch)


@jax.jit
def _changes(without, batch, before, blocks):
    def block(indices):
        after = jax.vmap(without, in_axes=(None, 0))(batch, indices)
        return jax.vmap(mean_change, in_axes=(0, None, None))(after, before, batch)

    # A loop of one round would still be one, in which a CPU convolves slowly.
    return block(blocks[0]) if len(blocks) == 1 else jax.lax.map(block, blocks)
