"""The loss change at the removal of each single weight, by rank-one updates."""

from landscape.units.single_weights.linear_layers import layer_sites
from landscape.units.single_weights.oracle import removal_changes

__all__ = ["layer_sites", "removal_changes"]
