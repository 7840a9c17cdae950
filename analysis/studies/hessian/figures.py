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
    plots_batches,
)
from analysis.studies.hessian.runs import Measured
from analysis.studies.hessian.scales import JUDGED
from landscape.figures import save as save_figure
from landscape.figures import shades

PAPER = Path(__file__).with_name("sagun2017.json")
THRESHOLD = 3.5e-3
"""The line of figure 2, and below that of figure 4."""


def save(folder: Path, measured: Measured, formats: Sequence[str] = ("png",)) -> None:
    """Writes figure1.png to figure9.png, 7 and 8 for each data set, and 2016-*.png."""
    paper = json.loads(PAPER.read_text())
    first = next(iter(measured.batches))
    sizes = sorted(measured.batches[first], key=int)
    small, large = (
        f"{word} batches ({size}; paper: {theirs})"
        for word, size, theirs in zip(("small", "large"), sizes, (10, 512), strict=True)
    )
    of_size = measured.batches[first]
    batches = {small: of_size[sizes[0]], large: of_size[sizes[1]]}
    widths = {_units(h): seeds for h, seeds in measured.widths.items() if seeds}
    title = f"rate {first}, equal steps"
    every = sorted({*map(int, measured.widths), *UNITS})
    of_width = dict(zip(map(_units, every), shades(len(every)), strict=True))
    of_batch = dict(zip((small, large), shades(2), strict=True))
    edge = "rank / number of parameters"
    lefts = {name: _left(seeds, 0.02) for name, seeds in batches.items()}
    figures = {
        "1": plots.whole(measured.whole, paper["fig1"]),
        "2": plots.by_classes(
            {k: _tops(seeds) for k, seeds in measured.blobs[JUDGED[0]].items()},
            {key[5:]: _points(paper, key) for key in paper if key[:5] == "fig2_"},
            THRESHOLD,
        ),
        "3": plots.edges(
            {name: _ranked(_tops(seeds)) for name, seeds in widths.items()},
            {_units(h): _points(paper, f"fig3_{m}") for h, m in UNITS.items()},
            "rank",
            of_width,
            log=True,
        ),
        "4": plots.edges(
            {name: _ranked(_tops(seeds, 45)) for name, seeds in batches.items()},
            {small: _points(paper, "fig4_SB10"), large: _points(paper, "fig4_LB512")},
            "rank",
            of_batch,
            log=True,
            note=title,
        ),
        "5": plots.edges(
            {name: _left(seeds, None) for name, seeds in widths.items()},
            {_units(h): _over_largest(paper, m) for h, m in UNITS.items()},
            edge,
            of_width,
            ylabel="eigenvalue / largest",
            note="first seed",
        ),
        "6": plots.edges(
            {name: [*map(_negated, found)] for name, found in lefts.items()},
            {small: _negated(_points(paper, "fig6_SB")),
             large: _negated(_points(paper, "fig6_LB"))},
            edge,
            of_batch,
            log=True,
            ylabel="size of a negative eigenvalue",
            note=f"{title}, first seed",
        ),
        "9": plots_2016.pastur(
            measured.pastur,
            partial(marchenko_pastur_density, variance=marchenko_pastur.WEIGHT),
        ),
    }  # fmt: skip
    for name, seeds in measured.phases.items():
        curves = [found["curves"] for found in seeds]
        figures[f"7-{name}"] = plots_batches.phases(curves, paper["fig7"])
        figures[f"8-{name}"] = plots_batches.line(seeds, paper["fig8"])
    figures = {f"figure{number}": figure for number, figure in figures.items()}
    figures |= {
        "2016-patterns": plots_2016.histograms(measured.noise),
        "2016-starts": plots_2016.initialisations(
            measured.starts["largest"], many_initialisations.STD
        ),
        "2016-descents": plots_2016.descents(measured.descents, gd_vs_sgd.TS),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png", formats)


UNITS = {10: 7960, 30: 23860, 50: 39760, 70: 55660}
"""Of the paper's networks: hidden units, and parameters, by which it names them."""
SIZES = tuple(UNITS.values())


def _units(hidden: int | str) -> str:
    return f"{hidden} hidden units"


def _points(paper: dict[str, Any], key: str) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(paper[key]).T)


def _over_largest(paper: dict[str, Any], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The paper's figure 5 in units of figure 3's largest eigenvalue."""
    ranks, values = _points(paper, f"fig5_{size}")
    return ranks, values / _points(paper, f"fig3_{size}")[1].max()


def _negated(curve: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Of the negative eigenvalues what a log axis can show."""
    ranks, values = curve
    return ranks[values < 0], -values[values < 0]


def _known(found: dict[str, Any], end: str, within: float = 0.0) -> np.ndarray:
    """NaN, which is not drawn, for what is not known; 0 for what is zero up to errors.

    Known is what has converged, or has an error of at most the fraction `within` of the
    outermost value: what can be seen on a linear axis.
    """
    values = np.array(found[end])
    errors = np.array(found.get(f"{end}_errors", np.zeros(len(values))))
    known = np.array(found.get(f"{end}_converged", [True] * len(values)), bool)
    if within:
        known |= errors <= within * np.abs(values).max(initial=0)
    return np.where(known, np.where(np.abs(values) <= errors, 0.0, values), np.nan)


def _tops(seeds: list[dict[str, Any]], count: int = 136) -> list[list[float]]:
    return [_known(found, "largest")[:count].tolist() for found in seeds]


def _ranked(seeds: list[list[float]]) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.arange(1, len(values) + 1), np.array(values)) for values in seeds]


def _left(seeds: list[dict[str, Any]], upto: float | None):
    """The small end of the first seed over rank / number of parameters, lowest first.

    Up to `upto`; without it in units of the largest eigenvalue, up to -1e-5 of it.
    """
    found = seeds[0]
    if "all" in found:
        values = np.array(found["all"])[::-1]
    else:
        values = _known(found, "smallest", 0.02 if upto is None else 0.0)
    ranks = np.arange(len(values)) / found["size"]
    if upto is None:
        values = values / found["largest"][0]
        # With what is not known, which leaves a gap.
        shown = ~(values >= -1e-5)
    else:
        shown = ranks <= upto
    return [(ranks[shown], values[shown])]
