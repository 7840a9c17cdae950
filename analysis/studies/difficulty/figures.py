"""Figures 1 and 3 to 8 of paper 1, out of what the study measured."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analysis.studies.difficulty import plots, plots_norm
from analysis.studies.difficulty.runs import Measured
from landscape.figures import save as save_figure

PAPER = Path(__file__).with_name("evci2019.json")
INIT = {"ID-1": "dense", "IS-1": "lottery", "IS-2": "new sparse"}
"""The paper's name of an initialisation, and what it is: of which network."""
CURVES = {
    "linear": ("straight line", "linear P-S->S-S"),
    "quadratic, sparse": ("quadratic curve, in the mask", "Bez2 sparse"),
    "quadratic, dense": ("quadratic curve, dense", "Bez2 dense"),
}
"""Path -> title, and the paper's name of its curve."""
ENDS = "t   (0: pruned,  1: scratch)"


def titles() -> dict[str, str]:
    """The paper's name of an initialisation -> title of the line that starts there."""
    return {name: f"from {word} initialisation ({name})" for name, word in INIT.items()}


def save(folder: Path, measured: Measured, formats: Sequence[str] = ("png",)) -> None:
    """Writes figure1.png, figure3.png ... figure8.png, and figure-batch-norm.png."""
    paper = json.loads(PAPER.read_text())
    from_init = titles()
    lines = {title: f"Fig3|{panel}->P-S" for panel, title in from_init.items()}
    l2 = {title: f"Fig6 L2|{panel}" for panel, title in from_init.items()}
    entropy = {title: f"Fig7 CE|{panel}" for panel, title in from_init.items()}
    labels = dict.fromkeys(from_init.values(), "t   (0: initialisation,  1: pruned)")
    between = {title: paths for title, paths in CURVES.values()}
    terms = {"objective": "total", "cross-entropy": "CE", "L2 term": "L2"}
    cubic = "cubic, sparse"

    def panels(ours, theirs, ylabel, labels, note, **settings):
        theirs = {name: _paper(paper, key) for name, key in theirs.items()}
        return plots.panels(ours, theirs, ylabel, labels, note, **settings)

    def paths(named, term):
        return {
            title: _curves(measured.paths[name], term) for name, title in named.items()
        }

    objective = "objective (nats)"
    figures = {
        "1": plots.accuracies(
            _percent(measured.accuracy),
            paper["accuracy"],
            100 * float(np.mean(measured.zeros["0"])),
            paper["dense_accuracy"],
        ),
        "3": panels(
            paths(from_init, "objective"),
            lines,
            objective,
            labels,
            "straight lines to the pruned network",
        ),
        "4": panels(
            paths({name: title for name, (title, _) in CURVES.items()}, "objective"),
            between,
            objective,
            dict.fromkeys(between, ENDS),
            "between the pruned and the scratch network",
            log=True,
        ),
        "5": plots.from_zeros(
            {k: [100 * x for x in v] for k, v in measured.zeros.items()},
            (paper["zeros"]["zeros"], paper["zeros"]["accuracy"]),
        ),
        "6": panels(
            paths(from_init, "L2 term"),
            l2,
            "L2 term (nats)",
            labels,
            "L2 term alone, straight lines to the pruned network",
        ),
        "7": panels(
            paths(from_init, "cross-entropy"),
            entropy,
            "cross-entropy (nats)",
            labels,
            "cross-entropy alone, straight lines to the pruned network",
        ),
        "8": panels(
            {term: _curves(measured.paths[cubic], term) for term in terms},
            terms,
            "loss (nats)",
            dict.fromkeys(terms, ENDS),
            "cubic curve in the mask, between the pruned and the scratch network",
            one_scale=False,
        ),
    }
    if measured.norm_modes:
        figures["-batch-norm"] = _norm_modes(measured)
    for number, figure in figures.items():
        save_figure(figure, folder / f"figure{number}.png", formats)


def _norm_modes(measured: Measured):
    high = measured.sparsities_used[-1]
    words = titles() | {"linear": "pruned to scratch (P-S to S-S)"}
    lines = next(iter(measured.norm_modes.values()))
    panels = {
        words[name]: {
            mode: _curves({"": [found[name]]}, "objective")[""][0]
            for mode, found in measured.norm_modes.items()
        }
        for name in lines
    }
    note = f"straight lines by the statistics of batch norm, {_short(high)}, first seed"
    return plots_norm.modes(panels, note)


def _short(key: str) -> str:
    return f"{100 * float(key):g} % removed"


def _curves(found: dict[str, list[dict[str, Any]]], term: str):
    parts = {"objective": ("losses", "l2"), "cross-entropy": ("losses",)}
    names = parts.get(term, ("l2",))
    return {
        key: [
            (np.array(f["ts"]), np.sum([f[name] for name in names], axis=0))
            for f in seeds
        ]
        for key, seeds in found.items()
    }


def _paper(paper: dict[str, Any], panel: str):
    """The paper's curves of a panel, by sparsity; figures 3 to 8 name them apart."""
    prefixes = ("", "Fig4|", "Fig8 cubic|")
    return {
        key.rpartition("|")[2]: [tuple(map(np.array, curve))]
        for key, curve in paper["curves"].items()
        if key.rpartition("|")[0] in [prefix + panel for prefix in prefixes]
    }


def _percent(accuracy):
    return {
        solution: {key: [100 * x for x in values] for key, values in points.items()}
        for solution, points in accuracy.items()
    }
