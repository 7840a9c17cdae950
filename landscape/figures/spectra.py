"""Spectra of symmetric matrices."""

import math
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from landscape.figures.styles import colors, plain, style


def spectrum(found: dict[str, Any], title: str) -> Figure:
    """Both edges over rank, and the density: log-y over symlog-x.

    Args:
      found: "largest" and "smallest" (eigenvalues, the outermost first), "size" (the
        number of all), "curve" (the fields of `analysis.spectra.Curve`), and "all",
        descending, if they are known.
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
        figure.suptitle(plain(title), fontsize=9)
        return figure


def spectra_by_layer(
    found: dict[str, dict[str, Any]], curves: dict[str, dict[str, Any]], title: str
) -> Figure:
    """The largest eigenvalues and density of each layer, and a comparison of layers.

    Args:
      found: name of a layer -> "largest" and "smallest" (outermost first), "trace" and
        "size".
      curves: name -> grid and value, see `analysis.spectra.Curve`.
      title: of the figure.
    """
    with style():
        height = max(3.0, 0.9 + 0.2 * len(found))
        figure = Figure(figsize=(10.4, height), layout="constrained")
        compared, edge, density = figure.subplots(1, 3)
        shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(found)))
        for row, color, name in zip(range(len(found)), shades, found, strict=True):
            layer, curve = found[name], curves[name]
            top, trace, values = layer["largest"][0], layer["trace"], layer["largest"]
            compared.plot([top, trace], [row, row], color=color, lw=0.8)
            compared.plot(top, row, "o", ms=4, color=color)
            compared.plot(trace, row, "s", ms=4, color=color)
            edge.plot(np.arange(1, len(values) + 1), values, ".-", lw=0.7, color=color)
            grid, value = np.array(curve["grid"]), np.array(curve["value"])
            shown = np.where(value > _floor(grid, layer["size"]), value, np.nan)
            density.plot(grid, shown, lw=0.9, color=color)
        for mark, what in (("o", "largest eigenvalue"), ("s", "trace")):
            compared.plot([], [], mark, ms=4, color="0.4", label=what)
        layers = found.values()
        ends = [v for each in layers for v in (each["largest"][0], each["smallest"][0])]
        scale = np.abs([*ends, *(layer["trace"] for layer in layers)]).max() or 1.0
        compared.set_yticks(range(len(found)), [plain(name) for name in found])
        compared.invert_yaxis()
        compared.set(title="layers", xlabel="eigenvalue, or trace")
        compared.set_xscale("symlog", linthresh=1e-4 * scale)
        compared.legend(fontsize=6, loc="best")
        edge.set(title="largest eigenvalues", xlabel="rank", ylabel="eigenvalue")
        if min(min(layer["largest"]) for layer in layers) > 0:
            edge.set_yscale("log")
        widest = np.array([min(*ends, 0.0), max(*ends, 0.0)])
        _symlog(density, widest, 1e-4 * (np.ptp(widest) or 1.0))
        density.set_yscale("log")
        floors = [_floor(np.array(curves[n]["grid"]), found[n]["size"]) for n in found]
        density.set_ylim(bottom=min(floors))
        density.set(title="density without isolated eigenvalues", xlabel="eigenvalue")
        density.set_ylabel("density (1 / eigenvalue)")
        density.tick_params(axis="x", labelsize=6)
        figure.suptitle(f"{plain(title)}; colours as on the left", fontsize=9)
        return figure


def _floor(grid: np.ndarray, size: int) -> float:
    """A hundredth of an eigenvalue over the whole range: less is not shown."""
    return 1e-2 / size / max(np.abs(grid).max(), 1e-300)


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
    floor = _floor(curve["grid"], size)
    shown = np.where(value > floor, value, np.nan)
    axes.plot(curve["grid"], shown, color=blue, label="density")
    if spread.any():
        low = np.maximum(value - spread, floor)
        axes.fill_between(
            curve["grid"], low, value + spread, where=value > floor, color=blue,
            alpha=0.25, lw=0, label="spread over probes",
        )  # fmt: skip
    isolated = curve["point_masses"]
    if len(isolated):
        bottom, top = floor, value.max() if (value > floor).any() else 100 * floor
        height = bottom * (top / bottom) ** 0.25
        label = "isolated eigenvalue"
        axes.vlines(isolated, bottom, height, color=red, lw=0.9, label=label)
    _symlog(axes, curve["grid"], curve["linear"])
    axes.set_yscale("log")
    axes.set_ylim(bottom=floor)
    axes.set(title="density", xlabel="eigenvalue", ylabel="density (1 / eigenvalue)")
    axes.tick_params(axis="x", labelsize=6)
    axes.legend(fontsize=6)


def _symlog(axes, grid, linear) -> None:
    """A symmetric log axis with ticks at zero and at up to four decades a side."""
    axes.set_xscale("symlog", linthresh=linear)
    first = math.ceil(math.log10(3 * linear))
    ticks = [0.0]
    for sign, end in ((-1, -grid[0]), (1, grid[-1])):
        last = math.floor(math.log10(end)) if end > 0 else first - 1
        step = max(1, math.ceil((last - first + 1) / 4))
        ticks += [sign * 10.0**k for k in range(last, first - 1, -step)]
    axes.set_xticks(ticks)
