"""The flags of the study."""

from dataclasses import dataclass
from typing import ClassVar

from analysis.studies import study
from landscape.errors import require


@dataclass(frozen=True)
class Config(study.SparseStudyOptions):
    NAME = "difficulty"
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "scale": ("digits", "mnist", "cifar10")
    }
    GROUPS: ClassVar[dict[str, str]] = {"num_examples": "data"}

    scale: str = "digits"
    """The data set, and the sizes that go with it."""
    model: str | None = None
    """Another model than the scale's own. That is lenet300 on digits and mnist,
    resnet20 on cifar10."""
    num_seeds: int | None = None
    """Number of seeds; default: 5, on cifar10 1."""
    num_examples: int | None = None
    """Training examples that paths are evaluated on; default: all."""

    def __post_init__(self):
        super().__post_init__()
        require(
            self, "num_examples", self.num_examples is None or self.num_examples > 0
        )
