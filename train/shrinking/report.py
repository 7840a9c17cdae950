"""What a network that was made smaller saves, and what it costs in accuracy."""

import shlex
from pathlib import Path
from typing import Any

import jax

from landscape import data, figures, runs
from landscape.cli import activity
from landscape.config import UnitsConfig, UnitsRun
from landscape.machine import devices, hosts
from landscape.tables import counted, format_table
from landscape.units import specification
from train.jobs import record
from train.shrinking import descent
from train.shrinking.measure import Measured, measured

TABLE = "units.txt"
SEEN = (
    "Warning: the first network was trained on these examples, so that its accuracy"
    " there, and the floor, say little about others: train it with the same"
    " --num-validation."
)
FIGURE = "units.png"


def tell(config: UnitsConfig) -> list[dict[str, Any]]:
    """Prints what came out and what to try next; returns the summaries of the rounds.

    The table and the figure are made where they are not there; a table that is there
    is printed as it was measured.
    """
    folder = Path(config.workdir)
    way = hosts.from_first(lambda: descent.way(config))
    table, figure = folder / TABLE, folder / runs.FIGURES / FIGURE
    if not hosts.from_first(table.exists):
        with activity("measuring both networks"):
            both = _both(config)
            # Out of files that the first of several processes has written.
            record.write_text(
                table, hosts.from_first(lambda: _text(config, way, *both))
            )
    if hosts.is_first():
        if not figure.exists():
            with figures.attempt(figure):
                figures.save(_figure(config, way), figure)
        print(f"{table.read_text()}\nTable: {table}")
        if figure.exists():
            print(f"Figure: {figure}")
        words = ["python", "-m", "analysis.spectrum", str(folder)]
        print(f"\nNext: {shlex.join(words)}")
    return hosts.from_first(
        lambda: [runs.read_summary(Path(each.workdir)) for each in way]
    )


def _both(config: UnitsConfig) -> list[Measured]:
    """The network before and after."""
    dataset, mesh = data.load(config), devices.make_mesh(config.num_devices)
    return [
        measured(runs.load(name, data=False), dataset, mesh)
        for name in (config.source, config.workdir)
    ]


def _text(
    config: UnitsConfig, way: list[UnitsRun], before: Measured, after: Measured
) -> str:
    device = jax.devices()[0]
    machine = f"on one {device.device_kind} ({device.platform})"
    parts = [
        f"{config.workdir}: the network of {config.source} without"
        f" {counted(_count(before) - _count(after), 'unit')} of {_count(before):,}.",
        format_table(["layer", "units before", "after"], _layers(before, after)),
        format_table(["", "before", "after", "ratio"], _rows(before, after)),
        "FLOPs: forward pass for one example, 2 a multiply-add, kernels only. Bytes: of"
        " the stored parameters. Latency: median of a compiled forward pass"
        f" {machine}; another machine has other times.",
    ]
    if config.floor_accuracy is not None:
        way = descent.tried(config)
        parts += judged(config)
    if way:
        parts.append(_rounds(config, way))
    parts.append(
        f"Which units are left: units.json of {config.workdir}, in the network that it"
        " came from and in the first."
    )
    return "\n\n".join(parts)


def _count(network: Measured) -> int:
    return sum(network.units.values())


def _layers(before: Measured, after: Measured) -> list[list[str]]:
    return [
        [name, f"{count:,}", f"{after.units.get(name, 0):,}"]
        for name, count in before.units.items()
    ]


def _rows(before: Measured, after: Measured) -> list[list[str]]:
    rows = []

    def row(name, x, y, spec, end="", ratio=True):
        share = f"{y / x:.3f}" if ratio and x else ""
        rows.append([name, f"{x:{spec}}{end}", f"{y:{spec}}{end}", share])

    row("parameters", before.parameters, after.parameters, ",")
    if before.flops is not None and after.flops is not None:
        row("FLOPs", before.flops, after.flops, ",")
    row("bytes", before.size, after.size, ",")
    for size in before.seconds:
        x, y = 1e6 * before.seconds[size], 1e6 * after.seconds[size]
        row(f"latency, batch {size} (us)", x, y, ",.0f")
    for name in before.accuracies:
        x, y = 100 * before.accuracies[name], 100 * after.accuracies[name]
        row(f"{name} accuracy", x, y, ".2f", " %", ratio=False)
    return rows


def floor_text(config: UnitsConfig) -> str:
    """What the accuracy was judged on, and what was found."""
    seen = not _is_held_out(config)
    also = f", on which {config.source} was trained" if seen else ""
    return (
        f"The smallest network found whose accuracy stays at {config.floor_accuracy},"
        f" judged on the {counted(config.num_validation, 'validation example')}{also}."
        " The test split decided on nothing."
    )


def judged(config: UnitsConfig) -> list[str]:
    """`floor_text`, and a warning where it says little."""
    return [floor_text(config), *([] if _is_held_out(config) else [SEEN])]


def _is_held_out(config: UnitsConfig) -> bool:
    """Whether the first network was not trained on the validation split."""
    theirs: Any = config
    while isinstance(theirs, UnitsConfig):
        theirs = runs.read_config(runs.parse(theirs.source).folder)
        split = theirs.num_validation, theirs.data_seed
        if split != (config.num_validation, config.data_seed):
            return False
    return True


def _rounds(config: UnitsConfig, rounds: list[UnitsRun]) -> str:
    held_out = config.num_validation > 0
    rows = []
    for each in rounds:
        summary = runs.read_summary(Path(each.workdir))
        row = [str(each.round), f"{summary['num_params']:,}"]
        for split in ("validation", "test") if held_out else ("test",):
            row += [f"{100 * value:.2f} %" for value in _accuracies(each, split)]
        rows.append([*row, each.workdir])
    header = ["round", "parameters"]
    header += ["validation: removed", "trained"] if held_out else []
    return format_table([*header, "test: removed", "trained", "run"], rows)


def _accuracies(each: UnitsRun, split: str = "test") -> tuple[float, float]:
    """Before a round's training and after it."""
    return tuple(_at(Path(each.workdir), step, split) for step in (0, each.steps))


def _at(folder: Path, step: int, split: str = "test") -> float:
    lines = runs.read_metrics(folder)
    found = [x for x in lines if x["split"] == split and x["step"] == step]
    return found[0]["accuracy"] if found else float("nan")


def _figure(config: UnitsConfig, way: list[UnitsRun]) -> figures.Figure:
    source = runs.parse(config.source)
    step = runs.step_of(source)
    first = runs.describe(source.folder, data=False)
    last = runs.describe(Path(config.workdir), data=False)
    before, after = (
        specification(each.components.model, each.shapes.params).sizes
        for each in (first, last)
    )
    whole = sum(leaf.size for leaf in jax.tree.leaves(first.shapes.params))
    kept, removed, trained = [1.0], [], [_at(source.folder, step)]
    for each in way:
        summary = runs.read_summary(Path(each.workdir))
        kept.append(summary["num_params"] / whole)
        just, then = _accuracies(each)
        removed.append(just)
        trained.append(then)
    return figures.shrinking(before, after, kept, removed, trained)
