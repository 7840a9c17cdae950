"""The first-order loss change of all units at once: one forward and one backward pass.

With a the outputs of a unit on an example, c the constant that would take their place,
and dL/da the gradient of the example's loss, the change is sum (c - a) dL/da over the
unit's positions and sites.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape import derivatives
from landscape.aliases import Batches, Params
from landscape.callables import Static, as_partial
from landscape.errors import check_choice
from landscape.machine.backend import in_full_precision
from landscape.units.outputs import mean_of_examples, mean_outputs, of_units, wide
from landscape.units.sites import Site, added, as_units
from landscape.units.taps import Tapped, check_taps, recording

ABSOLUTE = ("examples", "positions", "none")
"""Of what the absolute value is taken before the mean over examples."""


def first_order_changes(
    losses: Tapped,
    params: Params,
    batches: Batches,
    sites: Mapping[str, Site],
    values: Mapping[str, jax.Array] | None,
    *,
    absolute: str = "examples",
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """The mean over examples of (c - a) dL/da of each unit: by group, [n].

    Args:
      losses, params, batches, sites, chunk_size: as in `loss_changes`.
      values: by site, [C]: the constants c; None: the means over `batches`, taken from
        the same forward pass, or with several batches or chunks from one more.
      absolute: "examples": |sum over positions and sites| (Deadunits); "positions":
        sum of the absolute values (the thesis); "none": signed.

    Raises:
      InputError: another value of `absolute`; as `loss_changes`.
    """
    check_choice("absolute value", absolute, ABSOLUTE)
    batches = derivatives.as_batches(batches, chunk_size)
    check_taps(losses, params, batches[0], sites)
    whole = chunk_size is None or chunk_size >= derivatives.num_examples(batches[0])
    if values is None and (len(batches) > 1 or not whole):
        values = mean_outputs(losses, params, batches, sites, chunk_size=chunk_size)
    settings = (tuple(sites.items()), absolute)
    function = Partial(Static(_changes, settings), as_partial(losses))
    return derivatives.average(function, batches, params, values, chunk_size=chunk_size)


def _changes(sites, absolute, losses, params, values, batch):
    seen, gradients = _outputs_and_gradients(losses, params, batch)
    changes = {}
    for name, site in sites:
        a, gradient = (wide(as_units(site, x[name])) for x in (seen, gradients))
        c = of_units(a, batch).mean if values is None else values[name]
        # What differs from the constant by rounding alone does not differ: the values
        # may come from another program.
        rounding = 4 * jnp.finfo(a.dtype).eps * jnp.abs(c)
        change = jnp.where(jnp.abs(c - a) <= rounding, 0, c - a) * gradient
        changes[name] = (jnp.abs(change) if absolute == "positions" else change).sum(1)
    by_group = added(dict(sites), changes)
    if absolute == "examples":
        by_group = jax.tree.map(jnp.abs, by_group)
    return {group: mean_of_examples(x, batch) for group, x in by_group.items()}


def _outputs_and_gradients(losses, params, batch):
    """The outputs at each site, and the gradient of each example's loss with them."""

    def shapes(params, batch):
        tap, seen = recording()
        losses(params, batch, tap)
        return seen

    def total(perturbations):
        seen = {}

        def tap(name, x):
            seen[name] = x
            return x + perturbations[name]

        return losses(params, batch, tap).sum(), seen

    perturbations = jax.tree.map(
        lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(shapes, params, batch)
    )
    # Whole: a backward rule (custom_vjp) is traced after the loss.
    gradient = in_full_precision(jax.grad(total, has_aux=True))
    gradients, seen = gradient(perturbations)
    return seen, gradients
