"""What a training command prints when it is done."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from landscape import buckets, figures, runs
from landscape.cli import command
from landscape.config import RunConfig
from landscape.machine import hosts
from landscape.registries.methods import method_row
from landscape.tables import format_table, spread
from train.jobs.job import FIGURE
from train.settings.sparse_options import Config, defaults_of_mask

MANY = 8
"""Runs whose figures are not listed one by one."""


def outcome_table(
    settings: Sequence[RunConfig],
    summaries: Sequence[dict[str, Any]],
    swept: Sequence[Mapping[str, Any]] = (),
) -> str:
    """One row a run: method, size, sparsity, train loss, test accuracy.

    Args:
      settings, summaries: of each run.
      swept: of each run, the settings of which a sweep has several values.
    """
    swept = swept or [{}] * len(settings)
    rows = [
        [
            summary["method"],
            *map(str, values.values()),
            f"{summary['num_params']:,}",
            f"{100 * summary['sparsity']:.2f} %",
            f"{summary['num_nonzero']:,}",
            f"{summary['train_loss']:.4f}",
            f"{100 * summary['test_accuracy']:.2f} %",
            str(summary["seed"]),
            buckets.shown(str(config.workdir)),
        ]
        for config, summary, values in zip(settings, summaries, swept, strict=True)
    ]
    header = [
        "method", *(f"--{name.replace('_', '-')}" for name in swept[0]), "parameters",
        "sparsity", "non-zeros", "train loss", "test accuracy", "seed", "run",
    ]  # fmt: skip
    return format_table(header, rows)


def label(config: RunConfig, swept: Mapping[str, Any] = MappingProxyType({})) -> str:
    """What runs of other seeds share: the method, the values of a sweep, and the level
    of one of several.

    >>> from landscape.config import SparseRun
    >>> label(SparseRun(method="imp", workdir="w/level-2")), label(SparseRun())
    ('imp level-2', 'pruning')
    >>> label(SparseRun(steps=9), {"steps": 9})
    'pruning steps 9'
    """
    level = f" {Path(str(config.workdir)).name}" if _is_level(config) else ""
    return f"{_method(config, swept)}{level}"


def _method(config: RunConfig, swept: Mapping[str, Any]) -> str:
    words = [f"{name.replace('_', '-')} {value}" for name, value in swept.items()]
    return " ".join([config.method, *words])


def seeds_table(labels: Sequence[str], summaries: Sequence[dict[str, Any]]) -> str:
    """One row a label: mean and standard deviation over its seeds."""
    rows = [
        [
            name,
            str(len(group)),
            spread([s["train_loss"] for s in group], ".4f"),
            spread([100 * s["test_accuracy"] for s in group], ".2f") + " %",
        ]
        for name, group in _grouped(labels, summaries).items()
    ]
    return format_table(["method", "seeds", "train loss", "test accuracy"], rows)


def print_outcome(
    settings: list[RunConfig],
    summaries: list[dict[str, Any]],
    swept: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Prints the table, where the figures are, and the next command to try.

    Of several processes the first does; the others may have no folder of the run.

    Args:
      settings, summaries, swept: as of `outcome_table`.
    """
    if not hosts.is_first():
        return
    swept = swept or [{}] * len(settings)
    labels = [label(*each) for each in zip(settings, swept, strict=True)]
    ends = _without_levels_between(settings)
    first = Path(ends[0].workdir)
    if settings[0].method != "dense" and not any(swept):
        # Lottery and scratch have the masks of the first run.
        layers = first / runs.LAYERS
        if layers.exists():
            print(f"Layers of {first}:\n{layers.read_text()}")
    print(outcome_table(settings, summaries, swept))
    print("non-zeros: of all parameters, biases included (some never leave zero).")
    for config, summary in zip(settings, summaries, strict=True):
        if told := other_sparsity(config, summary):
            print(told)
    if len(settings) > len(set(labels)):
        table = seeds_table(labels, summaries)
        print(f"\nOver seeds (mean +- standard deviation):\n{table}")
    methods = [_method(*each) for each in zip(settings, swept, strict=True)]
    _print_figures(settings, ends, summaries, methods)
    for config in ends:
        if _is_level(config):
            print(f"The network of the last level: {config.workdir}")
    print(f"\nNext: {next_command(settings)}")


