"""Removal saliency: the removal penalty of all units from one backward pass."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from landscape.aliases import Batches, Params
from landscape.units.scores.first_order import first_order_changes
from landscape.units.sites import Site
from landscape.units.structure import Spec
from landscape.units.taps import Tapped


def removal_saliency(
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    spec: Spec | None = None,
    key: jax.Array | None = None,
    *,
    absolute: str = "examples",
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """Mean over examples of |sum -a dL/da|, the sum over positions and sites.

    The first order of `removal_penalty` (Molchanov et al. 2017, with the absolute value
    of each example). Arguments as in `mean_replacement_saliency`.

    >>> from landscape.units.structure import Axis
    >>> def losses(w, batch, tap):
    ...     return (tap("hidden", batch @ w) ** 2).sum(axis=1)
    >>> sites = {"hidden": Site(Axis(("hidden",)), (2,))}
    >>> batch = jnp.array([[1.0], [3.0]])
    >>> removal_saliency(losses, jnp.array([[1.0, 2.0]]), batch, sites)
    {'hidden': Array([10., 40.], dtype=float32)}
    """
    zeros = {name: jnp.zeros(site.size) for name, site in sites.items()}
    return first_order_changes(
        losses, params, batches, sites, zeros, absolute=absolute, chunk_size=chunk_size
    )
