"""The oracle of all units: the loss with each unit alone replaced by a constant."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape import derivatives, weighting
from landscape.aliases import Batch, Batches, Params
from landscape.arrays import on_device
from landscape.callables import Static
from landscape.machine.backend import in_full_precision, scannable, settled
from landscape.units.sites import Site, group_sizes
from landscape.units.taps import Tapped, check_taps, replacing


def loss_changes(
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    values: Mapping[str, jax.Array],
    *,
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """L(unit replaced) - L for each unit alone, one forward pass each: by group, [n].

    The losses of the examples are subtracted before they are averaged. One program is
    compiled for all units; they run in one compiled loop where that is not slow
    (`landscape.machine.backend.scannable`).

    Args:
      losses: [B], tapped at the sites.
      values: by site, [C]: the constant that takes the place of each unit there. A
        unit that is seen at several sites is replaced at all of them.
      params, batches, sites, chunk_size: as in `landscape.units.output_statistics`.

    Raises:
      InputError: a site that is not tapped once, or losses that are not [B].

    >>> from landscape.units.structure import Axis
    >>> def losses(w, batch, tap):
    ...     return tap("hidden", batch @ w).sum(axis=1)
    >>> sites = {"hidden": Site(Axis(("hidden",)), (2,))}
    >>> loss_changes(
    ...     losses,
    ...     jnp.array([[2.0, 3.0]]),
    ...     jnp.ones((1, 1)),
    ...     sites,
    ...     {"hidden": jnp.zeros(2)},
    ... )
    {'hidden': Array([-2., -3.], dtype=float32)}
    """
    batches = derivatives.as_batches(batches, chunk_size)
    check_taps(losses, params, batches[0], sites)
    sizes = group_sizes(sites)
    settings = (tuple(sites.items()), tuple(sizes.items()))
    function = Partial(Static(_replaced, settings), in_full_precision(losses))
    total, count = None, sum(sizes.values())
    for chunk in derivatives.chunks(batches, chunk_size):
        part = settled(_of_chunk(function, params, chunk, values, count))
        total = part if total is None else derivatives.added(total, part)
    changes = total.mean()
    starts = [sum(list(sizes.values())[: i + 1]) for i in range(len(sizes) - 1)]
    return dict(zip(sizes, jnp.split(changes, starts), strict=True))


def _of_chunk(function, params, chunk, values, count) -> derivatives.WeightedSum:
    # NumPy arrays would be sent to the device for each unit.
    args = (params, on_device(chunk), values)
    # The loss with no unit replaced, -1, is of the same program as the others, and so
    # equal to the last bit where a unit does nothing.
    if scannable(_call, function, *args, jax.ShapeDtypeStruct((), jnp.int32)):
        means = _in_a_loop(function, args, count)
    else:
        plain, *replaced = (
            _call(function, *args, jnp.asarray(unit)) for unit in range(-1, count)
        )
        means = jnp.stack([_mean_change(each, plain, chunk) for each in replaced])
    return derivatives.weighted(means, derivatives.total_weight(chunk))


@jax.jit
def _call(function, params, batch, values, unit):
    return function(params, batch, values, unit)


@partial(jax.jit, static_argnames="count")
def _in_a_loop(function, args, count):
    def step(plain, unit):
        losses = function(*args, unit)
        plain = jnp.where(unit < 0, losses, plain)
        return plain, _mean_change(losses, plain, args[1])

    units = jnp.arange(-1, count)
    losses = jax.eval_shape(function, *args, units[0])
    _, means = jax.lax.scan(step, jnp.zeros(losses.shape, losses.dtype), units)
    return means[1:]


@jax.jit
def _mean_change(replaced, plain, batch: Batch):
    return weighting.weighted_mean(replaced - plain, weighting.of_batch(batch))


def _replaced(sites, sizes, losses, params, batch, values, unit):
    chosen, start = {}, 0
    for group, size in sizes:
        chosen[group] = jnp.arange(start, start + size) == unit
        start += size
    return losses(params, batch, replacing(dict(sites), chosen, values))
