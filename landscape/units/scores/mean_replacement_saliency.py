"""Mean replacement saliency: the penalty of all units from one backward pass."""

from collections.abc import Mapping

import jax

from landscape.aliases import Batches, Params
from landscape.units.scores.first_order import first_order_changes
from landscape.units.sites import Site
from landscape.units.structure import Spec
from landscape.units.taps import Tapped


def mean_replacement_saliency(
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    spec: Spec | None = None,
    key: jax.Array | None = None,
    *,
    means: Mapping[str, jax.Array] | None = None,
    absolute: str = "examples",
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """Mean over examples of |sum (mean - a) dL/da|, the sum over positions and sites.

    The first order of `mean_replacement_penalty`, of all units from one forward and one
    backward pass; over several chunks the means, unless given, take one forward pass
    more. 0 for units whose output is constant.

    Args:
      losses, params, batches, sites, chunk_size: as in `loss_changes`.
      spec, key: not used.
      means: as in `mean_replacement_penalty`.
      absolute: "examples" as above (Evci et al., mean replacement pruning);
        "positions": of each position before the sum (Evci 2018); "none": signed, the
        loss change to first order.

    Returns:
      By group, [n], in nats.

    >>> import jax.numpy as jnp
    >>> from landscape.units.structure import Axis
    >>> def losses(w, batch, tap):
    ...     return (tap("hidden", batch @ w) ** 2).sum(axis=1)
    >>> sites = {"hidden": Site(Axis(("hidden",)), (2,))}
    >>> batch = jnp.array([[1.0], [3.0]])
    >>> mean_replacement_saliency(losses, jnp.array([[1.0, 2.0]]), batch, sites)
    {'hidden': Array([ 4., 16.], dtype=float32)}
    """
    return first_order_changes(
        losses, params, batches, sites, means, absolute=absolute, chunk_size=chunk_size
    )
