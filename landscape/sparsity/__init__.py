"""Sparse networks: masks, how many weights each layer keeps, which, and when."""

from landscape.sparsity import (
    accounting,
    choices,
    masks,
    saliency,
    selection,
    training_cost,
    updaters,
)
from landscape.sparsity.distributions import kept_counts, kept_in_groups
from landscape.sparsity.mask_overlap import Overlap, ever_active, overlap
from landscape.sparsity.masked import (
    SparseState,
    masked_update,
    scored_update,
    sparse_state,
)
from landscape.sparsity.masks import prunable
from landscape.sparsity.updater import Updater

__all__ = [
    "Overlap",
    "SparseState",
    "Updater",
    "accounting",
    "choices",
    "ever_active",
    "kept_counts",
    "kept_in_groups",
    "masked_update",
    "masks",
    "overlap",
    "prunable",
    "saliency",
    "scored_update",
    "selection",
    "sparse_state",
    "training_cost",
    "updaters",
]
