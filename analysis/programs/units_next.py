"""The command to try after the units of a run were looked at."""

import shlex
from dataclasses import replace
from typing import Any

from analysis.programs.units_text import FEW
from landscape import runs
from landscape.cli import command
from landscape.config import DenseRun, SparseRun
from landscape.methods import DENSE_METHODS, method_row

KEPT = 20
"""Steps that the training command keeps which is printed where few were kept."""


def next_command(config: Any, result: dict[str, Any]) -> str:
    """The next command to try.

    A training that keeps more steps, where few were kept; else a smaller network, or
    the other place of the units.

    Args:
      config: `analysis.units.Config`.
      result: of it.
    """
    ref = runs.parse(config.run)
    if len(result["steps"]) <= FEW and ref.step is None:
        following = training_command(str(ref.folder), runs.read_config(ref.folder))
        if following is not None:
            return following
    split = next(iter(result["losses"]))
    if any(row["dead"][split] for row in result["groups"].values()):
        words = ["--from", str(ref), "--keep-params", "0.5"]
        words += ["--workdir", f"{ref.folder}-small"]
        words += ["--data-dir", config.data_dir] if config.data_dir else []
        return shlex.join(["python", "-m", "train.units", *words])
    other = {"after": "before", "before": "after"}[config.where]
    again = replace(config, where=other, export=None)
    return command("analysis.units", again, positional=("run",))


def training_command(folder: str, config: Any) -> str | None:
    """The command that trains a run again and keeps `KEPT` of its steps.

    None of a run that no single command trains (a level of several, a network without
    some of its units), or whose masks' run is gone. A small dense network is trained as
    the dense one that it is: its widths are those that its own method would narrow.

    >>> training_command("runs/a", DenseRun(steps=400, workdir="runs/a"))
    'python -m train.dense --steps 400 --workdir runs/a-steps --keep-every 20'
    >>> small = SparseRun(method="small-dense", model="mlp", widths=(9, 8), steps=20)
    >>> training_command("runs/a", small)
    'python -m train.dense --model mlp --widths 9 8 --steps 20 --workdir runs/a-steps \
--keep-every 1'
    >>> training_command("runs/a", SparseRun(method="imp", mask_from="b"))
    """
    every = max(1, config.steps // KEPT)
    again = replace(config, workdir=f"{folder}-steps", keep_every=every)
    if config.method in DENSE_METHODS:
        return command("train.dense", DenseRun.of(again))
    if not isinstance(config, SparseRun) or "level" in method_row(config.method).takes:
        return None
    always = ["method"]
    if config.mask_from is not None:
        there = runs.parse(config.mask_from).folder
        if not (there / runs.CONFIG).exists():
            return None
        # Its settings are the defaults then.
        theirs = runs.read_config(there)
        mine = vars(again)
        always += [n for n, v in vars(theirs).items() if n in mine and mine[n] != v]
    return command("train.sparse", again, always=always)
