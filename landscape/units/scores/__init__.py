"""Scores of units, larger = keep: one signature, one registry.

`score(losses, params, batches, sites, spec, key, chunk_size=..., **settings)` gives an
array [units] for each group; `landscape.registries.scores.UNIT_SCORES` names them.
"""

from landscape.units.scores.activations import activation_mean, activation_std, apoz
from landscape.units.scores.at_random import at_random
from landscape.units.scores.first_order import first_order_changes
from landscape.units.scores.loss_changes import loss_changes
from landscape.units.scores.mean_replacement_penalty import mean_replacement_penalty
from landscape.units.scores.mean_replacement_saliency import mean_replacement_saliency
from landscape.units.scores.named import check_scores, unit_scores
from landscape.units.scores.norm import group_magnitude, norm
from landscape.units.scores.removal_penalty import removal_penalty
from landscape.units.scores.removal_saliency import removal_saliency

__all__ = [
    "activation_mean",
    "activation_std",
    "apoz",
    "at_random",
    "check_scores",
    "first_order_changes",
    "group_magnitude",
    "loss_changes",
    "mean_replacement_penalty",
    "mean_replacement_saliency",
    "norm",
    "removal_penalty",
    "removal_saliency",
    "unit_scores",
]