def other_sparsity(config: RunConfig, summary: dict[str, Any]) -> str | None:
    """That a method of the user's own has kept more or less than it was to; or None."""
    asked = summary.get("sparsity_asked")
    if asked is None or f"{asked:.4f}" == f"{summary['sparsity']:.4f}":
        return None
    return (
        f"The masks of {config.workdir} have sparsity {100 * summary['sparsity']:.2f} %"
        f" where {100 * asked:.2f} % was asked for: that is what {config.method} made."
    )


def _print_figures(
    settings: list[RunConfig],
    ends: list[RunConfig],
    summaries: list[dict[str, Any]],
    methods: list[str],
) -> None:
    """Draws what all have in common; `methods` are the names of curves."""
    names = dict(zip([c.workdir for c in settings], methods, strict=True))
    folder = Path(_above(settings)) / runs.FIGURES
    if len(ends) > 1:
        path = folder / "methods.png"
        with figures.attempt(path):
            lines = [runs.read_metrics(Path(each.workdir)) for each in ends]
            groups = _grouped([names[each.workdir] for each in ends], lines)
            figures.save(figures.training(groups), path)
        if path.exists():
            print(f"\nAll in one figure: {path}")
    if any(map(_is_level, settings)):
        path = folder / "levels.png"
        with figures.attempt(path):
            figures.save(figures.levels(_by_level(settings, summaries, methods)), path)
        if path.exists():
            print(f"Accuracy over levels: {path}")
    if len(ends) > MANY:
        print(f"Figure of each run: its {runs.FIGURES}/{FIGURE}")
        return
    for config in ends:
        path = Path(config.workdir) / runs.FIGURES / FIGURE
        if path.exists():
            print(f"Figure of {path.parents[1].name}: {path}")


def _by_level(
    settings: list[RunConfig], summaries: list[dict[str, Any]], methods: list[str]
) -> dict[str, list[list[tuple[float, float]]]]:
    """Non-zeros and accuracies by method and seed, all levels of a seed together."""
    points = [(s["num_nonzero"], s["test_accuracy"]) for s in summaries]
    seeds = _grouped(zip(methods, [c.seed for c in settings], strict=True), points)
    return _grouped([method for method, _ in seeds], seeds.values())


def _is_level(config: RunConfig) -> bool:
    return "level" in method_row(config.method).takes


def _without_levels_between(settings: list[RunConfig]) -> list[RunConfig]:
    """The runs, of several levels the last."""
    taken = {c.mask_from for c in settings if _is_level(c)}
    return [c for c in settings if not (_is_level(c) and c.workdir in taken)]


def _above(settings: list[RunConfig]) -> str:
    """The folder in which all runs are."""
    common = os.path.commonpath([Path(str(c.workdir)).parent for c in settings])
    return common or "."


def _grouped(keys: Iterable[Any], values: Iterable[Any]) -> dict[Any, list]:
    groups: dict[Any, list] = {}
    for key, value in zip(keys, values, strict=True):
        groups.setdefault(key, []).append(value)
    return groups


def next_command(settings: list[RunConfig]) -> str:
    """What to try next, with the settings of the run where it is one.

    The dense network of these settings, pruned; the lottery network of a pruned one;
    else the table of all runs.
    """
    last = settings[-1]
    if len(settings) == 1 and last.method == "pruning":
        default = defaults_of_mask(last.workdir, last)
        config = replace(default, workdir=f"{last.workdir}-lottery", seed=last.seed)
        named = ("method", "mask_from")
        return command("train.sparse", config, always=named, default=default)
    if len(settings) == 1 and last.method == "dense":
        config = Config.of(last, method=("pruning",), workdir=f"{last.workdir}-pruned")
        return command("train.sparse", config)
    return shlex.join(["python", "-m", "analysis.runs", _above(settings)])
