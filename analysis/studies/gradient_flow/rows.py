"""The rows of the table: how the networks of each are made, and what varies in it."""

from typing import Any, NamedTuple

from analysis.studies.gradient_flow.published import PUBLISHED
from landscape.config import RunConfig, SparseRun
from landscape.disk.folders import folder_of

NEW = 1000
"""Seed of the one new initialisation of a row whose seeds share it."""


class Row(NamedTuple):
    """A row of the table.

    Attributes:
      name: in the table.
      method: of `train.sparse`.
      masked: whether they have the mask of the pruned network.
      order: whether the order of the examples alone varies over its seeds; else the
        initialisation does as well (and what is random in the method).
      seed: of all of them where the order alone varies; else added to each.
      settings: beside those of the pruned network.
    """

    name: str
    method: str
    masked: bool = False
    order: bool = False
    seed: int = 0
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def varies(self) -> str:
        """What varies over its seeds."""
        return "order" if self.order else "initialisation, order"


PRUNED = Row("pruned", "pruning")
ERK = (("distribution", "erk"),)
ROWS = (
    Row("lottery", "lottery", masked=True, order=True),
    Row("scratch", "scratch", masked=True, order=True, seed=NEW),
    Row("scratch, new", "scratch", masked=True, seed=NEW),
    Row("restart", "restart", masked=True, order=True),
    Row("pruned, new", "pruning"),
    Row("small-dense", "small-dense"),
    Row("static", "static", settings=ERK),
    Row("set", "set", settings=ERK),
    Row("rigl", "rigl", settings=ERK),
    Row("acdc", "acdc"),
    Row("snip", "snip"),
    Row("grasp", "grasp"),
    Row("synflow", "synflow"),
)
"""Those of the published table first."""


def chosen(published: bool) -> list[Row]:
    """All rows, or those of the published table."""
    return [row for row in ROWS if not published or row.name in PUBLISHED]


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
    if row.masked:
        changes["mask_from"] = pruned.workdir
    return SparseRun.of(pruned, **changes)
