"""The figure of the ablation, out of what was measured."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.studies.plateau import plots
from analysis.studies.plateau.runs import Measured
from analysis.studies.plateau.scales import NETWORKS
from landscape.figures import save as save_figure


def save(folder: Path, measured: Measured, formats: Sequence[str] = ("png",)) -> None:
    """Writes figure.png."""
    curves, halves = {}, {}
    for name in reversed(NETWORKS):
        lines, words = measured.lines[name], measured.networks[name]
        ts = np.array(lines[0]["ts"])
        curves[words] = ts, [_left(line["losses"]) for line in lines]
        halves[words] = [line["half"] for line in lines]
    save_figure(plots.ablation(curves, halves), folder / "figure.png", formats)


def _left(losses: Sequence[float]) -> np.ndarray:
    """What is left of the fall: 1 at the first point, 0 at the last.

    >>> _left([3.0, 2.0, 1.0]).tolist()
    [1.0, 0.5, 0.0]
    """
    values = np.asarray(losses)
    return (values - values[-1]) / (values[0] - values[-1])
