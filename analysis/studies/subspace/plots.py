"""Spectra within the mask, and the objective along directions in and out of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.figures import looks, style

PANELS = "spectrum within the mask", "descent within the mask", "descent out of it"


def rows(
    found: Mapping[str, Mapping[str, Mapping[str, Any]]], weight_decay: float, note: str
) -> Figure:
    """A row a sparsity: all eigenvalues, and the objective along directions.

    Args:
      found: sparsity as text -> solution -> "eigenvalues", their "curve" (see
        `analysis.spectra.Curve`; None: the eigenvalues are the ends alone), the
        "error" of an end, and "inside" and "outside": "gradient" and perhaps
        "eigenvector" -> distances and change of the objective.
      weight_decay: the curvature of a weight that the data loss does not feel.
      note: above the figure.
    """
    with style():
        figure = Figure(figsize=(9.2, 2.6 * len(found) + 0.8), layout="constrained")
        grid = figure.subplots(len(found), 3, squeeze=False)
        names = list(next(iter(found.values())))
        shades = {
            name: look["color"] for name, look in zip(names, looks(names), strict=True)
        }
        for axes, (key, solutions) in zip(grid, found.items(), strict=True):
            for name, each in solutions.items():
                _spectrum(axes[0], each, shades[name])
                for panel, side in ((axes[1], "inside"), (axes[2], "outside")):
                    _lines(panel, each[side], shades[name])
            for panel, title in zip(axes, PANELS, strict=True):
                panel.set_title(f"{100 * float(key):g} %: {title}")
            _finish(axes, weight_decay)
        marks = [Line2D([], [], color=shades[name]) for name in names]
        marks += [Line2D([], [], color="0.3", ls=line) for line in ("-", "--")]
        marks.append(Line2D([], [], color="0.3", ls=":"))
        words = [
            *names,
            "along minus the gradient",
            "along the lowest-eigenvalue direction with the largest decrease",
            f"eigenvalue = weight decay ({weight_decay:g})",
        ]
        figure.legend(marks, words, loc="outside lower center", ncols=3)
        figure.suptitle(note, fontsize=9)
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


def _finish(axes, weight_decay: float) -> None:
    spectrum, *descents = axes
    if weight_decay:
        spectrum.axvline(weight_decay, color="0.3", ls=":", lw=1.0)
    spectrum.set_xscale("symlog", linthresh=1e-4)
    _few_ticks(spectrum, [-1e-2, 0, 1e-2, 1])
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
        _few_ticks(each, [-1, -0.1, 0, 0.1, 1])
        each.set_xlim(-4, 4)
        each.set_ylim(-1.15 * depth, 0.6 * depth)
        each.set(
            xlabel="distance from the solution",
            ylabel="change of objective (10$^{-3}$ nats)",
        )


def _few_ticks(axes, ticks) -> None:
    """Plain numbers, few of them: those around 0 would lie on each other."""
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
