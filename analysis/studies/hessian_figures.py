"""Figures 1 to 8 of paper 3, out of what the study measured."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from analysis.studies.hessian_runs import JUDGED, Measured
from landscape.figures import hessian
from landscape.figures import save as save_figure

PAPER = Path(__file__).with_name("sagun2017.json")
THRESHOLD = 3.5e-3
"""The line of figure 2, and below that of figure 4."""


def save(folder: Path, measured: Measured) -> None:
    """Writes figure1.png to figure8.png."""
    paper = json.loads(PAPER.read_text())
    first = next(iter(measured.batches))
    sizes = sorted(measured.batches[first], key=int)
    names = {f"SB ({sizes[0]})": sizes[0], f"LB ({sizes[1]})": sizes[1]}
    batches = {name: measured.batches[first][size] for name, size in names.items()}
    parameters = {f"{h} units": seeds for h, seeds in measured.widths.items() if seeds}
    title = f"rate {first}, equal steps"
    figures = {
        "1": hessian.whole(measured.whole, paper["fig1"]),
        "2": hessian.by_classes(
            {k: _tops(seeds) for k, seeds in measured.blobs[JUDGED[0]].items()},
            {key[5:]: _points(paper, key) for key in paper if key[:5] == "fig2_"},
            THRESHOLD,
        ),
        "3": hessian.edges(
            {name: _ranked(_tops(seeds)) for name, seeds in parameters.items()},
            {f"M = {m}": _points(paper, f"fig3_{m}") for m in SIZES},
            "rank",
            log=True,
        ),
        "4": hessian.edges(
            {name: _ranked(_tops(seeds, 45)) for name, seeds in batches.items()},
            {"SB (10)": _points(paper, "fig4_SB10"),
             "LB (512)": _points(paper, "fig4_LB512")},
            "rank",
            note=title,
        ),
        "5": hessian.edges(
            {name: _left(seeds, None) for name, seeds in parameters.items()},
            {f"M = {m}": _points(paper, f"fig5_{m}") for m in SIZES},
            "rank / number of parameters",
        ),
        "6": hessian.edges(
            {name: _left(seeds, 0.02) for name, seeds in batches.items()},
            {"SB (10)": _points(paper, "fig6_SB"),
             "LB (512)": _points(paper, "fig6_LB")},
            "rank / number of parameters",
            note=title,
        ),
        "7": hessian.phases([found["curves"] for found in measured.phases],
                            paper["fig7"]),
        "8": hessian.line(measured.phases, paper["fig8"]),
    }  # fmt: skip
    for number, figure in figures.items():
        save_figure(figure, folder / f"figure{number}.png")


SIZES = (7960, 23860, 39760, 55660)


def _points(paper: dict[str, Any], key: str) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(paper[key]).T)


def _tops(seeds: list[dict[str, Any]], count: int = 136) -> list[list[float]]:
    return [found["largest"][:count] for found in seeds]


def _ranked(seeds: list[list[float]]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.arange(1, len(values) + 1), np.array(values)) for values in seeds]


def _left(seeds: list[dict[str, Any]], upto: float | None):
    """The small end over the share of the rank, the most negative first.

    Up to where it gets to -1e-5 of the largest, or to the share `upto`.
    """
    curves = []
    for found in seeds:
        values = np.array(found.get("all", found["smallest"][::-1]))[::-1]
        share = np.arange(len(values)) / found["size"]
        top = found["largest"][0]
        shown = values < -1e-5 * top if upto is None else share <= upto
        curves.append((share[shown], values[shown]))
    return curves[:1] if "all" in seeds[0] else curves
