"""Mask updaters: functions that return an `Updater`, and masks of the next level."""

from landscape.sparsity.updaters.constant import fixed, starting_from, static
from landscape.sparsity.updaters.gradual import pruning
from landscape.sparsity.updaters.levels import next_masks

__all__ = ["fixed", "next_masks", "pruning", "starting_from", "static"]
