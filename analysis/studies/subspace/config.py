"""The flags of the study."""

from dataclasses import dataclass

from analysis.studies import study


@dataclass(frozen=True)
class Config(study.SparseStudyOptions):
    NAME = "subspace"
    SCALES = ("digits", "mnist")

    scale: str = "digits"
    """digits or mnist (LeNet-300-100)."""
    num_seeds: int | None = None
    """Seeds of the solutions; default: 3."""
