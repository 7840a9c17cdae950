"""Scores of weights: how much each is worth keeping, LARGER = KEEP; one score a file.

Each is `score(loss_fn, params, batches, masks=None, key=None, **settings)` and returns
a pytree of the structure and shapes of `params`, -inf where the mask is False, so that
what is pruned never comes back in the place of a live weight. It is of the network
inside the masks: parameters are zero where a mask is False, whatever was there. The
batches are as everywhere (`landscape.derivatives`); the loss is the mean over a batch,
deterministic and without statistics of the batch. Every leaf has scores, biases too:
callers choose what they prune. A score that is no number is refused with the name of
its leaf, unless the score is computed within jit. `landscape.registries.scores.SCORES`
has the names. SNIP is `taylor1.score_abs`; `synflow` takes a function of the outputs in
the place of the loss.

A score that needs nothing, or gradients alone, also has `entries(params, grads, key)`,
which is pure: what a mask update inside a compiled step uses.
"""

from landscape.sparsity.saliency import (
    at_random,
    empirical_fisher,
    grasp,
    hessian_product,
    loss_change,
    magnitude,
    obd,
    synflow,
    taylor1,
    taylor2,
)
from landscape.sparsity.saliency.scoring import check_comparable

__all__ = [
    "at_random",
    "check_comparable",
    "empirical_fisher",
    "grasp",
    "hessian_product",
    "loss_change",
    "magnitude",
    "obd",
    "synflow",
    "taylor1",
    "taylor2",
]
