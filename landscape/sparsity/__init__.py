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
from landscape.sparsity.initialisation import rescaled
from landscape.sparsity.mask_overlap import Overlap, ever_active, overlap
from landscape.sparsity.masked import (
    SparseState,
    masked_update,
    scored_update,
    sparse_state,
)
from landscape.sparsity.masks import prunable
from landscape.sparsity.sparsified import check, project, rescored
from landscape.sparsity.transformation import SparsifyState, sparsify
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters import masks_at_initialisation

__all__ = [
    "Overlap",
    "SparseState",
    "SparsifyState",
    "Updater",
    "accounting",
    "check",
    "choices",
    "ever_active",
    "kept_counts",
    "kept_in_groups",
    "masked_update",
    "masks",
    "masks_at_initialisation",
    "overlap",
    "project",
    "prunable",
    "rescaled",
    "rescored",
    "saliency",
    "scored_update",
    "selection",
    "sparse_state",
    "sparsify",
    "training_cost",
    "updaters",
]
