"""Sparse networks: masks, how many weights each layer keeps, which, and when."""

from landscape.sparsity import accounting, masks, saliency, selection, updaters
from landscape.sparsity.distributions import kept_counts
from landscape.sparsity.initialisation import rescaled
from landscape.sparsity.masked import (
    SparseState,
    masked_update,
    scored_update,
    sparse_state,
)
from landscape.sparsity.masks import prunable
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters import masks_at_initialisation

__all__ = [
    "SparseState",
    "Updater",
    "accounting",
    "kept_counts",
    "masked_update",
    "masks",
    "masks_at_initialisation",
    "prunable",
    "rescaled",
    "saliency",
    "scored_update",
    "selection",
    "sparse_state",
    "updaters",
]
