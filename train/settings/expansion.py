"""The runs that a command of train.sparse stands for."""

from collections.abc import Sequence
from typing import Any

from landscape.config import SparseRun
from landscape.disk.folders import folder_of
from landscape.registries.methods import METHODS, Method, method_row
from landscape.registries.scores import SCORES
from landscape.users.code import is_user_code
from train.settings import levels, sweep

_SCRATCH_SEED = 1000
"""Added to the seed of a pruned run for the scratch run of the same command."""


def _in_order(names: Sequence[str]) -> list[Method]:
    """Rows in the order of the registry, in which what takes masks comes after what
    finds them; then those of the user's own."""
    known = [row for name, row in METHODS.items() if name in names]
    return known + [method_row(name) for name in names if is_user_code(name)]


def expand(config: Any, below: str = "") -> list[SparseRun]:
    """The runs that a command stands for, in the order in which they are made.

    Args:
      config: its settings, a `train.sparse.Config`.
      below: the folder of a point of a sweep, in that of all.
    """
    alone = len(config.method) == 1
    settings = []
    for seed in range(config.seed, config.seed + config.num_seeds):
        suffix = f"-seed{seed}" if config.num_seeds > 1 else ""
        found = config.mask_from and str(folder_of(config.mask_from))
        for row in _in_order(config.method):
            root = sweep.root_of(config, below)
            if not (alone and config.workdir):
                root /= row.solution
            folder = str(folder_of(f"{root}{suffix}"))
            if row.name == "pruning":
                found = folder
            new = {"method": row.name, "seed": seed, "workdir": folder}
            if not alone:
                new |= _without_others_settings(config, row)
            if not is_user_code(row.name):
                new["method_args"] = ()
            # Of this command's pruning only what cannot do without masks takes them.
            if takes := row.taken(config.mask_from):
                new["mask_from"] = found
                if takes == ("masks",) and not config.mask_from:
                    new["seed"] = seed + _SCRATCH_SEED
            made = SparseRun.of(config, **new)
            settings += levels.expand(made) if "level" in row.takes else [made]
    return settings


def _without_others_settings(config: Any, row: Method) -> dict[str, Any]:
    """As by default: what other methods of a command have, and this one lacks.

    Of one method alone such a setting is refused, and so is one that none of several
    has. The sparsity of a pattern is that of all, unless --sparsity is given.
    """
    takes = row.taken(config.mask_from)
    if takes and not config.mask_from and "level" not in takes:
        # It has the settings of the pruning whose masks it takes.
        row = METHODS["pruning"]
    elif takes and "level" not in takes:
        return {}
    rows = [method_row(name) for name in config.method]
    has = {name for each in rows for name in each.settings}
    new: dict[str, Any] = {}
    if "global_pruning" in has - {*row.settings}:
        new["global_pruning"] = False
    if "score" in has - {*row.settings}:
        new |= {"score": "magnitude", "score_scale": None}
    score = SCORES.get(row.score or ("score" in row.settings and config.score))
    if score is None or not score.of_data:
        new["score_examples"] = None
    if config.sparse_init != "dense" and not config.has_sparse_init(row.name):
        new["sparse_init"] = "dense"
    if row.name == "nm" or (config.nm and "pattern" in row.settings):
        same = {"sparsity": None, "distribution": "uniform", "max_sparsity": {}}
        return new | same | {"global_pruning": False}
    if config.nm:
        new["nm"] = None
        if config.sparsity is None:
            new["sparsity"] = config.sparsity_of_pattern
    return new
