"""The figure of the ablation, out of what was measured."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.studies.plateau import plots
from analysis.studies.plateau.runs import Measured
from analysis.studies.plateau.scales import FACTORS, NETWORKS, PLAIN, WHOLE
from landscape.figures import save as save_figure


def save(folder: Path, measured: Measured, formats: Sequence[str] = ("png",)) -> None:
    """Writes figure.png."""
    curves, halves, below = {}, {}, {}
    for name in reversed(NETWORKS):
        lines, label = measured.lines[name], labels()[name]
        ts = np.array(lines[0]["ts"])
        curves[label] = ts, [_left(line["losses"]) for line in lines]
        halves[label] = [line["half"] for line in lines]
        below[label] = [line["below_chance"] for line in lines]
    ends = [f"{name}: {measured.networks[name]}" for name in (WHOLE, PLAIN)]
    data = folder.name.removeprefix("plateau-")
    note = f"on {data};  {';  '.join(ends)}"
    figure = plots.ablation(curves, halves, below, note)
    save_figure(figure, folder / "figure.png", formats)


def labels() -> dict[str, str]:
    """Networks by what they lack."""
    found = {name: f"without {factor}" for name, factor in FACTORS.items()}
    return found | {WHOLE: WHOLE, PLAIN: PLAIN, "two classes": "with two classes"}


def _left(losses: Sequence[float]) -> np.ndarray:
    """What is left of the fall: 1 at the first point, 0 at the last.

    >>> _left([3.0, 2.0, 1.0]).tolist()
    [1.0, 0.5, 0.0]
    """
    values = np.asarray(losses)
    return (values - values[-1]) / (values[0] - values[-1])
