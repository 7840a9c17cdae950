"""The spectrum program's figures, out of the files of its results."""

from typing import Any

import numpy as np

from analysis.programs.results import Arrays
from analysis.programs.spectrum import steps_text as spectrum_steps_text
from analysis.programs.spectrum.text import runs_title, title
from analysis.programs.text import short_names
from landscape import figures
from landscape.trees import named_leaves

BETWEEN = "//"
"""In arrays.npz of several runs: between a run and a part of its spectrum."""

SHOWN = "figure"
"""In arrays.npz: what the figure of a spectrum shows is below this name."""


def shown(found: dict[str, Any]) -> Arrays:
    """What `landscape.figures.spectrum` draws, as arrays by name.

    >>> shown({"size": 3, "curve": {"grid": np.zeros(2)}})
    {'figure/curve/grid': array([0., 0.]), 'figure/size': array(3)}
    """
    leaves = named_leaves({SHOWN: found})
    return {name: np.asarray(leaf) for name, leaf in leaves.items()}


def draw(result: dict[str, Any], arrays: Arrays) -> figures.Figure:
    """The figure of one spectrum.

    Args:
      result: the content of result.json.
      arrays: that of arrays.npz, with what `shown` returned.
    """
    found: dict[str, Any] = {}
    for name, value in arrays.items():
        first, *within = name.split("/")
        if first == SHOWN:
            *within, last = within
            inner = found
            for each in within:
                inner = inner.setdefault(each, {})
            inner[last] = value if value.ndim else value.item()
    # As many outliers as classes have H, its part G and the covariance of gradients.
    if result["operator"] != "residual":
        found["num_classes"] = result.get("num_classes")
    found["bulk_edges"] = result["outliers"]["bulk_edges"]
    return figures.spectrum(found, _of_run(result, title(result)))


def draw_layers(result: dict[str, Any], arrays: Arrays) -> figures.Figure:
    """The figure of the spectra of all layers; arrays are <layer>/<part of a curve>."""
    layers = result["by_layer"]
    curves: dict[str, Arrays] = {name: {} for name in layers}
    for name, array in arrays.items():
        layer, _, part = name.rpartition("/")
        curves[layer][part] = array
    return figures.spectra_by_layer(layers, curves, _of_run(result, title(result)))


def draw_steps(result: dict[str, Any], arrays: Arrays) -> figures.Figure:
    """The figure of the edges at the steps of one run."""
    (name,) = short_names([result["run"]])
    found = {name: result | arrays}
    words = _of_run(result, spectrum_steps_text.title(result))
    return figures.edges_over_steps(found, words)


def _of_run(result: dict[str, Any], words: str) -> str:
    """A title that says which run it is of."""
    (name,) = short_names([result["run"]])
    return f"{name}: {words}"


def draw_runs(result: dict[str, Any], arrays: Arrays) -> figures.Figure:
    """The figure of the spectra of several runs; arrays are <run>//<part of one>."""
    parts: dict[str, Arrays] = {name: {} for name in result["by_run"]}
    for label, array in arrays.items():
        name, _, part = label.partition(BETWEEN)
        parts[name][part] = array
    names = short_names(list(parts))
    found = dict(zip(names, result["by_run"].values(), strict=True))
    parts = dict(zip(names, parts.values(), strict=True))
    if result["steps"]:
        found = {name: found[name] | parts[name] for name in names}
        return figures.edges_over_steps(found, runs_title(result))
    return figures.spectra_of_runs(found, parts, runs_title(result))
