"""Spectra of symmetric matrices."""

import math
from typing import Any

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
