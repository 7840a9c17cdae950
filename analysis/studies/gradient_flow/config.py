"""The flags of the study."""

from dataclasses import dataclass
from typing import ClassVar

from analysis.studies import study
from landscape.errors import InputError


@dataclass(frozen=True)
class Config(study.StudyOptions):
    NAME = "gradient-flow"
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"scale": ("digits", "mnist")}
    GROUPS: ClassVar[dict[str, str]] = {"published": "study"}

    scale: str = "digits"
    """The data set: digits (LeNet-300-100) or mnist (LeNet-5, the published table)."""
    num_seeds: int | None = None
    """Networks of every row, at least 2; default: 5."""
    published: bool = False
    """The rows of the published table alone; the others are added by a later run."""
    sweep: bool = False
    """Instead of the table: all methods at 80 to 99 %, and at equal training FLOPs."""

    def __post_init__(self):
        super().__post_init__()
        if self.num_seeds == 1 and not self.sweep:
            raise InputError(
                "--num-seeds must be at least 2, not 1: the networks of a row are"
                " compared."
            )
        if self.published and self.sweep:
            raise InputError("--published is of the table, which --sweep leaves out.")

    def _words(self) -> list[str]:
        words = super()._words()
        return [*words, "sweep"] if self.sweep else words
