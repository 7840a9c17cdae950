"""What a training command prints when it is done."""

import shlex
from pathlib import Path
from typing import Any

from landscape import figures, runs
from landscape.config import RunConfig
from landscape.tables import format_table, spread
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
    print(f"\nNext: {_next_command(settings)}")


def _next_command(settings: list[RunConfig]) -> str:
    last = settings[-1]
    folder = shlex.quote(last.workdir)
    if len(settings) == 1 and last.method == "pruning":
        return (
            f"python -m train.sparse --method lottery --mask-from {folder}"
            f" --workdir {shlex.quote(last.workdir + '-lottery')}"
        )
    if len(settings) == 1 and last.method == "dense":
        data_dir = f" --data-dir {shlex.quote(last.data_dir)}" if last.data_dir else ""
        return (
            f"python -m train.sparse --method pruning --dataset {last.dataset}"
            f"{data_dir} --model {last.model} --steps {last.steps}"
            f" --workdir {shlex.quote(last.workdir + '-pruned')}"
        )
    return f"python -m analysis.runs {shlex.quote(str(Path(last.workdir).parent))}"
