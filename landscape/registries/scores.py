"""What scores there are of weights and of units, as strings; imports nothing heavy.

A score is larger for what is to be kept. A new one is a row here and a function, named
as `module:function`, in a file of its own.
"""

from typing import NamedTuple


class Score(NamedTuple):
    """How much each weight is worth keeping: larger = keep.

    Attributes:
      name: the value of --score.
      score: `(loss_fn, params, batches, masks, key, **settings)`, which returns a
        pytree of the structure of the parameters, as `module:function`.
      needs: "nothing", "grads" (the gradient alone: of one batch, or of many), "loss"
        (the loss over data) or "model" (`model_fn(params, batch) -> outputs` in the
        place of `loss_fn`; of the batches shapes alone).
      settings: names of the keyword arguments of `score`.
    """

    name: str
    score: str
    needs: str
    settings: tuple[str, ...] = ()

    @property
    def of_data(self) -> bool:
        """Whether it looks at examples."""
        return self.needs in ("grads", "loss")

    @property
    def entries(self) -> str:
        """`(params, grads, key)`, the scores inside a compiled step, where the loss is
        not needed: in the file of `score`, by the same name except its beginning."""
        return self.score.replace(":score", ":entries")


class UnitScore(NamedTuple):
    """How much each unit is worth keeping: larger = keep.

    Attributes:
      name: the value of --score.
      score: `(losses, params, batches, sites, spec, key, **settings)`, which returns an
        array [units] for each group, as `module:function`.
      needs: "nothing" (but parameters), "outputs" (one forward pass), "grads" (one
        forward and one backward pass) or "losses" (one forward pass a unit).
      fixed: keyword arguments of `score`, and their values.
    """

    name: str
    score: str
    needs: str
    fixed: tuple[tuple[str, str], ...] = ()


_CHUNKS = ("chunk_size",)
_BLOCKS = ("block_size", "chunk_size")
_ONE_BY_ONE = ("layers", "at_once", "chunk_size", "report")
SCORES = {
    name: Score(name, f"landscape.sparsity.saliency.{function}", needs, settings)
    for name, function, needs, settings in (
        ("magnitude", "magnitude:score", "nothing", ()),
        ("at_random", "at_random:score", "nothing", ()),
        ("taylor1", "taylor1:score", "grads", _CHUNKS),
        ("taylor1_abs", "taylor1:score_abs", "grads", _CHUNKS),
        ("taylor2", "taylor2:score", "loss", ("scale", *_CHUNKS)),
        ("taylor2_abs", "taylor2:score_abs", "loss", ("scale", *_CHUNKS)),
        ("hessian_product", "hessian_product:score", "loss", _CHUNKS),
        ("hessian_product_abs", "hessian_product:score_abs", "loss", _CHUNKS),
        ("obd", "obd:score", "loss", _BLOCKS),
        ("obd_hutchinson", "obd:score_hutchinson", "loss", ("num_probes", *_BLOCKS)),
        ("empirical_fisher", "empirical_fisher:score", "loss", _CHUNKS),
        ("grasp", "grasp:score", "loss", _CHUNKS),
        ("synflow", "synflow:score", "model", ()),
        ("loss_change", "loss_change:score", "loss", _ONE_BY_ONE),
    )
}
"""Scores of weights; SNIP's is taylor1_abs."""

PASSES = {
    "magnitude": 0, "at_random": 0, "taylor1": 3, "taylor1_abs": 3, "taylor2": 6,
    "taylor2_abs": 6, "hessian_product": 6, "hessian_product_abs": 6, "grasp": 6,
    "synflow": 3, "empirical_fisher": 3,
}  # fmt: skip
"""What a score costs, in forward passes an example: 3 a gradient, 6 a gradient and one
product with the Hessian. Those with many products are not here."""

NUM_EXAMPLES = 1024
"""Training examples that scores are of, unless --score-examples says how many."""

_SIGNED = (("absolute", "none"),)
UNIT_SCORES = {
    name: UnitScore(name, f"landscape.units.scores.{function}", needs, fixed)
    for name, function, needs, fixed in (
        ("mrp", "mean_replacement_penalty:mean_replacement_penalty", "losses", ()),
        ("rp", "removal_penalty:removal_penalty", "losses", ()),
        ("mrs", "mean_replacement_saliency:mean_replacement_saliency", "grads", ()),
        (
            "mrs_signed",
            "mean_replacement_saliency:mean_replacement_saliency",
            "grads",
            _SIGNED,
        ),
        ("rs", "removal_saliency:removal_saliency", "grads", ()),
        ("rs_signed", "removal_saliency:removal_saliency", "grads", _SIGNED),
        ("norm", "norm:norm", "nothing", ()),
        ("group_magnitude", "norm:group_magnitude", "nothing", ()),
        ("activation_mean", "activations:activation_mean", "outputs", ()),
        ("activation_std", "activations:activation_std", "outputs", ()),
        ("apoz", "activations:apoz", "outputs", ()),
        ("at_random", "at_random:at_random", "nothing", ()),
    )
}
"""Scores of units: mean replacement (mr) and removal (r), their penalties (p: the
oracles) and saliencies (s: to first order), and what knows no loss."""
