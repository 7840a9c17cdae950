"""Spectra of several layers, or of several runs, in one figure."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from landscape.figures.eigenvalues import ZERO, Known, draw, known, scale_ends
from landscape.figures.method_looks import looks
from landscape.figures.signed_axes import LINEAR, around, signed_log
from landscape.figures.spectra import (
    ENDS,
    floor_of,
    legend,
    panel_title,
    scale_density,
)
from landscape.figures.styles import Figure, plain, style

_MARKS = ("o", "s", "^", "D", "v", "P", "X")


def spectra_by_layer(
    found: dict[str, dict[str, Any]], curves: dict[str, dict[str, Any]], title: str
) -> Figure:
    """The largest eigenvalues and density of each layer, and a comparison of layers.

    Args:
      found: name of a layer -> "trace", perhaps with "trace_error", and the numbers
        that `spectrum` takes, except the curve.
      curves: name -> grid and value, see `analysis.spectra.Curve`.
      title: of the figure.
    """
    with style():
        height = max(3.2, 1.1 + 0.2 * len(found))
        figure = Figure(figsize=(10.4, height), layout="constrained")
        compared, edge, density = figure.subplots(1, 3)
        shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(found)))
        tops = [known(layer, "largest") for layer in found.values()]
        for row, (color, name, top) in enumerate(zip(shades, found, tops, strict=True)):
            layer = found[name]
            _compare(compared, row, layer, top, color)
            ranks = np.arange(1, len(top.values) + 1)
            draw(edge, ranks, top, fmt=".-", lw=0.7, color=color)
        for mark, what in (
            ("o", "largest eigenvalue"),
            ("s", "trace +- 2 standard errors"),
        ):
            compared.plot([], [], mark, ms=4, color="0.4", label=what)
        if any(top.zero.any() for top in tops):
            compared.plot([], [], "o", mfc="white", color="0.4", ms=4, label=ZERO)
        compared.set_yticks(range(len(found)), [plain(name) for name in found])
        compared.invert_yaxis()
        compared.set(title="layers", xlabel="eigenvalue, or trace")
        layers = found.values()
        firsts = [top.shown[0] for top in tops if len(top.shown)]
        ends = np.array([*firsts, *(layer["trace"] for layer in layers)])
        linear = LINEAR * (np.abs(ends).max() or 1.0)
        signed_log(compared, "x", *around(ends, linear), linear)
        scale_ends(edge, tops, _largest(found))
        edge.set(title=panel_title("largest", tops), xlabel="rank", ylabel="eigenvalue")
        sizes = [layer["size"] for layer in layers]
        _densities(density, list(curves.values()), sizes, shades, _largest(found))
        legend(figure, [compared])
        figure.suptitle(f"{plain(title)}; colours as on the left", fontsize=9)
        return figure


def spectra_of_runs(
    found: dict[str, dict[str, Any]], curves: dict[str, dict[str, Any]], title: str
) -> Figure:
    """Both edges and the density of several runs, over each other.

    Args:
      found: name of a run -> the numbers that `spectrum` takes, except the curve.
      curves: name -> grid and value, see `analysis.spectra.Curve`.
      title: of the figure.
    """
    with style():
        figure = Figure(figsize=(10.4, 3.5), layout="constrained")
        *edges, density = figure.subplots(1, 3)
        palette = [look["color"] for look in looks(list(found), marks=False)]
        largest = _largest(found)
        for axes, name in zip(edges, ENDS, strict=True):
            ends = [known(run, name) for run in found.values()]
            for i, end in enumerate(ends):
                ranks = np.arange(1, len(end.values) + 1)
                look = {"fmt": f"{_MARKS[i % len(_MARKS)]}-", "lw": 0.7}
                draw(axes, ranks, end, color=palette[i], **look)
            scale_ends(axes, ends, largest)
            rank = "rank" if name == "largest" else "rank from the smallest"
            axes.set(title=panel_title(name, ends), xlabel=rank, ylabel="eigenvalue")
        for i, name in enumerate(found):
            mark = _MARKS[i % len(_MARKS)]
            look = {"color": palette[i], "marker": mark, "ms": 4, "lw": 1}
            density.plot([], [], label=plain(name), **look)
        sizes = [run["size"] for run in found.values()]
        _densities(density, list(curves.values()), sizes, palette, largest)
        legend(figure, [density, *edges])
        figure.suptitle(plain(title), fontsize=9)
        return figure


def _largest(found) -> float:
    """The largest magnitude of eigenvalues of all spectra that have converged."""
    ends = (known(each, end) for each in found.values() for end in ENDS)
    return max([0.0, *(np.abs(end.shown).max(initial=0) for end in ends)])


def _densities(axes: Axes, curves, sizes, shades, largest: float) -> None:
    """The densities over each other, without the eigenvalues that are found alone."""
    grids, floors = [], []
    for curve, size, color in zip(curves, sizes, shades, strict=True):
        grid, value = np.asarray(curve["grid"]), np.asarray(curve["value"])
        floors.append(floor_of(grid, size))
        shown = value > floors[-1]
        axes.plot(grid, np.where(shown, value, np.nan), lw=1, color=color)
        grids.append(grid[shown] if shown.any() else grid)
    scale_density(axes, grids, 10 * LINEAR * (largest or 1.0))
    axes.set_ylim(bottom=min(floors))
    axes.set_title("density without outermost eigenvalues")


def _compare(axes: Axes, row: int, layer, top: Known, color) -> None:
    """The largest eigenvalue and the trace of one layer, with their errors."""
    bars = {"color": color, "ms": 4, "capsize": 2, "elinewidth": 0.8}
    trace, error = layer["trace"], layer.get("trace_error") or 0.0
    axes.errorbar(trace, row, xerr=2 * error, fmt="s", **bars)
    if top.num_left_out and not (top.nonzero | top.zero)[0]:
        return
    first = 0.0 if top.zero[0] else top.values[0]
    axes.plot([first, trace], [row, row], color=color, lw=0.8)
    axes.errorbar(first, row, xerr=top.errors[0], fmt="o", **bars)
