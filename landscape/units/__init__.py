"""Units of a network: neurons and channels, where they are seen, and what they do."""

from landscape.units.dead import (
    constant_units,
    dead_since,
    dead_units,
)
from landscape.units.outputs import Outputs, mean_outputs, output_statistics
from landscape.units.removal import (
    Network,
    Plan,
    budget,
    constants_after,
    corrected,
    describe,
    idle_units,
    logit_error,
    plan_removal,
    record,
    remove,
    replaced,
    shrink,
    take,
)
from landscape.units.scores import (
    mean_replacement_penalty,
    mean_replacement_saliency,
    removal_penalty,
    removal_saliency,
    unit_scores,
)
from landscape.units.single_weights import layer_sites, removal_changes
from landscape.units.sites import Site, group_sizes, sites_of
from landscape.units.structure import Axis, Spec, sequential, specification
from landscape.units.taps import (
    Tap,
    Tapped,
    check_taps,
    recording,
    replacing,
    tapped_logits,
    tapped_losses,
)

__all__ = [
    "Axis",
    "Network",
    "Outputs",
    "Plan",
    "Site",
    "Spec",
    "Tap",
    "Tapped",
    "budget",
    "check_taps",
    "constant_units",
    "constants_after",
    "corrected",
    "dead_since",
    "dead_units",
    "describe",
    "group_sizes",
    "idle_units",
    "layer_sites",
    "logit_error",
    "mean_outputs",
    "mean_replacement_penalty",
    "mean_replacement_saliency",
    "output_statistics",
    "plan_removal",
    "record",
    "recording",
    "removal_changes",
    "removal_penalty",
    "removal_saliency",
    "remove",
    "replaced",
    "replacing",
    "sequential",
    "shrink",
    "sites_of",
    "specification",
    "take",
    "tapped_logits",
    "tapped_losses",
    "unit_scores",
]
