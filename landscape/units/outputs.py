"""Statistics of the output of each unit over a data set: mean, variance, zeros."""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape import derivatives, weighting
from landscape.aliases import Batches, Params
from landscape.callables import Static
from landscape.machine.backend import in_full_precision, settled
from landscape.one_line import one_line
from landscape.units.sites import Site, as_units
from landscape.units.taps import Tapped, check_taps, recording


class Outputs(NamedTuple):
    """Statistics of C units over examples and positions: each [C].

    Attributes:
      mean: of the output; that of a constant unit is the constant, to the last bit.
      variance: mean square of the deviation from the mean.
      absolute: mean of the absolute value.
      nonzero: fraction of outputs that are not 0.
    """

    mean: jax.Array
    variance: jax.Array
    absolute: jax.Array
    nonzero: jax.Array

    __repr__ = one_line


def output_statistics(
    tapped: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    *,
    chunk_size: int | None = None,
) -> dict[str, Outputs]:
    """The statistics of the units at each site, from one forward pass over the data.

    An example counts by its weight (`landscape.weighting`), a position as any other.

    Args:
      tapped: losses or logits, tapped at the sites.
      params: of the network.
      batches, chunk_size: as in `landscape.derivatives.average`.
      sites: where units are seen.

    Returns:
      By site, in float32 or wider.

    Raises:
      InputError: a site that is not tapped once.

    >>> from landscape.units.structure import Axis
    >>> def losses(w, batch, tap):
    ...     return tap("hidden", jnp.maximum(batch @ w, 0)).sum(axis=1)
    >>> batch = jnp.array([[1.0], [3.0]])
    >>> sites = {"hidden": Site(Axis(("hidden",)), (2,))}
    >>> found = output_statistics(losses, jnp.array([[2.0, -1.0]]), batch, sites)
    >>> found["hidden"].mean.tolist(), found["hidden"].variance.tolist()
    ([4.0, 0.0], [4.0, 0.0])
    """
    function = Partial(
        Static(_statistics, (tuple(sites.items()),)), in_full_precision(tapped)
    )
    batches = derivatives.as_batches(batches, chunk_size)
    check_taps(tapped, params, batches[0], sites, losses=False)
    parts = [
        settled((derivatives.total_weight(chunk), _call(function, params, chunk)))
        for chunk in derivatives.chunks(batches, chunk_size)
    ]
    return _combined(parts)


def mean_outputs(
    tapped: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    *,
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """The mean of each unit over examples and positions, at each site: [C].

    Arguments as in `output_statistics`.

    >>> from landscape.units.structure import Axis
    >>> def losses(w, batch, tap):
    ...     return tap("hidden", batch @ w).sum(axis=1)
    >>> batch = jnp.array([[1.0], [3.0]])
    >>> sites = {"hidden": Site(Axis(("hidden",)), (2,))}
    >>> mean_outputs(losses, jnp.ones((1, 2)), batch, sites)
    {'hidden': Array([2., 2.], dtype=float32)}
    """
    found = output_statistics(tapped, params, batches, sites, chunk_size=chunk_size)
    return {name: each.mean for name, each in found.items()}


def wide(x: jax.Array) -> jax.Array:
    """An array in float32 or wider, in which outputs are added up."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def mean_of_examples(values: jax.Array, batch) -> jax.Array:
    """The weighted mean of [B, C] over the examples of a batch: [C].

    >>> values = jnp.array([[1.0], [3.0]])
    >>> mean_of_examples(values, {"weight": jnp.array([3.0, 1.0])}).tolist()
    [1.5]
    """
    weight = weighting.of_batch(batch)
    return jax.vmap(weighting.weighted_mean, (1, None))(values, weight)


@jax.jit
def _call(function, params, batch):
    return function(params, batch)


def _statistics(sites, tapped, params, batch):
    tap, seen = recording()
    tapped(params, batch, tap)
    return {name: of_units(as_units(site, seen[name]), batch) for name, site in sites}


def of_units(x: jax.Array, batch) -> Outputs:
    """The statistics of units [B, positions, C] over the examples of a batch."""
    x, weight = wide(x), weighting.of_batch(batch)

    def mean(values):
        return mean_of_examples(values.mean(axis=1), batch)

    # Around an output that counts: a constant has no deviation, and no rounding.
    heaviest = 0 if weight is None else weighting.of_examples(weight).argmax()
    around = x[heaviest, 0]
    center = around + mean(x - around)
    return Outputs(
        center,
        mean((x - center) ** 2),
        mean(jnp.abs(x)),
        mean((x != 0).astype(x.dtype)),
    )


@jax.jit
def _combined(parts):
    weights = jnp.stack([weight for weight, _ in parts])
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *(each for _, each in parts))

    def mean(values):
        w = weights.astype(values.dtype)[:, None]
        return jnp.where(w != 0, w * values, 0).sum(axis=0) / w.sum()

    def combine(each: Outputs) -> Outputs:
        around = each.mean[weights.argmax()]
        center = around + mean(each.mean - around)
        variance = mean(each.variance + (each.mean - center) ** 2)
        return Outputs(center, variance, mean(each.absolute), mean(each.nonzero))

    def outputs(x):
        return isinstance(x, Outputs)

    return jax.tree.map(combine, stacked, is_leaf=outputs)
