"""Units of a network: neurons and channels, where they are seen, and what they do.

Of a plain dict of arrays: which axes are units, where the next layer reads them, losses
that let them be replaced there (`tapped_losses` makes these of a Linen module, whose
`Spec` is `specification(model, params)`), and what each does to the loss.

>>> import jax
>>> import jax.numpy as jnp
>>> from landscape import units
>>> params = {
...     "first": {"kernel": jnp.array([[1.0, -1.0, 2.0]]), "bias": jnp.zeros(3)},
...     "last": {"kernel": jnp.array([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])},
... }
>>> spec = units.sequential(params, ["first", "last"])
>>> sites = units.sites_of(spec, params)
>>> def tapped_losses(params, batch, tap):
...     first, last = params["first"], params["last"]
...     hidden = jax.nn.relu(batch["image"] @ first["kernel"] + first["bias"])
...     log_p = jax.nn.log_softmax(tap("last", hidden) @ last["kernel"])
...     return -jnp.take_along_axis(log_p, batch["label"][:, None], axis=1)[:, 0]
>>> batch = {"image": jnp.array([[2.0], [-2.0]]), "label": jnp.array([0, 1])}
>>> penalty = units.mean_replacement_penalty(tapped_losses, params, batch, sites)
>>> [f"{change:.2f}" for change in penalty["first"]]
['0.34', '0.11', '0.00']
>>> units.dead_units(penalty, loss=0.07, tolerance=1e-4)["first"].tolist()
[False, False, True]

Inside: `scores` of units, `removal` of units (`plan_removal`, `remove`, `shrink`) and
`single_weights`, what the removal of each weight does. Elsewhere: scores of weights are
in `landscape.sparsity.saliency`, units matched between two networks in
`analysis.alignment`; `python -m analysis.units RUN` shows those of a run.
"""

from landscape.units.dead import (
    constant_units,
    dead_since,
    dead_units,
)
from landscape.units.outputs import Outputs, mean_outputs, output_statistics
from landscape.units.removal import (
    Network,
    Plan,
    budget,
    constants_after,
    corrected,
    describe,
    idle_units,
    logit_error,
    plan_removal,
    record,
    remove,
    replaced,
    shrink,
    take,
)
from landscape.units.scores import (
    mean_replacement_penalty,
    mean_replacement_saliency,
    removal_penalty,
    removal_saliency,
    unit_scores,
)
from landscape.units.single_weights import layer_sites, removal_changes
from landscape.units.sites import Site, group_sizes, sites_of
from landscape.units.structure import Axis, Spec, sequential, specification
from landscape.units.taps import (
    Tap,
    Tapped,
    check_taps,
    recording,
    replacing,
    tapped_logits,
    tapped_losses,
)

__all__ = [
    "Axis",
    "Network",
    "Outputs",
    "Plan",
    "Site",
    "Spec",
    "Tap",
    "Tapped",
    "budget",
    "check_taps",
    "constant_units",
    "constants_after",
    "corrected",
    "dead_since",
    "dead_units",
    "describe",
    "group_sizes",
    "idle_units",
    "layer_sites",
    "logit_error",
    "mean_outputs",
    "mean_replacement_penalty",
    "mean_replacement_saliency",
    "output_statistics",
    "plan_removal",
    "record",
    "recording",
    "removal_changes",
    "removal_penalty",
    "removal_saliency",
    "remove",
    "replaced",
    "replacing",
    "sequential",
    "shrink",
    "sites_of",
    "specification",
    "take",
    "tapped_logits",
    "tapped_losses",
    "unit_scores",
]
