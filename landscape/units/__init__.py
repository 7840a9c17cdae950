"""Units of a network: neurons and channels, where they are seen, and what they do."""

from landscape.units import budget, record
from landscape.units.constants import constants_after
from landscape.units.means import mean_outputs
from landscape.units.network import Network
from landscape.units.plan import Plan, describe
from landscape.units.planning import plan_removal, removable_units
from landscape.units.removal import corrected, logit_error, remove, replaced
from landscape.units.shrinking import shrink, take
from landscape.units.sites import Site, sites_of
from landscape.units.structure import Axis, Spec, sequential, specification
from landscape.units.taps import (
    Tap,
    Tapped,
    recording,
    replacing,
    tapped_logits,
    tapped_losses,
)

__all__ = [
    "Axis",
    "Network",
    "Plan",
    "Site",
    "Spec",
    "Tap",
    "Tapped",
    "budget",
    "constants_after",
    "corrected",
    "describe",
    "logit_error",
    "mean_outputs",
    "plan_removal",
    "record",
    "recording",
    "removable_units",
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
]
