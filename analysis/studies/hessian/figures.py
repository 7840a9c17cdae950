"""The figures of paper 3 and of Sagun et al. 2016, out of what was measured."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from analysis.spectra import marchenko_pastur_density
from analysis.studies.hessian import (
    gd_vs_sgd,
    many_initialisations,
    marchenko_pastur,
    plots,
    plots_2016,
)
from analysis.studies.hessian.runs import Measured
from analysis.studies.hessian.scales import JUDGED
from landscape.figures import save as save_figure

PAPER = Path(__file__).with_name("sagun2017.json")
THRESHOLD = 3.5e-3
"""The line of figure 2, and below that of figure 4."""


def save(folder: Path, measured: Measured, formats: Sequence[str] = ("png",)) -> None:
    """Writes figure1.png to figure9.png, 7 and 8 for each data set, and 2016-*.png."""
    paper = json.loads(PAPER.read_text())
    first = next(iter(measured.batches))
    sizes = sorted(measured.batches[first], key=int)
    names = {f"SB ({sizes[0]})": sizes[0], f"LB ({sizes[1]})": sizes[1]}
    batches = {name: measured.batches[first][size] for name, size in names.items()}
    parameters = {f"{h} units": seeds for h, seeds in measured.widths.items() if seeds}
    title = f"rate {first}, equal steps"
    descents = {
        name.replace("start", "initialisation"): found
        for name, found in measured.descents.items()
    }
    figures = {
        "1": plots.whole(measured.whole, paper["fig1"]),
        "2": plots.by_classes(
            {k: _tops(seeds) for k, seeds in measured.blobs[JUDGED[0]].items()},
            {key[5:]: _points(paper, key) for key in paper if key[:5] == "fig2_"},
            THRESHOLD,
        ),
        "3": plots.edges(
            {name: _ranked(_tops(seeds)) for name, seeds in parameters.items()},
            {f"M = {m}": _points(paper, f"fig3_{m}") for m in SIZES},
            "rank",
            log=True,
        ),
        "4": plots.edges(
            {name: _ranked(_tops(seeds, 45)) for name, seeds in batches.items()},
            {"SB (10)": _points(paper, "fig4_SB10"),
             "LB (512)": _points(paper, "fig4_LB512")},
            "rank",
            note=title,
        ),
        "5": plots.edges(
            {name: _left(seeds, None) for name, seeds in parameters.items()},
            {f"M = {m}": _over_largest(paper, m) for m in SIZES},
            "rank / number of parameters",
            ylabel="eigenvalue / largest",
            note="first seed",
        ),
        "6": plots.edges(
            {name: _left(seeds, 0.02) for name, seeds in batches.items()},
            {"SB (10)": _points(paper, "fig6_SB"),
             "LB (512)": _points(paper, "fig6_LB")},
            "rank / number of parameters",
            note=f"{title}, first seed",
        ),
        "9": plots_2016.pastur(
            measured.pastur,
            partial(marchenko_pastur_density, variance=marchenko_pastur.WEIGHT),
        ),
    }  # fmt: skip
    for name, seeds in measured.phases.items():
        curves = [found["curves"] for found in seeds]
        figures[f"7-{name}"] = plots.phases(curves, paper["fig7"])
        figures[f"8-{name}"] = plots.line(seeds, paper["fig8"])
    figures = {f"figure{number}": figure for number, figure in figures.items()}
    figures |= {
        "2016-patterns": plots_2016.histograms(measured.noise),
        "2016-starts": plots_2016.initialisations(
            measured.starts["largest"], many_initialisations.STD
        ),
        "2016-descents": plots_2016.descents(descents, gd_vs_sgd.TS),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png", formats)


SIZES = (7960, 23860, 39760, 55660)


def _points(paper: dict[str, Any], key: str) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(paper[key]).T)


def _over_largest(paper: dict[str, Any], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The paper's figure 5 in units of figure 3's largest eigenvalue."""
    ranks, values = _points(paper, f"fig5_{size}")
    return ranks, values / _points(paper, f"fig3_{size}")[1].max()


def _known(found: dict[str, Any], end: str) -> np.ndarray:
    """NaN, which is not drawn, for what has not converged; 0 for what is zero."""
    values = np.array(found[end])
    errors = np.array(found.get(f"{end}_errors", np.zeros(len(values))))
    converged = np.array(found.get(f"{end}_converged", [True] * len(values)), bool)
    return np.where(converged, np.where(np.abs(values) <= errors, 0.0, values), np.nan)


def _tops(seeds: list[dict[str, Any]], count: int = 136) -> list[list[float]]:
    return [_known(found, "largest")[:count].tolist() for found in seeds]


def _ranked(seeds: list[list[float]]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.arange(1, len(values) + 1), np.array(values)) for values in seeds]


def _left(seeds: list[dict[str, Any]], upto: float | None):
    """The small end of the first seed over rank / number of parameters, lowest first.

    Up to `upto`; without it in units of the largest eigenvalue, up to -1e-5 of it.
    """
    found = seeds[0]
    values = (
        np.array(found["all"])[::-1] if "all" in found else _known(found, "smallest")
    )
    ranks = np.arange(len(values)) / found["size"]
    if upto is None:
        values = values / found["largest"][0]
        shown = values < -1e-5
    else:
        shown = ranks <= upto
    return [(ranks[shown], values[shown])]
