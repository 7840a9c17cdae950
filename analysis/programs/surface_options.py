"""The settings of a plane; imports nothing heavy."""

from dataclasses import dataclass

import tyro

from analysis.programs.options import SPLITS, LossOptions, check_points
from landscape.errors import InputError, check_choice, require
from landscape.tables import counted

PLANES = ("random", "through", "trajectory", "eigenvectors")


@dataclass(frozen=True)
class Config(LossOptions):
    runs: tyro.conf.Positional[tuple[str, ...]]
    """RUN, RUN@STEP or RUN@init: one, or three that span the plane."""
    split: str = "train"
    """train or test: the examples that loss and accuracy are of."""
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
        check_choice("split", self.split, SPLITS)
        check_choice("plane", self.kind, PLANES)
        if (self.kind == "through") != (len(self.runs) == 3):
            raise InputError(f"--plane {self.kind} does not go with {names}.")
        check_choice("subspace", self.subspace, ("sparse", "dense"))
        check_points(self.points)
        require(self, "extent", 0 < self.extent < float("inf"), "positive")
        require(self, "margin", 0 <= self.margin < float("inf"), "at least 0")

    @property
    def kind(self) -> str:
        """The plane, named or by default."""
        return self.plane or ("through" if len(self.runs) == 3 else "random")
