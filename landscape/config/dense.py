"""The settings of a dense run."""

from dataclasses import dataclass, field
from typing import ClassVar

from landscape.config.training import TrainConfig


@dataclass(frozen=True)
class DenseRun(TrainConfig):
    """One dense run, as stored in its folder."""

    GROUPS: ClassVar[dict[str, str]] = {"init_zeros": "model"}

    init_zeros: float = 0.0
    """Fraction of every kernel's initial weights that is zero. They are drawn by the
    seed, and all of them are trained."""
    method: str = field(default="dense", init=False)

    def __post_init__(self):
        super().__post_init__()
        self._require("init_zeros", lambda v: 0 <= v <= 1, "in [0, 1]")
