"""The spectrum program's figures, out of the files of its results."""

from typing import Any

import numpy as np

from analysis.programs.results import Arrays
from analysis.programs.spectrum_text import title
from landscape import figures
from landscape.trees import named_leaves

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
    return figures.spectrum(found, title(result))


def draw_layers(result: dict[str, Any], arrays: Arrays) -> figures.Figure:
    """The figure of the spectra of all layers; arrays are <layer>/<part of a curve>."""
    layers = result["by_layer"]
    curves: dict[str, Arrays] = {name: {} for name in layers}
    for name, array in arrays.items():
        layer, _, part = name.rpartition("/")
        curves[layer][part] = array
    return figures.spectra_by_layer(layers, curves, title(result))
