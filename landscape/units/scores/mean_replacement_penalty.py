"""Mean replacement penalty: the oracle of a unit's use."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from landscape import derivatives
from landscape.aliases import Batches, Params
from landscape.units.outputs import mean_outputs
from landscape.units.scores.loss_changes import loss_changes
from landscape.units.sites import Site
from landscape.units.structure import Spec
from landscape.units.taps import Tapped


def mean_replacement_penalty(
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    spec: Spec | None = None,
    key: jax.Array | None = None,
    *,
    means: Mapping[str, jax.Array] | None = None,
    signed: bool = False,
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """|L(unit replaced by its mean output) - L|: one forward pass a unit.

    The mean is over examples and positions, and takes the unit's place at all its
    sites: after the activation what the next layers read (Evci et al., mean replacement
    pruning), before it what the unit's own layer puts out (Evci 2018).

    Args:
      losses, params, batches, sites, chunk_size: as in `loss_changes`.
      spec, key: not used.
      means: by site, [C]: as `mean_outputs` of other data gives them, those of the
        training data judged on test data say; those of `batches` by default.
      signed: the change itself, negative where the loss falls.

    Returns:
      By group, [n], in nats.

    >>> from landscape.units.structure import Axis
    >>> def losses(w, batch, tap):
    ...     return (tap("hidden", batch @ w) ** 2).sum(axis=1)
    >>> sites = {"hidden": Site(Axis(("hidden",)), (2,))}
    >>> batch = jnp.array([[1.0], [3.0]])
    >>> mean_replacement_penalty(losses, jnp.array([[1.0, 2.0]]), batch, sites)
    {'hidden': Array([1., 4.], dtype=float32)}
    """
    # A loader is read once: two passes follow.
    batches = derivatives.as_batches(batches, chunk_size)
    if means is None:
        means = mean_outputs(losses, params, batches, sites, chunk_size=chunk_size)
    changes = loss_changes(losses, params, batches, sites, means, chunk_size=chunk_size)
    return changes if signed else jax.tree.map(jnp.abs, changes)
