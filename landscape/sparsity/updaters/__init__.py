"""Mask updaters: functions that return an `Updater`."""

from landscape.sparsity.updaters.at_initialisation import (
    masks_at_initialisation,
    scored_at_initialisation,
)
from landscape.sparsity.updaters.constant import fixed, static
from landscape.sparsity.updaters.gradual import pruning

__all__ = [
    "fixed",
    "masks_at_initialisation",
    "pruning",
    "scored_at_initialisation",
    "static",
]
