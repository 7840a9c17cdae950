"""Spectra of symmetric matrices."""

import math
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from landscape.figures.eigenvalues import ZERO, draw, draw_end, known, shade_rounding
from landscape.figures.styles import colors, plain, style


def spectrum(found: dict[str, Any], title: str) -> Figure:
    """Both edges over rank, the density (log-y over symlog-x), and its integral.

    What is not known is not drawn as if it were: an eigenvalue has its error, one that
    has not converged is left out, one that is zero within its error is drawn at zero,
    and the integral of the density is a band between the bounds of the quadrature.

    Args:
      found: "largest" and "smallest" (eigenvalues, the outermost first), "size" (the
        number of all), "curve" (the fields of `analysis.spectra.Curve`). If they are
        known, "largest_errors", "smallest_errors", "largest_converged" and
        "smallest_converged", of the former; "resolution", the magnitude up to which an
        eigenvalue is rounding; and "all", descending.
      title: of the figure.
    """
    with style():
        everything = found.get("all")
        count = 4 if everything is None else 5
        figure = Figure(figsize=(3.2 * count, 3.0), layout="constrained")
        panels = list(figure.subplots(1, count))
        if everything is not None:
            _all(panels.pop(0), everything, found.get("resolution", 0.0))
        for axes, end in zip(panels, ("largest", "smallest"), strict=False):
            ranks = np.arange(1, len(found[end]) + 1)
            ranks = ranks if end == "largest" else found["size"] + 1 - ranks
            draw_end(axes, ranks, known(found, end))
            axes.set(title=f"{end} eigenvalues", xlabel="rank", ylabel="eigenvalue")
        _density(panels[2], found["curve"], found["size"])
        _cumulative(panels[3], found["curve"])
        figure.suptitle(plain(title), fontsize=9)
        return figure


def spectra_by_layer(
    found: dict[str, dict[str, Any]], curves: dict[str, dict[str, Any]], title: str
) -> Figure:
    """The largest eigenvalues and density of each layer, and a comparison of layers.

    Args:
      found: name of a layer -> "trace", perhaps with "trace_error", and the numbers
        that `spectrum` takes, but for the curve.
      curves: name -> grid and value, see `analysis.spectra.Curve`.
      title: of the figure.
    """
    with style():
        height = max(3.0, 0.9 + 0.2 * len(found))
        figure = Figure(figsize=(10.4, height), layout="constrained")
        compared, edge, density = figure.subplots(1, 3)
        shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(found)))
        tops = [known(layer, "largest") for layer in found.values()]
        log = all((top.values[top.nonzero] > 0).all() for top in tops)
        for row, (color, name, top) in enumerate(zip(shades, found, tops, strict=True)):
            layer, curve = found[name], curves[name]
            _compare(compared, row, layer, top, color)
            line = {"fmt": ".-", "lw": 0.7, "color": color}
            draw(edge, np.arange(1, len(top.values) + 1), top, log=log, **line)
            grid, value = np.array(curve["grid"]), np.array(curve["value"])
            shown = np.where(value > _floor(grid, layer["size"]), value, np.nan)
            density.plot(grid, shown, lw=0.9, color=color)
        for mark, what in (
            ("o", "largest eigenvalue"),
            ("s", "trace +- 2 standard errors"),
        ):
            compared.plot([], [], mark, ms=4, color="0.4", label=what)
        layers = found.values()
        ends = [v for each in layers for v in (each["largest"][0], each["smallest"][0])]
        scale = np.abs([*ends, *(layer["trace"] for layer in layers)]).max() or 1.0
        compared.set_yticks(range(len(found)), [plain(name) for name in found])
        compared.invert_yaxis()
        compared.set(title="layers", xlabel="eigenvalue, or trace")
        compared.set_xscale("symlog", linthresh=1e-4 * scale)
        left_out = sum(top.num_left_out for top in tops)
        note = f" ({left_out} not converged: left out)" if left_out else ""
        edge.set(title=f"largest eigenvalues{note}", xlabel="rank", ylabel="eigenvalue")
        if log and any(top.nonzero.any() for top in tops):
            edge.set_yscale("log")
        if any(top.zero.any() for top in tops):
            compared.plot([], [], "o", mfc="none", color="0.4", ms=4, label=ZERO)
        figure.legend(
            *compared.get_legend_handles_labels(), fontsize=7, ncols=3,
            loc="outside lower center",
        )  # fmt: skip
        widest = np.array([min(*ends, 0.0), max(*ends, 0.0)])
        _symlog(density, "x", widest, 1e-4 * (np.ptp(widest) or 1.0))
        density.set_yscale("log")
        floors = [_floor(np.array(curves[n]["grid"]), found[n]["size"]) for n in found]
        density.set_ylim(bottom=min(floors))
        density.set(title="density without isolated eigenvalues", xlabel="eigenvalue")
        density.set_ylabel("density (1 / eigenvalue)")
        figure.suptitle(f"{plain(title)}; colours as on the left", fontsize=9)
        return figure


