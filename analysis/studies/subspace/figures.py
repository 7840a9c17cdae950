"""The figure of the study of the sparse subspace, out of its numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis import spectra
from analysis.studies.difficulty.solutions import SOLUTIONS
from analysis.studies.difficulty.trainings import folder_of
from analysis.studies.subspace import plots
from analysis.studies.subspace.runs import Measured
from landscape import runs
from landscape.figures import save as save_figure


def save(folder: Path, measured: Measured, formats: Sequence[str] = ("png",)) -> None:
    """Writes figure.png: a row a sparsity, the first seed's solutions as trained."""
    analyses = measured.looks["trained"]
    rows = {
        key: {name: _drawn(analyses[name][key][0]) for name in SOLUTIONS}
        for key in measured.sparsities_used
    }
    high = max(measured.sparsities_used, key=float)
    settings = runs.read_config(
        Path(folder_of(measured.root, float(high), 0)) / SOLUTIONS[0]
    )
    figure = plots.rows(rows, settings.weight_decay, "first seed, as trained")
    save_figure(figure, folder / "figure.png", formats)


def _drawn(analysis) -> dict:
    inside, outside = analysis["inside"], analysis["outside"]
    values = np.array(inside["eigenvalues"])
    found = {
        "eigenvalues": values,
        "curve": _curve(values) if inside["exact"] else None,
        "error": inside["smallest_errors"][0],
        "inside": {"gradient": _line(inside["down"])},
        "outside": {"gradient": _line(outside["down"])},
    }
    for side, lines in (("inside", inside), ("outside", outside)):
        if lines["eigenvectors"]:
            steepest = max(lines["eigenvectors"], key=lambda each: each["fall"])
            found[side]["eigenvector"] = _line(steepest)
    return found


def _curve(values: np.ndarray) -> spectra.Curve:
    """All eigenvalues, smoothed as those of a density without spread."""
    weights = np.full((1, len(values)), 1 / len(values))
    isolated = np.ones((1, len(values)), bool)
    whole = spectra.Density(values[None], weights, weights, isolated, len(values), 0)
    return spectra.smoothed(whole, linear=1e-4 * float(np.abs(values).max()))


def _line(found) -> tuple[np.ndarray, np.ndarray]:
    """Distances and the objective, less what it is at distance 0."""
    return np.array(found["ts"]), np.array(found["losses"]) - found["start"]
