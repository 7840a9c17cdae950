"""The flags of the study."""

from dataclasses import dataclass
from typing import ClassVar

from analysis.studies import study


@dataclass(frozen=True)
class Config(study.StudyOptions):
    NAME = "dead-units"
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"scale": ("digits", "mnist")}
    GROUPS: ClassVar[dict[str, str]] = {"shrink": "study"}

    scale: str = "digits"
    """The data set, with an MLP (digits) or the thesis' LeNet (mnist)."""
    num_seeds: int | None = None
    """Number of seeds; default: 5, with --shrink 3. The latter of the networks that are
    shrunk."""
    shrink: bool = False
    """Shrink networks to a fifth of their parameters and less. Of mnist also
    LeNet-300-100; by several scores, with and without bias propagation; otherwise to a
    fifth, by one."""

    def _words(self) -> list[str]:
        words = super()._words()
        return [*words, "shrink"] if self.shrink else words
