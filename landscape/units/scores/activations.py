"""Statistics of a unit's outputs as scores: one forward pass, no loss.

A residual stream is seen at several sites: each counts alike.
"""

from collections import Counter
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from landscape.aliases import Batches, Params
from landscape.units.outputs import output_statistics
from landscape.units.sites import Site, added
from landscape.units.structure import Spec
from landscape.units.taps import Tapped


def activation_mean(
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    spec: Spec | None = None,
    key: jax.Array | None = None,
    *,
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """The mean absolute output of each unit (Molchanov et al. 2017): by group, [n].

    Args:
      losses, params, batches, sites, chunk_size: as in `output_statistics`.
      spec, key: not used.
    """
    return _mean_over_sites("absolute", losses, params, batches, sites, chunk_size)


def activation_std(
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    spec: Spec | None = None,
    key: jax.Array | None = None,
    *,
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """The standard deviation of each unit's output: by group, [n]; 0 if constant.

    Over several sites the root of the mean variance. Arguments as in `activation_mean`.
    """
    variance = _mean_over_sites("variance", losses, params, batches, sites, chunk_size)
    return jax.tree.map(jnp.sqrt, variance)


def apoz(
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    spec: Spec | None = None,
    key: jax.Array | None = None,
    *,
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """The fraction of outputs that are not 0: by group, [n].

    1 - APoZ, the average percentage of zeros (Hu et al. 2016), so that larger is to be
    kept. Arguments as in `activation_mean`.
    """
    return _mean_over_sites("nonzero", losses, params, batches, sites, chunk_size)


def _mean_over_sites(field, losses, params, batches, sites, chunk_size):
    found = output_statistics(losses, params, batches, sites, chunk_size=chunk_size)
    values = {name: getattr(each, field) for name, each in found.items()}
    times = Counter(name for site in sites.values() for name in site.axis.names)
    return {group: x / times[group] for group, x in added(sites, values).items()}
