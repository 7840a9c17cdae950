"""The flags of the study."""

from dataclasses import dataclass

from analysis.studies import study
from landscape.errors import require


@dataclass(frozen=True)
class Config(study.SparseStudyOptions):
    NAME = "difficulty"
    SCALES = ("digits", "mnist", "cifar10")

    scale: str = "digits"
    """digits, mnist or cifar10."""
    model: str | None = None
    """Another model than the scale's own (lenet300, lenet300, resnet20)."""
    num_seeds: int | None = None
    """Default: 5, on cifar10 1."""
    num_examples: int | None = None
    """Training examples that paths are evaluated on; default: all."""

    def __post_init__(self):
        super().__post_init__()
        require(
            self, "num_examples", self.num_examples is None or self.num_examples > 0
        )
