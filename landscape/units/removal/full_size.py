"""A network without some of its units, in its full size, and how far it is from exact.

The outputs of the layers that read the removed units shift by a constant, which moves
into their biases, or into the mean of the batch norm behind them:

    bias += sum over removed units u of W[:, u at all positions] c_u.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from landscape import derivatives, trees, weighting
from landscape.aliases import Batch, Batches, Params
from landscape.machine.backend import in_full_precision
from landscape.objective import Objective
from landscape.units.outputs import Outputs, output_statistics
from landscape.units.removal.connections import at
from landscape.units.removal.constants import replacement
from landscape.units.removal.network import Network
from landscape.units.removal.plan import Plan
from landscape.units.removal.readers import Reader, response
from landscape.units.sites import Site
from landscape.units.structure import Axis
from landscape.units.taps import Tapped, identity, tapped_logits


def remove(plan: Plan, network: Network) -> Network:
    """The network with the planned units removed, in its full size.

    The constants move, and every parameter of a removed unit is 0, and False in masks
    that are arrays. Its outputs are those of `network` with the units' constants in
    their place (`replaced`), but behind the layers of `plan.approximate`.
    """
    params = trees.named_leaves(network.params)
    stats = trees.named_leaves(network.batch_stats)
    for name, reader in plan.readers.items():
        if plan.constants[name].any():
            constants = plan.constants[name].astype(params[reader.kernel].dtype)
            every = np.tile(constants, reader.site.axis.positions)
            added = response(reader, network.params, every)
            _move(params, stats, reader, added.mean(axis=0))
    zeroed = _without(plan, _unflatten(network.params, params))
    masks = network.masks
    if masks is not None:
        masks = _without(plan, masks)
    return Network(zeroed, _unflatten(network.batch_stats, stats), masks)


def replaced(plan: Plan) -> Partial:
    """The tap that puts the constants in the place of the removed units.

    What `remove` and `shrink` are compared with: `tapped_logits` of the whole network.
    """
    sites = {name: reader.site for name, reader in plan.readers.items()}
    return replacement(sites, plan.removed, plan.constants)


def corrected(
    plan: Plan,
    objective: Objective,
    network: Network,
    removed: Network,
    batches: Batches,
    *,
    chunk_size: int | None = None,
) -> Network:
    """The removed network with the mean outputs of approximate layers corrected.

    For each layer of `plan.approximate`, first to last, in one pass over the data: the
    bias takes the difference of its outputs' means from those in the whole network; of
    batch norm the mean and the variance become those with which means and variances
    behind it are as in the whole network. The logits then are further from those with
    constants in the units' place: `logit_error` is of what has not been corrected.

    Args:
      plan: of the removal.
      objective: of the model.
      network, removed: before and after `remove`.
      batches, chunk_size: as in `landscape.derivatives.average`.
    """
    sites = {}
    for name in plan.approximate:
        reader = plan.readers[name]
        tree = network.params if reader.in_params else network.batch_stats
        outputs = trees.named_leaves(tree)[reader.takes].size
        sites[name] = Site(Axis(("outputs",)), (outputs,), name, "output")

    def statistics(of):
        tapped = tapped_logits(objective, of.batch_stats, sites)
        args = tapped, of.params, batches, sites
        found = output_statistics(*args, chunk_size=chunk_size)
        return trees.widened(found)

    whole = statistics(network) if sites else {}
    for name in sites:
        reader, before, now = plan.readers[name], whole[name], statistics(removed)[name]
        params = trees.named_leaves(removed.params)
        stats = trees.named_leaves(removed.batch_stats)
        if reader.in_params:
            _move(params, stats, reader, before.mean - now.mean)
        else:
            held = trees.named_leaves(network.batch_stats)
            _renorm(stats, held, reader, before, now)
        removed = removed._replace(
            params=_without(plan, _unflatten(removed.params, params)),
            batch_stats=_unflatten(removed.batch_stats, stats),
        )
    return removed


def logit_error(
    plan: Plan,
    objective: Objective,
    network: Network,
    smaller_objective: Objective,
    smaller: Network,
    batches: Batches,
) -> float:
    """The largest difference of logits from those with constants in the units' place.

    Over all examples of weight above 0, as a fraction of the largest logit; 0 would be
    exact.

    Args:
      plan: of the removal.
      objective, network: before it.
      smaller_objective, smaller: after it, of either size.
      batches: as in `landscape.derivatives.average`.
    """
    sites = {name: reader.site for name, reader in plan.readers.items()}
    tapped = tapped_logits(objective, network.batch_stats, sites)
    plain = tapped_logits(smaller_objective, smaller.batch_stats, {})
    tap, largest, difference = replaced(plan), 0.0, 0.0
    for batch in derivatives.as_batches(batches):
        whole = np.asarray(run(tapped, network.params, batch, tap))
        found = np.asarray(run(plain, smaller.params, batch, Partial(identity)))
        weight = weighting.of_batch(batch)
        counts = np.ones(len(whole), bool)
        if weight is not None:
            counts = np.asarray(weighting.of_examples(weight)) > 0
        # Unlike Python's max, that of NumPy is NaN if any of them is.
        difference = np.maximum(
            difference, np.abs(whole - found)[counts].max(initial=0)
        )
        largest = np.maximum(largest, np.abs(whole)[counts].max(initial=0))
    return float(difference / largest) if largest else float(difference)


@jax.jit
def run(tapped: Tapped, params: Params, batch: Batch, tap: Partial) -> jax.Array:
    """A tapped function in full precision, compiled once for all taps of one kind."""
    return in_full_precision(tapped)(params, batch, tap)


def _move(params: dict, stats: dict, reader: Reader, added: np.ndarray) -> None:
    """Lets a layer's bias, or the norm behind it, take what its output lacks."""
    tree, sign = (params, 1) if reader.in_params else (stats, -1)
    leaf = np.asarray(tree[reader.takes])
    tree[reader.takes] = jnp.asarray(leaf + (sign * added).astype(leaf.dtype))


def _without(plan: Plan, tree: Any) -> Any:
    """Parameters or masks, 0 or False at the removed units; scalars as they are."""

    def cut(name, leaf):
        axes = plan.spec.axes.get(name, ())
        if axes == (None,) * len(axes) or jnp.ndim(leaf) == 0:
            return leaf
        values = np.array(leaf)
        for i, axis in enumerate(axes):
            if axis is not None:
                gone = np.tile(at(axis, plan.removed), axis.positions)
                np.moveaxis(values, i, 0)[gone] = 0
        return jax.device_put(values)

    return trees.map_named(cut, tree)


def _unflatten(tree: Any, named: dict) -> Any:
    return jax.tree.unflatten(jax.tree.structure(tree), named.values())


def _renorm(
    stats: dict, held: dict, reader: Reader, before: Outputs, now: Outputs
) -> None:
    """Lets a norm make of its inputs now what it made of those before, on average."""
    name, epsilon = reader.takes.removesuffix("mean") + "var", reader.epsilon
    mean, wide = (np.asarray(held[k], float) for k in (reader.takes, name))
    varies = before.variance > 0
    ratio = np.where(varies, now.variance / np.where(varies, before.variance, 1), 1)
    narrow = np.maximum((wide + epsilon) * ratio - epsilon, 0)
    scale = np.sqrt((narrow + epsilon) / (wide + epsilon))
    moved = now.mean - (before.mean - mean) * scale
    for leaf, values in ((reader.takes, moved), (name, narrow)):
        stats[leaf] = jnp.asarray(values.astype(stats[leaf].dtype))
