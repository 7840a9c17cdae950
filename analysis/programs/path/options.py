"""The settings of one path, and the flags that name several; imports nothing heavy."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import ClassVar

from analysis.programs.options import (
    SPLITS,
    SUBSPACES,
    LossOptions,
    check_points,
    check_splits,
)
from landscape.cli import Positional
from landscape.errors import InputError, require
from landscape.needs import Need, either, only, when
from landscape.tables import counted

ORDERS = {"line": 1, "quadratic": 2, "cubic": 3}
"""Of Bezier curves."""
CURVES = ("quadratic", "cubic")
"""Those that are trained."""
OF_CURVES = only("kind", *CURVES)


@dataclass(frozen=True, kw_only=True)
class PathOptions(LossOptions):
    """What is said of a path beside its ends, its kind and its examples.

    Raises:
      InputError: a value is not allowed.
    """

    GROUPS: ClassVar[dict[str, str]] = {"subspace": "path"}
    CHOICES: ClassVar[dict[str, Collection[str]]] = {"subspace": SUBSPACES}

    NEEDS: ClassVar[dict[str, Need]] = {
        "subspace": OF_CURVES,
        "fit_steps": OF_CURVES,
        "seed": when(
            lambda path: path.align or OF_CURVES.holds(path),
            f"has an effect only with --align or --kind {either(CURVES)}",
        ),
    }

    seed: int = 0
    """Random seed of a curve's training and of --align."""
    batch_size: int = 128
    """Examples in a step of a curve's training, and in a batch whose statistics batch
    norm takes."""
    subspace: str = "sparse"
    """Of a curve: sparse (inner points within the common mask) or dense."""
    points: int = 71
    """Points on the path; odd, so that the middle is one of them."""
    extend: float = 0.2
    """How far the path extends beyond both ends, in t."""
    fit_steps: int = 4000
    """Steps of a curve's training, on training examples."""
    align: bool = False
    """Permute B's units first so that its weights are closest to A's (Git Re-Basin's
    weight matching), and report the barrier before and after."""

    def __post_init__(self):
        super().__post_init__()
        check_points(self.points)
        require(self, "extend", 0 <= self.extend < float("inf"), "at least 0")
        require(self, "fit_steps", self.fit_steps > 0)


@dataclass(frozen=True)
class Config(PathOptions):
    """One path, evaluated on one split."""

    GROUPS: ClassVar[dict[str, str]] = {"kind": "path"}
    CHOICES: ClassVar[dict[str, Collection[str]]] = {"kind": ORDERS, "split": SPLITS}

    run_a: Positional[str]
    """First run (t = 0): RUN, RUN@STEP or RUN@init."""
    run_b: Positional[str]
    """Second run (t = 1)."""
    kind: str = "line"
    """A straight line, or a Bezier curve that is trained first."""
    split: str = "train"
    """The examples that losses and accuracies are of."""


@dataclass(frozen=True)
class Flags(PathOptions):
    """One path or several: of pairs of runs, kinds and splits, drawn together.

    >>> flags = Flags(("a0", "a1", "b0", "b1"), kind=("line", "cubic"))
    >>> [(path.run_a, path.run_b, path.kind) for path in flags.paths()]
    [('a0', 'b0', 'line'), ('a0', 'b0', 'cubic'), ('a1', 'b1', 'line'), \
('a1', 'b1', 'cubic')]
    """

    GROUPS: ClassVar[dict[str, str]] = {"kind": "path"}
    CHOICES: ClassVar[dict[str, Collection[str]]] = {"kind": ORDERS, "split": SPLITS}

    runs: Positional[tuple[str, ...]]
    """First run (t = 0) and second run (t = 1), or all first and then all second runs:
    RUN, RUN@STEP or RUN@init. So runs/pruned-seed* runs/scratch-seed* are as many
    paths, in one figure."""
    kind: tuple[str, ...] = ("line",)
    """A straight line, or Bezier curves that are trained first; several in one
    figure."""
    split: tuple[str, ...] = ("train",)
    """The examples that losses and accuracies are of; both in one figure."""

    def __post_init__(self):
        super().__post_init__()
        count = len(self.runs)
        if count == 3:
            raise InputError(
                "three runs span a plane, not a path: use python -m analysis.surface,"
                " or name 2 runs, or 4."
            )
        if not count or count % 2:
            raise InputError(
                "a path is between two runs: name 2, or all first and then all second"
                f" runs of several paths, not {counted(count, 'run')}."
            )
        for first, second in self.pairs:
            if first == second:
                raise InputError(f"a path is between two runs: {first} is named twice.")
        check_splits(self.split)
        if not self.kind:
            raise InputError(f"--kind names one or more of {', '.join(ORDERS)}.")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The runs at t = 0 and t = 1 of each path."""
        half = len(self.runs) // 2
        return list(zip(self.runs[:half], self.runs[half:], strict=True))

    def paths(self) -> list[Config]:
        """The paths, each once, those of one pair together."""
        shared = {f.name: getattr(self, f.name) for f in fields(PathOptions)}
        found = [
            Config(*pair, kind=kind, split=split, **shared)
            for pair in self.pairs
            for kind in self.kind
            for split in self.split
        ]
        return list(dict.fromkeys(found))
