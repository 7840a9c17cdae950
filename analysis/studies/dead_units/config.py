"""The flags of the study."""

from dataclasses import dataclass

from analysis.studies import study


@dataclass(frozen=True)
class Config(study.StudyOptions):
    NAME = "dead-units"
    SCALES = ("digits", "mnist")

    scale: str = "digits"
    """digits (an MLP) or mnist (the thesis' LeNet)."""
    num_seeds: int | None = None
    """Default: 5, of the Hessians and the shrunk networks fewer."""
    shrink: bool = False
    """Also shrink networks to 1/5 of their parameters, and to the smallest that is
    within half a point of the dense accuracy; of digits 1/5 is there anyway."""
