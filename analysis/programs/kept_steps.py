"""The steps that a run kept, and the command that keeps more; imports no JAX."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from landscape import runs
from landscape.cli import command
from landscape.config import DenseRun, SparseRun
from landscape.registries.methods import DENSE_METHODS, method_row

FEW = 3
"""Steps that are kept without --keep-every: the first, the last, one before that."""

KEPT = 20
"""Steps that the training command keeps which is printed where few were kept."""


def hardly_known(steps: Sequence[int], what: str) -> str | None:
    """A sentence where so few steps were kept that `what` is hardly known.

    >>> hardly_known([0, 400], "when units died")
    'Steps kept: only 0, 400, so it is hardly known when units died: a training with \
--keep-every keeps more.'
    >>> hardly_known(range(9), "when units died")
    """
    if len(steps) > FEW:
        return None
    return (
        f"Steps kept: only {', '.join(map(str, steps))}, so it is hardly known {what}:"
        " a training with --keep-every keeps more."
    )


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
