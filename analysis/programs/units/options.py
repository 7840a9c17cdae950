"""The settings of an analysis of units; imports nothing heavy."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar

from analysis.programs.options import SPLITS, DataOptions, check_splits
from landscape.cli import Positional
from landscape.errors import require
from landscape.needs import Need, when
from landscape.registries.scores import UNIT_SCORES

ORACLE = "mrp"
"""The score that says what a unit is worth."""


@dataclass(frozen=True)
class Config(DataOptions):
    GROUPS: ClassVar[dict[str, str]] = {
        "tolerance": "dead units",
        "num_examples": "data",
        "where": "dead units",
        "export": "output",
    }
    CHOICES: ClassVar[dict[str, Collection[str]]] = {
        "split": SPLITS,
        "where": ("after", "before"),
        "score": UNIT_SCORES,
    }

    NEEDS: ClassVar[dict[str, Need]] = {
        "seed": when(
            lambda config: "at_random" in config.scores,
            "has an effect only with --score at_random",
        )
    }

    run: Positional[str]
    """RUN, RUN@STEP or RUN@init."""
    tolerance: float = 1e-4
    """Nats by which the loss may change, up or down, if a unit is dead."""
    split: tuple[str, ...] = SPLITS
    """The examples that units are judged on. --num-examples are the first ones of
    each."""
    num_examples: int | None = field(default=None, kw_only=True)
    """Examples of each split, the first ones; default: 1,000, or all if there are
    fewer."""
    where: str = "after"
    """Units are seen after the activation (and pooling), as the next layers read them,
    or before it, as their own layers put them out."""
    score: tuple[str, ...] = ()
    """Scores that are compared with the change of the loss; default: all."""
    export: str | None = None
    """Also write the network to this .onnx, .stablehlo or .safetensors file."""

    def __post_init__(self):
        super().__post_init__()
        check_splits(self.split)
        # In one order, as they are read.
        chosen = tuple(name for name in SPLITS if name in self.split)
        object.__setattr__(self, "split", chosen)
        positive = 0 < self.tolerance < float("inf")
        require(self, "tolerance", positive, "positive and finite")

    @property
    def scores(self) -> tuple[str, ...]:
        """Those that are compared with the oracle."""
        known = self.score or UNIT_SCORES
        return tuple(name for name in known if name != ORACLE)
