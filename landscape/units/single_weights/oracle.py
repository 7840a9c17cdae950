"""The loss change at the removal of each single weight, fast: rank-one updates."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.tree_util import Partial

from landscape import derivatives, trees
from landscape.aliases import Batches, Params
from landscape.callables import Static, as_partial
from landscape.derivatives import as_batches, total_weight
from landscape.layout import Rules
from landscape.machine import backend
from landscape.sparsity import saliency
from landscape.units.single_weights.rank_one import (
    bytes_of_one,
    losses_without,
    multipliers_of,
    record,
    usable_layer,
)
from landscape.units.taps import Tapped, identity

MEMORY = 2**28
"""Bytes of what is recorded of a batch; larger batches are taken in chunks."""

PER_CALL = 512
"""Weights in one call of a compiled loop, after which progress is reported."""

FEW = 4
"""Examples on which a layer is tried."""


def removal_changes(
    tapped: Tapped,
    params: Params,
    batches: Batches,
    name: str,
    indices: np.ndarray,
    *,
    rules: Rules = (),
    at_once: int | None = None,
    chunk_size: int | None = None,
    report: Callable[[int, int], Any] | None = None,
) -> np.ndarray:
    """L(w_i := 0) - L for some entries of a leaf, float64 [n], in nats.

    As `landscape.sparsity.saliency.loss_change.changes`, in the short way that
    `landscape.units.single_weights` tells. Other leaves than kernels of dense and
    convolutional layers are left to the former, and layers that on a few examples turn
    out not to be linear in their kernel, as one that is normalised.

    The differences of the losses of examples are averaged. Far below eps * L, eps the
    rounding of the dtype (1.2e-7 of float32), they are noise. A second reader of the
    layer whose effect is below about 1 % of the first one's goes unnoticed, and changes
    are then off by as much.

    Args:
      tapped: losses [B] of examples, tapped at `layer_sites`.
      params, batches: as everywhere.
      name: of the leaf.
      indices: [n], of its entries row by row; at least one.
      rules: for leaves that `landscape.layout` does not know.
      at_once: weights of one unit in one vmapped evaluation; default: as many as fit a
        share of the memory.
      chunk_size: examples that are evaluated at a time; default: as fit the memory.
      report: is called with the number of weights done, and of all.

    Raises:
      InputError: there is no such leaf, or batches that are refused everywhere.

    >>> import jax.numpy as jnp
    >>> def losses(params, batch, tap):
    ...     z = tap("a/output", tap("a/input", batch) @ params["a"]["w"])
    ...     return jnp.square(z).sum(axis=1)
    >>> params = {"a": {"w": jnp.array([[1.0], [2.0]])}}
    >>> removal_changes(losses, params, jnp.ones((3, 2)), "a/w", np.array([0, 1]))
    array([-5., -8.])
    """
    batches = as_batches(batches, chunk_size)
    tapped = backend.in_full_precision(tapped)
    few = derivatives.first(batches[0], FEW)
    layer = usable_layer(tapped, params, few, name, rules)
    if layer is None:
        return saliency.loss_change.changes(
            Partial(_untapped, as_partial(tapped)), params, batches, name, indices,
            at_once=at_once, chunk_size=chunk_size, report=report,
        )  # fmt: skip
    if chunk_size is None:
        chunk_size = max(1, MEMORY // bytes_of_one(layer, tapped, params, few))
    chunks = list(derivatives.chunks(batches, chunk_size))
    kernel = np.asarray(trees.named_leaves(params)[name])
    places = layer.rows(np.arange(kernel.size).reshape(kernel.shape))
    order = np.argsort(places.ravel())[np.asarray(indices)]
    entries, units = np.divmod(order, places.shape[1])
    used, which = np.unique(entries, return_inverse=True)
    values = kernel.ravel()[np.asarray(indices)]
    total, weights = np.zeros(len(units)), [float(total_weight(b)) for b in chunks]
    for number, (batch, weight) in enumerate(zip(chunks, weights, strict=True)):
        seen = record(layer, tapped, params, batch)
        multipliers = multipliers_of(layer, tapped, params, batch, seen, used)
        short = Partial(
            Static(losses_without, (layer,)), as_partial(tapped), params, batch, seen
        )
        one = 0, jax.tree.map(lambda x: x[0], multipliers), values[0]
        traced = jax.jit(short)
        size = at_once or backend.copies_that_fit(traced, *one)
        # No more than a unit has of them: rows are filled up.
        size = min(size, -(-len(units) // len(np.unique(units))))
        loop = backend.scannable(traced, *one)
        rows = _rows(units, size)
        step = max(1, PER_CALL // size) if loop else 1
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            # Calls of one shape compile once; what fills the last one up is cut off.
            same = np.resize(part, (min(step, len(rows)), size))
            new = _changes(
                short, multipliers, units[same[:, 0]], which[same], values[same]
            )
            if weight:
                # A row that is filled up has a weight twice: it is not added, but set.
                own = np.zeros(len(units))
                own[part] = np.asarray(new, float)[: len(part)]
                total += weight * own
            if report is not None:
                done = (number + (start + len(part)) / len(rows)) / len(chunks)
                report(round(done * len(units)), len(units))
    return total / sum(weights)


def _rows(units: np.ndarray, size: int) -> np.ndarray:
    """Indices [rows, size] of all units, those of a row of one unit.

    A row that is not full repeats its own.

    >>> _rows(np.array([0, 1, 0, 0]), 2).tolist()
    [[0, 2], [3, 3], [1, 1]]
    """
    order = np.argsort(units, kind="stable")
    starts = np.flatnonzero(np.diff(units[order])) + 1
    return np.array(
        [
            np.resize(run[i : i + size], size)
            for run in np.split(order, starts)
            for i in range(0, len(run), size)
        ]
    )


@jax.jit
def _changes(short, multipliers, units, which, values):
    def row(args):
        unit, which, values = args
        after = jax.vmap(short, in_axes=(None, 0, 0))(unit, multipliers[which], values)
        batch, seen = short.args[2:]
        change = jax.vmap(saliency.loss_change.mean_change, in_axes=(0, None, None))
        return change(after, seen.losses, batch)

    rows = units, which, values
    # A loop of one round would still be one, in which a CPU convolves slowly.
    if len(units) > 1:
        return jax.lax.map(row, rows)
    return row(jax.tree.map(lambda x: x[0], rows))[None]


def _untapped(tapped, params, batch):
    return tapped(params, batch, identity)
