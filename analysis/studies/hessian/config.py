"""The flags of the study."""

from dataclasses import dataclass
from typing import ClassVar

from analysis.studies import study


@dataclass(frozen=True)
class Config(study.StudyOptions):
    NAME = "hessian"
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"scale": ("digits", "mnist")}

    scale: str = "digits"
    """The data set of the networks; the blobs are the same in both."""
    num_seeds: int | None = None
    """Number of seeds; default: 3."""
