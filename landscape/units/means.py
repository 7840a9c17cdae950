"""The mean output of each unit over a data set."""

from collections.abc import Mapping

import jax
from jax.tree_util import Partial

from landscape import derivatives, weighting
from landscape.aliases import Batches, Params
from landscape.callables import Static, as_partial
from landscape.units.sites import Site, as_units
from landscape.units.taps import Tapped, recording


def mean_outputs(
    tapped: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    *,
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """The mean of each unit over examples and positions, at each site: [C].

    An example counts by its weight (`landscape.weighting`), a position as any other.

    Args:
      tapped: losses or logits, tapped at the sites.
      params: of the network.
      batches, chunk_size: as in `landscape.derivatives.average`.
      sites: where units are seen.

    >>> import jax.numpy as jnp
    >>> from landscape.units.structure import Axis
    >>> def losses(w, batch, tap):
    ...     return tap("hidden", batch @ w).sum(axis=1)
    >>> batch = jnp.array([[1.0], [3.0]])
    >>> sites = {"hidden": Site(Axis(("hidden",)), (2,))}
    >>> mean_outputs(losses, jnp.ones((1, 2)), batch, sites)
    {'hidden': Array([2., 2.], dtype=float32)}
    """
    function = Partial(Static(_means, (tuple(sites.items()),)), as_partial(tapped))
    return derivatives.average(function, batches, params, chunk_size=chunk_size)


def _means(sites, tapped, params, batch):
    tap, seen = recording()
    tapped(params, batch, tap)
    weight = weighting.of_batch(batch)

    def mean(site, x):
        each = as_units(site, x).mean(axis=1)
        return jax.vmap(weighting.weighted_mean, (1, None))(each, weight)

    return {name: mean(site, seen[name]) for name, site in sites}
