"""Units of a network: neurons and channels, where they are seen, and what they do."""

from landscape.units.linear_layers import layer_sites
from landscape.units.means import mean_outputs
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
from landscape.units.weight_removal import removal_changes

__all__ = [
    "Axis",
    "Site",
    "Spec",
    "Tap",
    "Tapped",
    "layer_sites",
    "mean_outputs",
    "recording",
    "removal_changes",
    "replacing",
    "sequential",
    "sites_of",
    "specification",
    "tapped_logits",
    "tapped_losses",
]
