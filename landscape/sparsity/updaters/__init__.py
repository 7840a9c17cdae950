"""Mask updaters: functions that return an `Updater`."""

from landscape.sparsity.updaters.constant import fixed, starting_from, static
from landscape.sparsity.updaters.gradual import pruning

__all__ = ["fixed", "pruning", "starting_from", "static"]
