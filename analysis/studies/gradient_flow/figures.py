"""The figures of the study, out of what it measured."""

from pathlib import Path
from typing import Any

from analysis.studies.gradient_flow import plots
from analysis.studies.gradient_flow.published import PUBLISHED
from analysis.studies.gradient_flow.runs import Measured
from landscape.figures import save as save_figure


def save(folder: Path, measured: Measured) -> None:
    """Writes the figures, each of what the claims of its part judge."""
    figures = {"table": _table(measured)}
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")


def _table(measured: Measured):
    ours = {name: _in_percent(row) for name, row in measured.table.items()}
    theirs = {}
    if measured.with_published:
        theirs = {name: row._asdict() for name, row in PUBLISHED.items()}
    note = "networks at 95 % sparsity, ours (points) and published (strokes)"
    return plots.of_rows(ours, theirs, note if theirs else note.partition(",")[0])


def _in_percent(row: dict[str, Any]) -> dict[str, Any]:
    together = row["ensemble"]
    return row | {
        "accuracy": [100 * value for value in row["accuracy"]],
        "ensemble": None if together is None else 100 * together,
    }
