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
    """Default: 5, with --shrink 3 of the networks that are shrunk."""
    shrink: bool = False
    """Shrink networks (of mnist also LeNet-300-100) to a fifth of their parameters and
    less, by several scores, with and without bias propagation; otherwise to a fifth,
    by one."""

    def _words(self) -> list[str]:
        words = super()._words()
        return [*words, "shrink"] if self.shrink else words
