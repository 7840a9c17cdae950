"""Removal penalty: the loss change when a unit is 0."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from landscape.aliases import Batches, Params
from landscape.units.scores.loss_changes import loss_changes
from landscape.units.sites import Site
from landscape.units.structure import Spec
from landscape.units.taps import Tapped


def removal_penalty(
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    spec: Spec | None = None,
    key: jax.Array | None = None,
    *,
    signed: bool = False,
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """|L(unit replaced by 0) - L|: one forward pass a unit.

    After the activation that is the loss without the unit's outgoing weights.
    Arguments as in `mean_replacement_penalty`.

    >>> from landscape.units.structure import Axis
    >>> def losses(w, batch, tap):
    ...     return (tap("hidden", batch @ w) ** 2).sum(axis=1)
    >>> sites = {"hidden": Site(Axis(("hidden",)), (2,))}
    >>> batch = jnp.array([[1.0], [3.0]])
    >>> removal_penalty(losses, jnp.array([[1.0, 2.0]]), batch, sites)
    {'hidden': Array([ 5., 20.], dtype=float32)}
    """
    zeros = {name: jnp.zeros(site.size) for name, site in sites.items()}
    changes = loss_changes(losses, params, batches, sites, zeros, chunk_size=chunk_size)
    return changes if signed else jax.tree.map(jnp.abs, changes)
