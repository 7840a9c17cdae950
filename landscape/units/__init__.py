"""Units of a network: neurons and channels, where they are seen, and what they do."""

from landscape.units.outputs import Outputs, mean_outputs, output_statistics
from landscape.units.scores import (
    mean_replacement_penalty,
    mean_replacement_saliency,
    removal_penalty,
    removal_saliency,
    unit_scores,
)
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
    "Outputs",
    "Site",
    "Spec",
    "Tap",
    "Tapped",
    "check_taps",
    "group_sizes",
    "mean_outputs",
    "mean_replacement_penalty",
    "mean_replacement_saliency",
    "output_statistics",
    "recording",
    "removal_penalty",
    "removal_saliency",
    "replacing",
    "sequential",
    "sites_of",
    "specification",
    "tapped_logits",
    "tapped_losses",
    "unit_scores",
]
