"""What a training command prints when it is done."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from landscape import figures, runs
from landscape.cli import command
from landscape.config import RunConfig
from landscape.tables import format_table, spread
from train import sparse
from train.job import FIGURE


def outcome_table(settings: list[RunConfig], summaries: list[dict]) -> str:
    """One row a run: method, sparsity, non-zeros, train loss, test accuracy."""
    rows = [
        [
            summary["method"],
            f"{100 * summary['sparsity']:.2f} %",
            f"{summary['num_nonzero']:,}",
            f"{summary['train_loss']:.4f}",
            f"{100 * summary['test_accuracy']:.2f} %",
            str(summary["seed"]),
            config.workdir,
        ]
        for config, summary in zip(settings, summaries, strict=True)
    ]
    header = [
        "method", "sparsity", "non-zeros", "train loss", "test accuracy", "seed", "run"
    ]  # fmt: skip
    return format_table(header, rows)


def seeds_table(summaries: list[dict[str, Any]]) -> str:
    """One row a method: mean and standard deviation over its seeds."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for summary in summaries:
        groups.setdefault(summary["method"], []).append(summary)
    rows = [
        [
            method,
            str(len(group)),
            spread([s["train_loss"] for s in group], ".4f"),
            spread([100 * s["test_accuracy"] for s in group], ".2f") + " %",
        ]
        for method, group in groups.items()
    ]
    return format_table(["method", "seeds", "train loss", "test accuracy"], rows)


def print_outcome(settings: list[RunConfig], summaries: list[dict[str, Any]]) -> None:
    """Prints the table, where the figures are, and the next command to try."""
    folders = [Path(config.workdir) for config in settings]
    if settings[0].method != "dense":
        # Lottery and scratch have the masks of the first run.
        layers = folders[0] / runs.LAYERS
        if layers.exists():
            print(f"Layers of {folders[0]}:\n{layers.read_text()}")
    print(outcome_table(settings, summaries))
    print("non-zeros: of all parameters, biases included (some never leave zero).")
    if len(settings) > len({config.method for config in settings}):
        print(f"\nOver seeds (mean +- standard deviation):\n{seeds_table(summaries)}")
    if len(folders) > 1:
        path = folders[0].parent / runs.FIGURES / "methods.png"
        groups: dict[str, list] = {}
        with figures.attempt(path):
            for config, folder in zip(settings, folders, strict=True):
                groups.setdefault(config.method, []).append(runs.read_metrics(folder))
            figures.save(figures.training(groups), path)
        if path.exists():
            print(f"\nAll in one figure: {path}")
    for folder in folders:
        path = folder / runs.FIGURES / FIGURE
        if path.exists():
            print(f"Figure of {folder.name}: {path}")
    print(f"\nNext: {next_command(settings)}")


def next_command(settings: list[RunConfig]) -> str:
    """What to try next, with the settings of the run where it is one.

    The dense network of these settings, pruned; the lottery network of a pruned one;
    else the table of all runs.
    """
    last = settings[-1]
    if len(settings) == 1 and last.method == "pruning":
        default = sparse.defaults_of_mask(last.workdir, last)
        config = replace(default, workdir=f"{last.workdir}-lottery", seed=last.seed)
        named = ("method", "mask_from")
        return command("train.sparse", config, always=named, default=default)
    if len(settings) == 1 and last.method == "dense":
        config = sparse.Config.of(
            last, method=("pruning",), workdir=f"{last.workdir}-pruned"
        )
        return command("train.sparse", config)
    return shlex.join(["python", "-m", "analysis.runs", str(Path(last.workdir).parent)])
