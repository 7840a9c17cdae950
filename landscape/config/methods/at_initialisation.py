"""Settings of masks that are found at step 0, and of the weights that start there."""

from dataclasses import dataclass
from typing import Any, ClassVar

from landscape.errors import check_choice

SPARSE_INITS = ("dense", "layer", "unit")


@dataclass(frozen=True)
class AtInitialisation:
    GROUPS: ClassVar[dict[str, str]] = {
        "score_rounds": "snip, grasp, synflow",
        "sparse_init": "sparsity",
    }

    score_rounds: int | None = None
    """snip, grasp, synflow: rounds of scoring and removal; default: 100 for synflow, 1
    for the others."""
    per_layer: bool = False
    """snip, grasp, synflow: compare scores within each layer, whose sparsity is that of
    --distribution, instead of over all layers."""
    sparse_init: str = "dense"
    """Scale of the initial weights inside the mask: dense (as if there were none),
    layer (variance over the density of the layer) or unit (variance by the number of
    inputs that each unit keeps)."""

    def check_at_initialisation(self: Any) -> None:
        """Refuses values that are not allowed."""
        self._require("score_rounds", lambda v: v is None or v >= 1, "at least 1")
        check_choice("sparse initialisation", self.sparse_init, SPARSE_INITS)
