"""The rows of the table: how the networks of each are made, and what varies in it."""

from typing import Any, NamedTuple

from landscape.config import RunConfig, SparseRun
from landscape.folders import folder_of
from landscape.methods import METHODS

NEW = 1000
"""Seed of the one new initialisation of a row whose seeds share it."""


class Row(NamedTuple):
    """A row of the table.

    Attributes:
      name: in the table.
      method: of `train.sparse`.
      words: what it is.
      order: whether the order of the examples alone varies over its seeds; else the
        initialisation does as well (and what is random in the method).
      seed: of all seeds where the order alone varies; else added to each.
      settings: beside those of the pruned network.
    """

    name: str
    method: str
    words: str
    order: bool = False
    seed: int = 0
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def varies(self) -> str:
        """What varies over its seeds."""
        return "order" if self.order else "initialisation, order"


PRUNED = Row("pruned", "pruning", "the pruned network, whose mask others take")
ROWS = (
    Row("lottery", "lottery", "its mask and initial weights", order=True),
    Row("scratch", "scratch", "its mask, one new initialisation", True, NEW),
    Row("scratch, new", "scratch", "its mask, five new initialisations", seed=NEW),
    Row("five pruned", "pruning", "five others, pruned"),
    Row("static", "static", "random mask, ERK", settings=(("distribution", "erk"),)),
)
"""Those of the published table first."""


def by_name(name: str) -> Row:
    """The row of that name."""
    return next(row for row in ROWS if row.name == name)


def folder(root: str, row: Row, index: int) -> str:
    """The run folder of one network of a row."""
    name = row.name.replace(",", "").replace(" ", "-")
    return str(folder_of(f"{root}/{name}/seed-{index}"))


def settings_of(pruned: SparseRun, root: str, row: Row, index: int) -> RunConfig:
    """The settings of one network of a row.

    Args:
      pruned: those of the pruned network, of seed 0.
      root: the folder of the runs.
      row: of the table.
      index: 1 ... number of seeds; the pruned network has the order 0.
    """
    changes = {
        "method": row.method,
        "seed": row.seed if row.order else row.seed + index,
        "order_seed": index if row.order else None,
        "workdir": folder(root, row, index),
        **dict(row.settings),
    }
    if "masks" in METHODS[row.method].takes:
        changes["mask_from"] = pruned.workdir
    return SparseRun.of(pruned, **changes)
