"""Mask updaters: functions that return an `Updater`."""

from landscape.sparsity.updaters.constant import fixed, static
from landscape.sparsity.updaters.gradual import pruning

__all__ = ["fixed", "pruning", "static"]
