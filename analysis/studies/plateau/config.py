"""The flags of the study."""

from dataclasses import dataclass
from typing import ClassVar

from analysis.studies import study


@dataclass(frozen=True)
class Config(study.StudyOptions):
    NAME = "plateau"
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "scale": ("digits", "blobs", "cifar10")
    }

    scale: str = "digits"
    """The data set, and the sizes that go with it. Layers are dense on digits and blobs
    (of 100 classes), convolutions on cifar10."""
    num_seeds: int | None = None
    """Number of seeds; default: 3, on cifar10 2."""
