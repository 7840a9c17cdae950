"""Settings of masks that are found at step 0, and of the weights that start there."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from landscape.errors import InputError
from landscape.registries.methods import AT_INITIALISATION, METHODS, SPARSE_INITS

MASKED_AT_0 = ("static", "scratch", *AT_INITIALISATION, "set", "rigl")
"""Methods whose weights are drawn, and inside a sparse mask at step 0."""


@dataclass(frozen=True)
class AtInitialisation:
    GROUPS: ClassVar[dict[str, str]] = {
        "score_rounds": "snip, grasp, synflow",
        "grasp_temperature": "grasp",
        "sparse_init": "sparsity",
    }
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"sparse_init": SPARSE_INITS}

    score_rounds: int | None = None
    """snip, grasp, synflow: rounds of scoring and removal at step 0. Default: 100 for
    synflow, 1 for the others."""
    per_layer: bool = False
    """snip, grasp, synflow: compare scores within each layer. Its sparsity is that of
    --distribution; otherwise scores are compared over all layers."""
    grasp_temperature: float = 200.0
    """grasp: logits are divided by it in the loss that is scored. As in its authors'
    code: in the loss of training, 1, scores of confident outputs outweigh the rest."""
    sparse_init: str = "dense"
    """Scale of the initial weights inside a mask of step 0. That is of static, scratch,
    snip, grasp, synflow, set and rigl. dense: as if there were none; layer: variance
    over the density of the layer; unit: variance by the number of inputs that each unit
    keeps."""

    def check_at_initialisation(self: Any) -> None:
        """Refuses values that are not allowed."""
        self._require("score_rounds", lambda v: v is None or v >= 1, "at least 1")
        self._require(
            "grasp_temperature",
            lambda v: v > 0 and math.isfinite(v),
            "positive and finite",
        )
        named = (self.method,) if isinstance(self.method, str) else self.method
        for name in named:
            self._check_layers_of(name)
        if self.sparse_init != "dense" and not any(map(self.has_sparse_init, named)):
            raise InputError(
                f"--sparse-init {self.sparse_init} goes with --method"
                f" {_either(MASKED_AT_0)}, not {' '.join(named)}, which starts dense."
            )

    def has_sparse_init(self: Any, method: str) -> bool:
        """Whether a method has masks at step 0, or takes weights of another run, which
        are as they were there."""
        takes = METHODS[method].takes if method in METHODS else ()
        return method in MASKED_AT_0 or "weights" in takes or "solution" in takes

    def _check_layers_of(self: Any, method: str) -> None:
        layers = self.max_sparsity or self.distribution != "uniform"
        if method in AT_INITIALISATION and layers and not self.per_layer:
            raise InputError(
                f"{method} compares all layers: it goes with neither --max-sparsity nor"
                " --distribution, unless --per-layer is given."
            )

    @property
    def rounds_of_scores(self: Any) -> int:
        """Rounds of scoring and removal at step 0."""
        return self.score_rounds or (100 if self.method == "synflow" else 1)


def _either(names: Any) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}"