def _compare(axes, row, layer, top, color) -> None:
    """The largest eigenvalue and the trace of one layer, with their errors."""
    bars = {"color": color, "ms": 4, "capsize": 2, "elinewidth": 0.8}
    trace, error = layer["trace"], layer.get("trace_error") or 0.0
    axes.errorbar(trace, row, xerr=2 * error, fmt="s", **bars)
    if top.num_left_out and not (top.nonzero | top.zero)[0]:
        return
    axes.plot([top.values[0], trace], [row, row], color=color, lw=0.8)
    axes.errorbar(top.values[0], row, xerr=top.errors[0], fmt="o", **bars)


def _floor(grid: np.ndarray, size: int) -> float:
    """A hundredth of an eigenvalue over the whole range: less is not shown."""
    return 1e-2 / size / max(np.abs(grid).max(), 1e-300)


def _all(axes, values, resolution) -> None:
    values = np.asarray(values)
    largest = np.abs(values).max() or 1.0
    linear = 10 * resolution or 1e-6 * largest
    shown = np.where(np.abs(values) <= resolution, 0.0, values)
    axes.plot(np.arange(1, len(values) + 1), shown, ".", ms=2)
    axes.set(title="all eigenvalues", xlabel="rank", ylabel="eigenvalue")
    _symlog(axes, "y", np.array([shown.min(), shown.max()]), linear)
    if resolution:
        shade_rounding(axes, resolution)
        axes.legend(fontsize=6)


def _cumulative(axes, curve) -> None:
    blue = colors()[0]
    low, high = (100 * np.asarray(curve[f"{m}_fraction"]) for m in ("min", "max"))
    label = "bounds of the quadrature"
    axes.fill_between(
        curve["grid"], low, high, color=blue, alpha=0.25, lw=0, label=label
    )
    for bound in (low, high):
        axes.plot(curve["grid"], bound, color=blue, lw=0.7)
    _symlog(axes, "x", curve["grid"], curve["linear"])
    axes.set(title="cumulative", xlabel="eigenvalue", ylim=(-3, 103))
    axes.set_ylabel("eigenvalues up to it (%)")
    axes.legend(fontsize=6)


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
    _symlog(axes, "x", curve["grid"], curve["linear"])
    axes.set_yscale("log")
    axes.set_ylim(bottom=floor)
    axes.set(title="density", xlabel="eigenvalue", ylabel="density (1 / eigenvalue)")
    axes.legend(fontsize=6, loc="upper right")


def _symlog(axes, which, ends, linear) -> None:
    """A symmetric log axis with ticks at zero and at up to four decades a side."""
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    getattr(axes, f"set_{which}scale")("symlog", linthresh=linear)
    first = math.ceil(math.log10(3 * linear))
    ticks = [0.0]
    for sign, end in ((-1, -ends[0]), (1, ends[-1])):
        last = math.floor(math.log10(end)) if end > 0 else first - 1
        step = max(1, math.ceil((last - first + 1) / 4))
        ticks += [sign * 10.0**k for k in range(last, first - 1, -step)]
    axis.set_ticks(ticks)
    axes.tick_params(axis=which, labelsize=6)
