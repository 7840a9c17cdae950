"""Spectra of symmetric matrices."""

import math
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from landscape.figures.style import colors, style


def spectrum(found: dict[str, Any], title: str) -> Figure:
    """Both edges over their rank, and the density: log-y over symlog-x.

    Args:
      found: "largest" and "smallest" (eigenvalues, the outermost first), "size" (how
        many there are), "curve" (grid, value, spread, linear and stems, see
        `analysis.smoothing.Curve`), and "all", descending, if they are known.
      title: of the figure.
    """
    with style():
        everything = found.get("all")
        figure = Figure(
            figsize=(9.6 if everything is None else 12.4, 3.0), layout="constrained"
        )
        panels = list(figure.subplots(1, 3 if everything is None else 4))
        if everything is not None:
            _all(panels.pop(0), everything)
        right, left, density = panels
        _edge(right, found["largest"], "largest eigenvalues", 1)
        _edge(left, found["smallest"], "smallest eigenvalues", found["size"])
        _density(density, found["curve"], found["size"])
        figure.suptitle(title, fontsize=9)
        return figure


def spectra_by_layer(
    found: dict[str, dict[str, Any]], curves: dict[str, dict[str, Any]], title: str
) -> Figure:
    """The right edge and the density of each layer, and how the layers compare.

    Args:
      found: name of a layer -> "largest" (outermost first), "trace".
      curves: name -> grid and value, see `analysis.smoothing.Curve`.
      title: of the figure.
    """
    with style():
        height = max(3.0, 0.9 + 0.2 * len(found))
        figure = Figure(figsize=(10.4, height), layout="constrained")
        compared, edge, density = figure.subplots(1, 3)
        shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(found)))
        places = np.arange(len(found))
        for place, color, (name, layer) in zip(
            places, shades, found.items(), strict=True
        ):
            top, trace = layer["largest"][0], layer["trace"]
            compared.plot([top, trace], [place, place], color=color, lw=0.8)
            compared.plot(top, place, "o", ms=4, color=color)
            compared.plot(trace, place, "s", ms=4, color=color)
            values = np.array(layer["largest"])
            edge.plot(np.arange(1, len(values) + 1), values, ".-", lw=0.7, color=color)
            grid, value = (np.array(curves[name][part]) for part in ("grid", "value"))
            shown = value > 1e-2 / layer["size"] / max(np.abs(grid).max(), 1e-300)
            density.plot(grid[shown], value[shown], lw=0.9, color=color)
        for mark, what in (("o", "largest eigenvalue"), ("s", "trace")):
            compared.plot([], [], mark, ms=4, color="0.4", label=what)
        compared.set_yticks(places, found)
        compared.invert_yaxis()
        compared.set(title="layers", xlabel="eigenvalue, or sum of them")
        compared.set_xscale("symlog", linthresh=1e-4 * _highest(found))
        compared.legend(fontsize=6, loc="best")
        edge.set(title="largest eigenvalues", xlabel="rank", ylabel="eigenvalue")
        if min(min(layer["largest"]) for layer in found.values()) > 0:
            edge.set_yscale("log")
        widest = max((curve["grid"] for curve in curves.values()), key=np.ptp)
        _symlog(density, np.array(widest), 1e-4 * _highest(found))
        density.set_yscale("log")
        density.set(title="density", xlabel="eigenvalue")
        density.set_ylabel("density (1 / eigenvalue)")
        density.tick_params(axis="x", labelsize=6)
        figure.suptitle(f"{title}; colours as at the left", fontsize=9)
        return figure


def _highest(found) -> float:
    return max(layer["largest"][0] for layer in found.values())


def _all(axes, values) -> None:
    axes.plot(np.arange(1, len(values) + 1), values, ".", ms=2)
    axes.set(title="all eigenvalues", xlabel="rank", ylabel="eigenvalue")


def _edge(axes, values, title, last) -> None:
    ranks = np.arange(1, len(values) + 1)
    if last > 1:
        ranks = last + 1 - ranks
    axes.plot(ranks, values, "o", ms=3)
    if values.min() > 0 and values.max() > 30 * values.min():
        axes.set_yscale("log")
    else:
        axes.axhline(0, color="gray", lw=0.6)
    axes.set(title=title, xlabel="rank", ylabel="eigenvalue")


def _density(axes, curve, size) -> None:
    blue, red = colors()[:2]
    value, spread = curve["value"], curve["spread"]
    # Less than a hundredth of one eigenvalue a decade is not in the matrix.
    floor = 1e-2 / size / max(np.abs(curve["grid"]).max(), 1e-300)
    shown = np.where(value > floor, value, np.nan)
    axes.plot(curve["grid"], shown, color=blue, label="density")
    if spread.any():
        low = np.maximum(value - spread, floor)
        axes.fill_between(
            curve["grid"], low, value + spread, where=value > floor, color=blue,
            alpha=0.25, lw=0, label="spread over probes",
        )  # fmt: skip
    stems = curve["stems"]
    if len(stems):
        bottom, top = floor, value.max() if (value > floor).any() else 100 * floor
        height = bottom * (top / bottom) ** 0.25
        axes.vlines(stems, bottom, height, color=red, lw=0.9, label="single eigenvalue")
    _symlog(axes, curve["grid"], curve["linear"])
    axes.set_yscale("log")
    axes.set_ylim(bottom=floor)
    axes.set(title="density", xlabel="eigenvalue", ylabel="density (1 / eigenvalue)")
    axes.tick_params(axis="x", labelsize=6)
    axes.legend(fontsize=6)


def _symlog(axes, grid, linear) -> None:
    """A symmetric log axis with ticks at zero and at decades that have room."""
    axes.set_xscale("symlog", linthresh=linear)
    first = math.ceil(math.log10(3 * linear))
    ticks = [0.0]
    for sign, end in ((-1, -grid[0]), (1, grid[-1])):
        last = math.floor(math.log10(end)) if end > 0 else first - 1
        step = max(1, math.ceil((last - first + 1) / 4))
        ticks += [sign * 10.0**k for k in range(last, first - 1, -step)]
    axes.set_xticks(ticks)
