"""Flags that the programs of this folder share; imports nothing heavy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from landscape.errors import InputError, check_choice, check_choices, require

BATCH_NORMS = ("batch", "re-estimated", "stored")
SUBSPACES = ("sparse", "dense")

SPLITS = ("train", "test")
"""Of a data set."""
FORMATS = ("png", "pdf", "svg")
"""Of figures."""


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which examples are averaged over, and the seed.

    Raises:
      InputError: a value is not allowed.
    """

    GROUPS: ClassVar[dict[str, str]] = {
        "num_examples": "data",
        "seed": "seeds",
        "output": "output",
        "data_dir": "data",
        "format": "output",
    }
    """Where groups of flags begin, and their titles; see `landscape.cli`."""

    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"format": FORMATS}

    num_examples: int | None = None
    """Number of examples, the first of the split; default: all."""
    seed: int = 0
    """Random seed of directions, probes and whatever is trained."""
    output: str | None = None
    """Folder in which the result gets a folder of its own; default: RUN/analysis of
    the first run."""
    data_dir: str | None = None
    """Folder of the data set, if it has moved; default: where the run had it."""
    format: tuple[str, ...] = ("png",)
    """Formats of the figure, one or several. A finished analysis is drawn in a new
    format without being computed."""

    def __post_init__(self):
        check_choices(self)
        require(
            self, "num_examples", self.num_examples is None or self.num_examples > 0
        )
        require(self, "seed", 0 <= self.seed < 2**31, "at least 0, below 2^31")
        check_formats(self.format)


@dataclass(frozen=True, kw_only=True)
class LossOptions(DataOptions):
    """And the statistics of batch norm."""

    GROUPS: ClassVar[dict[str, str]] = {"batch_norm": "data"}
    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {"batch_norm": BATCH_NORMS}

    batch_norm: str = "batch"
    """Statistics of batch norm: batch (each batch has its own), re-estimated (over the
    training examples, at every point) or stored (those of the runs; between them
    combined linearly)."""
    batch_size: int = 128
    """Examples in a batch, of whose statistics batch norm is made. Also those in a step
    of a curve's training."""

    def __post_init__(self):
        super().__post_init__()
        require(self, "batch_size", self.batch_size > 0)


def check_formats(formats: Sequence[str]) -> None:
    """Raises InputError unless a figure is written in these formats, one or more."""
    if not formats:
        raise InputError(f"--format names one or more of {', '.join(FORMATS)}.")
    for name in formats:
        check_choice("format", name, FORMATS)


def check_splits(splits: Sequence[str]) -> None:
    """Raises InputError unless one or more splits are named."""
    if not splits:
        raise InputError(f"--split names one or more of {', '.join(SPLITS)}.")


def check_points(points: int) -> None:
    """Raises InputError unless a grid of that number of points has a middle one."""
    if points < 3 or points % 2 == 0:
        raise InputError(
            f"--points must be odd and at least 3, not {points}: an even number misses"
            " the middle."
        )
