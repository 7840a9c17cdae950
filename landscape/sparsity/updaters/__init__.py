"""Mask updaters: functions that return an `Updater`."""

from landscape.sparsity.updaters.constant import fixed, starting_from, static
from landscape.sparsity.updaters.evolution import evolving
from landscape.sparsity.updaters.gradual import pruning
from landscape.sparsity.updaters.rigged import rigl

__all__ = ["evolving", "fixed", "pruning", "rigl", "starting_from", "static"]
