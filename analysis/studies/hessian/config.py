"""The flags of the study."""

from dataclasses import dataclass

from analysis.studies import study


@dataclass(frozen=True)
class Config(study.StudyOptions):
    NAME = "hessian"
    SCALES = ("digits", "mnist")

    scale: str = "digits"
    """digits or mnist; the blobs are the same in both."""
    num_seeds: int | None = None
    """Default: 3."""
