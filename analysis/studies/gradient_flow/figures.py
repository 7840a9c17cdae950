"""The figures of the study, out of what it measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.studies.gradient_flow import plots, plots_flow, plots_sweep
from analysis.studies.gradient_flow.published import PUBLISHED
from analysis.studies.gradient_flow.runs import Measured
from analysis.studies.gradient_flow.sweep_settings import ENTRIES
from analysis.studies.gradient_flow.text import sparsity_of
from landscape.figures import Figure
from landscape.figures import save as save_figure


def save(
    folder: Path, measured: Measured, data_set: str, formats: Sequence[str] = ("png",)
) -> None:
    """Writes the figures, each of what the claims of its part judge."""
    if measured.sweep:
        figures = _sweep(measured, data_set)
    else:
        figures = {"table": _table(measured)}
    if measured.initial:
        note = "gradient of the data loss at initialisation, one point a seed"
        figures["initial-gradient"] = plots_flow.of_initial(measured.initial, note)
    if measured.updates:
        note = "Hessian within the mask around mask updates, one curve an update"
        figures["mask-updates"] = plots_flow.of_updates(measured.updates, note)
    if measured.escape:
        note = "LeNet-300-100, trained again from a static solution"
        figures["escape"] = plots_flow.of_escape(measured.escape, note)
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png", formats)


def _table(measured: Measured) -> Figure:
    ours = {name: _in_percent(row) for name, row in measured.table.items()}
    theirs = {}
    if measured.with_published:
        theirs = {name: row._asdict() for name, row in PUBLISHED.items()}
    note = "networks at 95 % sparsity, ours (points) and published (strokes)"
    return plots.of_rows(ours, theirs, note if theirs else note.partition(",")[0])


def _in_percent(row: dict[str, Any]) -> dict[str, Any]:
    together = row["ensemble"]
    return row | {
        "accuracy": _percent(row["accuracy"]),
        "ensemble": None if together is None else 100 * together,
    }


def _sweep(measured: Measured, data_set: str) -> dict[str, Figure]:
    panels = {"equal steps": measured.sweep, "equal training FLOPs": measured.equal}
    patterns = [entry.name for entry in ENTRIES if entry.pattern]
    seeds = len(measured.sweep["dense"]["0"]["accuracy"])
    over = f"mean and standard deviation of {seeds} seeds" if seeds > 1 else "one seed"
    return {
        "accuracy": plots_sweep.accuracies(
            {title: _curves(found) for title, found in panels.items()},
            {
                t: _percent(found["dense"]["0"]["accuracy"])
                for t, found in panels.items()
            },
            patterns,
            f"LeNet-300-100 on {data_set}, {over}",
        ),
        "density": plots_sweep.densities(
            _densities(measured.sweep),
            "weights that each method keeps, by layer (methods set beside each other)",
        ),
    }


def _curves(found: Mapping[str, Mapping[str, Any]]) -> plots_sweep.Curves:
    return {
        name: {sparsity_of(key): _percent(each["accuracy"]) for key, each in by.items()}
        for name, by in found.items()
        if name != "dense"
    }


def _densities(found: Mapping[str, Mapping[str, Any]]):
    """Of methods that find masks of their own, at sparsities that all of them have."""
    names = [
        each.name
        for each in ENTRIES
        if each.alone and each.method != "small-dense" and each.name in found
    ]
    return {
        f"{100 * float(key):g} %": {name: found[name][key]["layers"] for name in names}
        for key in found["pruning"]
    }


def _percent(values: list[float]) -> list[float]:
    return [100 * value for value in values]
