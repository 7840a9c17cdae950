"""The flags of the study."""

from dataclasses import dataclass
from typing import ClassVar

from analysis.studies import study
from landscape.errors import require


@dataclass(frozen=True)
class Config(study.SparseStudyOptions):
    NAME = "difficulty"
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "scale": ("digits", "mnist", "cifar10", "cifar10-full")
    }
    GROUPS: ClassVar[dict[str, str]] = {"num_examples": "data"}

    scale: str = "digits"
    """The data set, and the sizes that go with it. cifar10 is 10,000 images of it for a
    CPU, cifar10-full all of them for a GPU."""
    model: str | None = None
    """Another model than the scale's own. That is lenet300 on digits and mnist, resnet8
    on cifar10, resnet20 on cifar10-full."""
    num_seeds: int | None = None
    """Number of seeds; default: 5, on cifar10 3, on cifar10-full 1."""
    num_examples: int | None = None
    """Training examples that paths are evaluated on; default: all, on cifar10 2,048."""

    def __post_init__(self):
        super().__post_init__()
        require(
            self, "num_examples", self.num_examples is None or self.num_examples > 0
        )
