"""The constants that units are for the layers that read them."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from landscape.aliases import Batch
from landscape.callables import Static
from landscape.errors import InputError
from landscape.machine.backend import in_full_precision
from landscape.objective import Objective
from landscape.units.removal.network import Network
from landscape.units.sites import Site, as_units, sites_of
from landscape.units.structure import Spec
from landscape.units.taps import recording, replacing, tapped_logits


def constants_after(
    objective: Objective,
    spec: Spec,
    network: Network,
    batch: Batch,
    before: Mapping[str, jax.Array],
) -> dict[str, jax.Array]:
    """What the next layers read where units put out constants, at each site: [C].

    The units' outputs are replaced before the activation, and what comes out of batch
    norm, activation and pooling is read: all that lies between must treat a unit
    without looking at the others, as it does in the networks of `landscape.models`.

    Args:
      objective: of a Linen model.
      spec: which axes are units.
      network: of which the constants are.
      batch: an example or more, of any values.
      before: constants [C] at each of `sites_of(spec, params, "before")`, such as the
        `mean_outputs` there.

    Returns:
      Constants at each of `sites_of(spec, params, "after")`.

    Raises:
      InputError: a unit is not constant where it is read.

    >>> from landscape.models import MLP
    >>> from landscape.units import specification
    >>> model, x = MLP((3,), 2), jnp.ones((1, 4))
    >>> params = model.init(jax.random.key(0), x)["params"]
    >>> batch = {"image": x, "label": jnp.zeros(1, int)}
    >>> means = {"Dense_0": jnp.array([-1.0, 0.5, 2.0])}
    >>> constants_after(
    ...     Objective(model), specification(model, params), Network(params, {}), batch,
    ...     means,
    ... )["Dense_1"].tolist()
    [0.0, 0.5, 2.0]
    """
    after = sites_of(spec, network.params, rules=objective.rules)
    outputs = sites_of(spec, network.params, "before", objective.rules)
    # An output and an input of one layer are two sites.
    named = {f"before {name}": site for name, site in outputs.items()}
    tapped = tapped_logits(objective, network.batch_stats, after | named)
    every = {group: np.ones(n, bool) for group, n in spec.sizes.items()}
    values = {f"before {name}": before[name] for name in outputs}
    tap = Partial(Static(_replace, (tuple(named.items()),)), every, values)
    found = {}
    for name, (mean, same) in seen(tapped, network, batch, after, tap).items():
        if not np.all(same):
            raise InputError(
                f"{name} reads a constant as one that is not the same at all positions:"
                " something between the layers pads with zeros."
            )
        found[name] = mean
    return found


def replacement(
    sites: Mapping[str, Site],
    chosen: Mapping[str, jax.Array],
    values: Mapping[str, jax.Array],
) -> Partial:
    """`replacing` as an argument of a jitted function, compiled once for any values."""
    return Partial(Static(_replace, (tuple(sites.items()),)), chosen, values)


def _replace(sites, chosen, values, name, x):
    sites = dict(sites)
    return replacing(sites, chosen, values)(name, x) if name in sites else x


def seen(tapped, network, batch, sites, tap) -> dict[str, tuple]:
    """At each site the means [C] over examples and positions; whether all are equal."""
    return _seen(tuple(sites.items()), tapped, network.params, batch, tap)


@jax.jit(static_argnums=0)
def _seen(sites, tapped, params, batch, tap):
    tap, at = recording(tap)
    in_full_precision(tapped)(params, batch, tap)

    def look(site, x):
        x = as_units(site, x)
        x = x.reshape(-1, x.shape[-1])
        # Sums in another order are another constant by rounding.
        eps, size = jnp.finfo(x.dtype).eps, jnp.abs(x).max(axis=0)
        rounding = 100 * eps * size.max() + jnp.sqrt(eps) * size
        return x.mean(axis=0), x.max(axis=0) - x.min(axis=0) <= rounding

    return {name: look(site, at[name]) for name, site in sites}
