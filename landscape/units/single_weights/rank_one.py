"""The losses of a tapped network without one weight, by an update of rank one.

One weight changes one unit: its output z becomes z - w x, where x is what the weight is
multiplied by. If one layer alone reads the unit, then what that layer puts out changes
by what it makes of the unit's change with the unit's part of its kernel: an update of
rank one of a dense layer, a convolution of one channel of another. The rest of the
network runs as it is. What lies before is recorded, and XLA drops its computation.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from landscape import trees
from landscape.aliases import Batch, Params
from landscape.callables import as_partial
from landscape.layout import Rules
from landscape.units.single_weights.linear_layers import Layer, of_unit, tapped_layer
from landscape.units.taps import Tapped, identity, recording

PROBES, TOLERANCE = 8, 1e-2
"""Changes on which the short way is compared with a whole forward pass, and the
difference that is allowed, relative to the largest change of the loss."""


class Recorded(NamedTuple):
    """A forward pass of a batch.

    Attributes:
      losses: [B].
      at: what was seen at the taps, by name.
      own: [units, B, ...], the layer's output with the units first: memory is read in
        a row then.
      read: [units, B, ..., positions], its reader's input so; None without a reader.
    """

    losses: jax.Array
    at: dict[str, jax.Array]
    own: jax.Array
    read: jax.Array | None


def losses_without(
    layer: Layer,
    tapped: Tapped,
    params: Params,
    batch: Batch,
    seen: Recorded,
    unit: jax.Array,
    multiplier: jax.Array,
    value: jax.Array,
) -> jax.Array:
    """Losses [B] without one weight.

    Args:
      layer, tapped, params, batch: what is recorded.
      seen: the record.
      unit: of the weight.
      multiplier: [B, ...], what it is multiplied by.
      value: of the weight.
    """
    reader, units = layer.reader, len(seen.own)
    column = (_at(seen.own, unit) - value * multiplier)[..., None]
    if reader is None:
        after = jnp.where(jnp.arange(units) == unit, column, seen.at[layer.output])
    else:
        # Of the reader's inputs those of the unit alone are looked at.
        after = jnp.broadcast_to(column, (*column.shape[:-1], units))
        kernel = trees.named_leaves(params)[reader.kernel]
        params = reader.set_kernel(params, reader.of_unit(kernel, unit, units))

    def tap(name, x):
        if name == layer.output:
            return after
        if name in layer.before:
            return seen.at[name]
        if reader is not None and name == reader.input:
            return of_unit(x, unit, units) - _at(seen.read, unit)
        if reader is not None and name == reader.output:
            return seen.at[name] + x
        return x

    return tapped(params, batch, tap)


@partial(jax.jit, static_argnums=0)
def record(layer: Layer, tapped: Tapped, params: Params, batch: Batch) -> Recorded:
    """A forward pass, and what is needed of it for the weights of a layer."""
    tap, seen = recording()
    losses = tapped(params, batch, tap)
    names, own, read = [*layer.before], jnp.moveaxis(seen[layer.output], -1, 0), None
    if layer.reader is None:
        names.append(layer.output)
    else:
        names.append(layer.reader.output)
        read = seen[layer.reader.input]
        read = jnp.moveaxis(read.reshape(*read.shape[:-1], -1, len(own)), -1, 0)
    return Recorded(losses, {name: seen[name] for name in names}, own, read)


def _at(x, unit):
    return jax.lax.dynamic_index_in_dim(x, unit, keepdims=False)


def multipliers_of(
    layer: Layer,
    tapped: Tapped,
    params: Params,
    batch: Batch,
    seen: Recorded,
    entries: np.ndarray,
) -> jax.Array:
    """What entries of a kernel are multiplied by: [n, B, ...].

    Args:
      layer, tapped, params, batch, seen: as in `losses_without`.
      entries: [n], rows of `Layer.rows`.
    """
    units = len(seen.own)
    every = np.arange(layer.rows(trees.named_leaves(params)[layer.kernel]).shape[0])
    parts = []
    for i in range(0, len(entries), units):
        rows = every[:, None] == np.resize(entries[i : i + units], units)
        parts.append(_outputs(layer, tapped, params, batch, seen, rows))
    return jnp.concatenate(parts)[: len(entries)]


@partial(jax.jit, static_argnums=0)
def _outputs(layer, tapped, params, batch, seen, rows):
    """The outputs [C, B, ...] of a kernel that is 1 where `rows` is True."""
    like = trees.named_leaves(params)[layer.kernel]

    def tap(name, x):
        return seen.at[name] if name in layer.before else x

    tap, found = recording(tap)
    tapped(layer.set_kernel(params, layer.kernel_of(rows, like)), batch, tap)
    return jnp.moveaxis(found[layer.output], -1, 0)


def usable_layer(
    tapped: Tapped, params: Params, few: Batch, name: str, rules: Rules = ()
) -> Layer | None:
    """The layer of a kernel, if the short way gives what a whole forward pass does.

    Without its reader if that is not the only one, or does not read units one by one.
    None also if nothing changes on these examples, and so nothing is told.

    Args:
      tapped, params: as in `losses_without`.
      few: examples on which it is tried.
      name: of the kernel.
      rules: for leaves that `landscape.layout` does not know.
    """
    tapped = as_partial(tapped)
    layer = tapped_layer(tapped, params, few, name, rules)
    if layer is None:
        return None
    for candidate in dict.fromkeys((layer, layer._replace(reader=None))):
        short, whole, losses = map(np.asarray, _tried(candidate, tapped, params, few))
        changed = np.abs(whole - losses).max()
        if changed and np.abs(short - whole).max() <= TOLERANCE * changed:
            return candidate
    return None


@partial(jax.jit, static_argnums=0)
def _tried(layer, tapped, params, few):
    """Losses after large changes of single units, in both ways, and before them."""
    seen = record(layer, tapped, params, few)
    kernel = trees.named_leaves(params)[layer.kernel]
    rows = layer.rows(kernel)
    units = rows.shape[1]
    # Of all weights, some for each unit: a single one may be multiplied by 0 alone.
    some = jnp.arange(rows.shape[0])[:, None] % units == jnp.arange(units)
    multipliers = _outputs(layer, tapped, params, few, seen, some)
    sizes = jnp.abs(multipliers).max(axis=tuple(range(1, multipliers.ndim)))
    largest = jnp.argsort(-sizes)[jnp.arange(PROBES) % units]
    chosen = jnp.linspace(0, units - 1, PROBES).astype(int)
    scale = jnp.abs(seen.own).max() / sizes[largest]
    signs = jnp.resize(jnp.array([3, -3]), PROBES)
    values = signs * jnp.where(jnp.isfinite(scale), scale, 0)

    def both(args):
        which, unit, value = args
        short = losses_without(
            layer, tapped, params, few, seen, unit, multipliers[which], value
        )
        moved = rows.at[:, unit].add(-value * some[:, which])
        changed = layer.kernel_of(moved, kernel)
        other = trees.map_named(
            lambda name, leaf: changed if name == layer.kernel else leaf, params
        )
        return short, tapped(other, few, identity)

    short, whole = jax.lax.map(both, (largest, chosen, values))
    return short, whole, seen.losses


def bytes_of_one(layer: Layer, tapped: Tapped, params: Params, few: Batch) -> int:
    """Bytes of what is held of an example: the record, and all multipliers."""
    seen = jax.eval_shape(partial(record, layer), tapped, params, few)
    entries = layer.rows(np.empty(trees.named_leaves(params)[layer.kernel].shape))
    multipliers = seen.own.size // len(seen.own) * len(entries)
    size = multipliers + sum(x.size for x in jax.tree.leaves(seen))
    return size * seen.own.dtype.itemsize // len(seen.losses)
