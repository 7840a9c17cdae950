"""The settings of a plane; imports nothing heavy."""

from dataclasses import dataclass
from typing import ClassVar

from analysis.programs.options import SPLITS, SUBSPACES, LossOptions, check_points
from landscape.cli import Positional
from landscape.errors import InputError, require
from landscape.needs import Need, only
from landscape.tables import counted

PLANES = ("random", "through", "trajectory", "eigenvectors")


@dataclass(frozen=True)
class Config(LossOptions):
    GROUPS: ClassVar[dict[str, str]] = {"split": "data", "plane": "plane"}
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {
        "plane": PLANES,
        "split": SPLITS,
        "subspace": SUBSPACES,
    }

    NEEDS: ClassVar[dict[str, Need]] = {
        **dict.fromkeys(
            ("subspace", "extent", "seed"),
            only("plane", "random", "eigenvectors", of="kind"),
        ),
        "margin": only("plane", "through", "trajectory", of="kind"),
    }

    runs: Positional[tuple[str, ...]]
    """RUN, RUN@STEP or RUN@init: one, or three that span the plane."""
    split: str = "train"
    """Split whose examples loss and accuracy are of."""
    plane: str | None = None
    """random, trajectory or eigenvectors (one run), through (three); default: random
    or through."""
    subspace: str = "sparse"
    """Of random directions and eigenvectors: sparse (within the mask) or dense."""
    points: int = 51
    """Points a side; odd, so that the middle is one of them."""
    extent: float = 1.0
    """Half the width: of a random plane in the norms of the filters, of one of
    eigenvectors in Euclidean distance."""
    margin: float = 0.3
    """Around the runs in another plane, as a fraction of the wider side."""

    def __post_init__(self):
        super().__post_init__()
        names = counted(len(self.runs), "run")
        if len(self.runs) == 2:
            raise InputError(
                "two runs span a line, not a plane: use python -m analysis.path, or"
                " name a third."
            )
        if len(self.runs) not in (1, 3):
            raise InputError(f"a plane is of 1 run or of 3, not of {names}.")
        if (self.kind == "through") != (len(self.runs) == 3):
            raise InputError(f"--plane {self.kind} does not go with {names}.")
        check_points(self.points)
        require(self, "extent", 0 < self.extent < float("inf"), "positive")
        require(self, "margin", 0 <= self.margin < float("inf"), "at least 0")

    @property
    def kind(self) -> str:
        """The plane, named or by default."""
        return self.plane or ("through" if len(self.runs) == 3 else "random")
