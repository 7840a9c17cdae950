"""The methods of the sweep, and the settings of its networks."""

from typing import Any, NamedTuple

from analysis.studies.gradient_flow.scales import Sweep
from landscape.config import DenseRun, SparseRun

Part = dict[str, Any]


class Entry(NamedTuple):
    """A curve of the figure: a method with settings of its own.

    Attributes:
      name: of the curve.
      method: of `train.sparse`.
      settings: beside those of the sweep.
      of_pruned: whether it takes the mask that pruning finds at the same sparsity.
      pattern: whether its sparsity is N:M.
    """

    name: str
    method: str
    settings: tuple[tuple[str, Any], ...] = ()
    of_pruned: bool = False
    pattern: bool = False

    @property
    def alone(self) -> bool:
        """Whether it needs no other run, and takes part at equal training FLOPs."""
        return not (self.of_pruned or self.pattern or self.method == "imp")


ERK = (("distribution", "erk"),)
ENTRIES = (
    Entry("pruning", "pruning"),
    Entry("global pruning", "pruning", (("global_pruning", True),)),
    Entry("lottery", "lottery", of_pruned=True),
    Entry("scratch", "scratch", of_pruned=True),
    Entry("restart", "restart", of_pruned=True),
    Entry("static", "static", ERK),
    Entry("set", "set", ERK),
    Entry("rigl", "rigl", ERK),
    Entry("snip", "snip"),
    Entry("grasp", "grasp"),
    Entry("synflow", "synflow"),
    Entry("ste", "ste"),
    Entry("acdc", "acdc"),
    # Half of what is left at each level: a fifth would take 22 trainings to 99 %.
    Entry("imp", "imp", (("level_fraction", 0.5),)),
    Entry("small-dense", "small-dense"),
    Entry("N:M", "nm", pattern=True),
    Entry("N:M, ste", "ste", pattern=True),
)
"""Pruning first: others take its masks."""


def scaled(training: Part, factor: float) -> Part:
    """The settings of a training with `factor` times as many steps, pruned in the same
    part of them.

    >>> scaled({"steps": 100, "prune_start": 20, "prune_every": 5}, 0.5)
    {'steps': 50, 'prune_start': 10, 'prune_every': 5}
    """
    parts = ("steps", "prune_start", "prune_end")
    return {
        name: max(1, round(factor * value)) if name in parts else value
        for name, value in training.items()
    }


def dense(sweep: Sweep, root: str, seed: int, factor: float = 1.0) -> DenseRun:
    """The dense baseline; with its share of the steps at equal FLOPs."""
    training = scaled(sweep.training, factor)
    fields = {
        k: v for k, v in training.items() if not k.startswith(("prune_", "update_"))
    }
    return DenseRun(
        **fields, seed=seed, workdir=f"{_home(root, factor)}/dense/seed-{seed}"
    )


def settings_of(
    sweep: Sweep, root: str, entry: Entry, key: str, seed: int, factor: float = 1.0
) -> SparseRun:
    """The settings of a network.

    Args:
      sweep: of the scale.
      root: the folder of the runs.
      entry: the method.
      key: the sparsity, or N:M.
      seed: of the network.
      factor: times the steps of the sweep's training.
    """
    home = _home(root, factor)

    def folder(name: str) -> str:
        words = f"{name.replace(' ', '-')}/{key.replace(':', '-of-')}"
        return f"{home}/{words}/seed-{seed}"

    changes: Part = {"nm": key} if entry.pattern else {"sparsity": float(key)}
    changes |= {"seed": seed, "method": entry.method, "workdir": folder(entry.name)}
    if entry.of_pruned:
        changes["mask_from"] = folder("pruning")
        changes["seed"] = seed + 1000 if entry.method == "scratch" else seed
    return SparseRun(**scaled(sweep.training, factor) | dict(entry.settings) | changes)


def _home(root: str, factor: float) -> str:
    return f"{root}/sweep" if factor == 1.0 else f"{root}/sweep-equal-flops"


def cells(sweep: Sweep) -> list[tuple[Entry, str]]:
    """Every method with every sparsity or pattern of its own."""
    sparsities = [f"{sparsity:g}" for sparsity in sweep.sparsities]
    return [
        (entry, key)
        for entry in ENTRIES
        for key in (sweep.patterns if entry.pattern else sparsities)
    ]
