"""Mask updaters: functions that return an `Updater`, and masks of the next level."""

from landscape.sparsity.updaters.acdc import acdc
from landscape.sparsity.updaters.at_initialisation import (
    masks_at_initialisation,
    scored_at_initialisation,
)
from landscape.sparsity.updaters.constant import (
    fixed,
    starting_from,
    static,
    unchanging,
)
from landscape.sparsity.updaters.evolution import evolving
from landscape.sparsity.updaters.gradual import pruning
from landscape.sparsity.updaters.levels import next_masks
from landscape.sparsity.updaters.n_of_m import n_of_m
from landscape.sparsity.updaters.rigged import rigl
from landscape.sparsity.updaters.straight_through import (
    straight_through,
    unchanging_latent,
)

__all__ = [
    "acdc",
    "evolving",
    "fixed",
    "masks_at_initialisation",
    "n_of_m",
    "next_masks",
    "pruning",
    "rigl",
    "scored_at_initialisation",
    "starting_from",
    "static",
    "straight_through",
    "unchanging",
    "unchanging_latent",
]
