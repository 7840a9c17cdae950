"""Spectra within the mask, and the objective along directions in and out of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.figures import colors, style

PANELS = "spectrum within the mask", "descent within the mask", "descent out of it"


def rows(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Figure:
    """A row a sparsity: all eigenvalues, and the objective along directions.

    Args:
      found: sparsity as text -> solution -> "eigenvalues", their "curve" (see
        `analysis.spectra.Curve`; None: the eigenvalues are the ends alone), the
        "error" of an end, and "inside" and "outside": "gradient" and perhaps
        "eigenvector" -> distances and change of the objective.
    """
    with style():
        figure = Figure(figsize=(10.2, 2.7 * len(found) + 0.5), layout="constrained")
        grid = figure.subplots(len(found), 3, squeeze=False)
        names = list(next(iter(found.values())))
        shades = dict(zip(names, colors(), strict=False))
        for axes, (key, solutions) in zip(grid, found.items(), strict=True):
            for name, each in solutions.items():
                _spectrum(axes[0], each, shades[name])
                for panel, side in ((axes[1], "inside"), (axes[2], "outside")):
                    _lines(panel, each[side], shades[name])
            for panel, title in zip(axes, PANELS, strict=True):
                panel.set_title(f"{100 * float(key):g} %: {title}")
            _finish(axes)
        marks = [Line2D([], [], color=shades[name]) for name in names]
        marks += [Line2D([], [], color="0.3", ls=line) for line in ("-", "--")]
        words = [
            *names,
            "minus the gradient",
            "lowest eigenvector of largest fall",
        ]
        figure.legend(marks, words, loc="outside lower center", ncols=len(words))
        return figure


def _spectrum(axes, each, color) -> None:
    values, curve = each["eigenvalues"], each["curve"]
    if curve is not None:
        floor = 1e-2 / len(values) / np.abs(values).max()
        shown = np.where(curve.value > floor, curve.value, np.nan)
        axes.plot(curve.grid, shown, color=color, lw=1.0)
    for end in (values.max(), values.min()):
        # Where its sign is not known it has none.
        if abs(end) > each["error"]:
            axes.axvline(end, ymax=0.12, color=color, lw=1.4)


def _lines(axes, directions, color) -> None:
    for name, line in (("gradient", "-"), ("eigenvector", "--")):
        if name in directions:
            ts, change = directions[name]
            axes.plot(ts, 1e3 * change, color=color, ls=line, lw=1.1)


def _finish(axes) -> None:
    spectrum, *descents = axes
    spectrum.set_xscale("symlog", linthresh=1e-4)
    spectrum.set_xticks([-1e-2, 0, 1e-3, 1e-2, 1e-1, 1])
    spectrum.tick_params(axis="x", labelsize=6)
    spectrum.set_yscale("log")
    spectrum.set(xlabel="eigenvalue", ylabel="density (1 / eigenvalue)")
    lowest = min(
        (np.nanmin(line.get_ydata()) for each in descents for line in each.lines),
        default=0.0,
    )
    depth = max(-lowest, 1e-3)
    for each in descents:
        each.axhline(0, color="gray", lw=0.6)
        each.set_xscale("symlog", linthresh=1e-2)
        each.set_xticks([-1, -0.1, 0, 0.1, 1])
        each.set_xlim(-4, 4)
        each.set_ylim(-1.15 * depth, 0.6 * depth)
        each.set(xlabel="distance", ylabel="change of objective (10$^{-3}$ nats)")
