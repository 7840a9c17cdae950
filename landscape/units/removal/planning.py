"""Which units of a network go, which must stay, and why.

A unit is removed by a constant in its place at the inputs of the layers that read it:
0, or its mean. Their outputs then shift by a constant that their biases hold, or the
means of the batch norms behind them; where they cannot, the unit stays. Units without a
kept weight to what is left of a layer do nothing, and go; those without a kept weight
from it are constants, and go too, until nothing changes.
"""

from collections.abc import Mapping

import jax
import numpy as np

from landscape import layout, trees
from landscape.aliases import Batch
from landscape.errors import InputError, check_choice
from landscape.objective import Objective
from landscape.units.removal.connections import at, without_input, without_output
from landscape.units.removal.draft import Draft
from landscape.units.removal.network import Network
from landscape.units.removal.plan import Plan
from landscape.units.structure import Spec


def plan_removal(
    objective: Objective,
    spec: Spec,
    network: Network,
    batch: Batch,
    chosen: Mapping[str, np.ndarray] | None = None,
    constants: Mapping[str, jax.Array] | None = None,
    *,
    approximate: bool = False,
) -> Plan:
    """Plans the removal of chosen units, and of those that sparsity has left idle.

    Args:
      objective: of a Linen model.
      spec: which axes are units.
      network: parameters, statistics and masks.
      batch: a few examples, which tell the shape of an image, and what units without
        input put out.
      chosen: by group, booleans [n]: the units that are to go; None: none.
      constants: by site (`sites_of(spec, params)`), [C]: what takes the place of each
        unit, as from `mean_outputs` or `constants_after`; None: 0.
      approximate: units go even where a constant is none at the border of an image; the
        mean of it over the positions moves.

    Raises:
      InputError: a group, a site or a shape is not that of the network, a constant of
        a chosen unit is not finite, or a norm is over units (layer norm).
    """
    _refuse_norms_over_units(objective, spec, network)
    draft = Draft(objective, spec, network, batch, approximate)
    wanted = _checked_units(spec, chosen or {})
    given = _checked_constants(draft.readers, constants or {}, wanted)
    while True:
        before = sum(int(r.sum()) for r in draft.removed.values())
        draft.remove("chosen", wanted, given)
        idle = without_output(spec, draft.found, draft.removed)
        draft.remove("no output", idle, draft.zeros())
        idle = without_input(spec, draft.found, draft.removed)
        if any(units.any() for units in draft.left(idle).values()):
            draft.remove("no input", idle, draft.measured())
        if before == sum(int(r.sum()) for r in draft.removed.values()):
            return draft.plan()


def _refuse_norms_over_units(objective, spec, network):
    """Those that are left would be normalised by others, which are fewer."""
    statistics = trees.named_leaves(network.batch_stats)
    leaves = layout.leaves(network.params, objective.rules)
    kernels = [name for name, leaf in leaves.items() if leaf.kind == "kernel"]
    layers = {name.rpartition("/")[0] for name in kernels}
    for name, leaf in leaves.items():
        layer = name.rpartition("/")[0]
        # A norm without a scale is a bias without a kernel.
        norm = leaf.kind == "norm" or (leaf.kind == "bias" and layer not in layers)
        of_units = norm and any(spec.axes.get(name, ()))
        # Batch norm is over examples: it has a mean of each unit.
        if of_units and f"{layer}/mean" not in statistics:
            raise InputError(
                f"no unit can be removed in front of {layer}, which normalises over"
                " units: the others' outputs would change."
            )


def _checked_units(spec, chosen):
    units = {}
    for group, picked in chosen.items():
        size = spec.sizes[check_choice("group of units", group, spec.sizes)]
        units[group] = np.asarray(picked)
        if units[group].shape != (size,) or units[group].dtype != bool:
            raise InputError(
                f"the chosen units of {group} are {size} booleans, not"
                f" {units[group].dtype}{list(units[group].shape)}."
            )
    return {g: units.get(g, np.zeros(n, bool)) for g, n in spec.sizes.items()}


def _checked_constants(readers, constants, chosen):
    values = {name: np.zeros(reader.site.size) for name, reader in readers.items()}
    for name, given in constants.items():
        site = readers[check_choice("site of units", name, readers)].site
        values[name] = np.asarray(given, float)
        if values[name].shape != (site.size,):
            raise InputError(
                f"the constants of {name} are {site.size} numbers, not of shape"
                f" {values[name].shape}."
            )
        if not np.isfinite(values[name][at(site.axis, chosen)]).all():
            raise InputError(f"a constant of the chosen units at {name} is not finite.")
    return values
