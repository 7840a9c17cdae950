"""The flags of the study."""

from dataclasses import dataclass
from typing import ClassVar

from analysis.studies import study


@dataclass(frozen=True)
class Config(study.SparseStudyOptions):
    NAME = "subspace"
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"scale": ("digits", "mnist")}

    scale: str = "digits"
    """The data set, with LeNet-300-100."""
    num_seeds: int | None = None
    """Seeds of the solutions; default: 3."""
