"""The figures of Sagun et al. 2017, in their arrangement, with theirs drawn thin."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.figures import colors, mean_and_range, seeds_in_words, style

Curve = tuple[np.ndarray, np.ndarray]


def whole(values: Mapping[str, Sequence[float]], paper: Mapping[str, Any]) -> Figure:
    """Figure 1: all eigenvalues over their rank, before and after training.

    Args:
      values: "initial" and "final" -> eigenvalues, descending.
      paper: relative ranks and initial values at them, and the ends of both.
    """
    with style():
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        for axes, (when, given) in zip(
            figure.subplots(1, 2), values.items(), strict=True
        ):
            ascending = np.sort(np.asarray(given))
            ranks = (np.arange(len(ascending)) + 0.5) / len(ascending)
            axes.plot(ranks, ascending, ".", ms=2.5, label="this run")
            their_ranks, theirs = [0, 1], list(paper["ends"][when])
            if when == "initial":
                their_ranks = [0, *paper["share"], 1]
                theirs = [theirs[0], *paper["initial"], theirs[1]]
            axes.plot(
                their_ranks, theirs, "x", color="0.4", ms=4, mew=0.8, label="paper"
            )
            axes.axhline(0, color="gray", lw=0.5)
            axes.set(
                title=f"{when}, {len(ascending)} parameters",
                xlabel="rank / number of parameters",
                ylabel="eigenvalue",
            )
            axes.legend()
        return figure


def by_classes(
    ours: Mapping[str, Sequence[Sequence[float]]],
    theirs: Mapping[str, Curve],
    threshold: float,
) -> Figure:
    """Figure 2: the largest eigenvalues over their rank, a panel a number of classes.

    Args:
      ours: number of classes -> seeds -> eigenvalues, descending; NaN where one has
        not converged.
      theirs: number of classes -> ranks and eigenvalues.
      threshold: the paper's, above which it counts.
    """
    with style():
        columns = min(3, len(ours))
        rows = -(-len(ours) // columns)
        figure = Figure(figsize=(2.6 * columns, 2.4 * rows + 0.4), layout="constrained")
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        panels = list(grid.flat)
        for axes in panels[len(ours) :]:
            axes.axis("off")
        blue, red = colors()[:2]
        for axes, (k, seeds) in zip(panels, ours.items(), strict=False):
            for values in seeds:
                ranks = np.arange(1, len(values) + 1)
                axes.plot(ranks, values, ".", ms=3.5, color=blue, alpha=0.7)
            if k in theirs:
                axes.plot(*theirs[k], "-", color="0.5", lw=0.8)
            axes.axvline(int(k) + 0.5, color=red, lw=0.7, ls="--")
            axes.axhline(threshold, color="0.5", lw=0.7, ls=":")
            high = max(len(values) for values in seeds)
            axes.set(title=f"{k} classes", xlabel="rank", yscale="log")
            axes.set_xlim(0, high + 1)
        shown = [v[: 2 * int(k) + 20] for k, seeds in ours.items() for v in seeds]
        low = min(min(np.nanmin(values) for values in shown), threshold / 20)
        panels[0].set_ylim(bottom=max(low, threshold / 100) / 1.3)
        for line in grid:
            line[0].set_ylabel("eigenvalue")
        marks = [
            Line2D([], [], color=blue, marker=".", ls=""),
            Line2D([], [], color="0.5", lw=0.8),
            Line2D([], [], color="0.5", lw=0.7, ls=":"),
            Line2D([], [], color=red, lw=0.7, ls="--"),
        ]
        known = not any(np.isnan(v).any() for seeds in ours.values() for v in seeds)
        names = [
            f"this run (every seed{'' if known else '; without those not converged'})",
            "paper",
            f"above it an eigenvalue is large in the paper ({threshold:g})",
            "left of it: as many as there are classes",
        ]
        figure.legend(marks, names, loc="outside lower center", ncols=2)
        return figure


def edges(
    ours: Mapping[str, Sequence[Curve]],
    theirs: Mapping[str, Curve],
    xlabel: str,
    shade_of: Mapping[str, Any],
    *,
    log: bool = False,
    ylabel: str = "eigenvalue",
    note: str = "",
) -> Figure:
    """Figures 3 to 6: one edge of several spectra, ours and the paper's side by side.

    Both have the same axes, and a thing that both show has one colour.

    Args:
      ours: label -> curves of all seeds, over the same x.
      theirs: label -> curve.
      xlabel, ylabel: of both.
      shade_of: label -> colour.
      log: whether eigenvalues are on a log axis.
      note: over ours.
    """
    with style():
        figure = Figure(figsize=(7.2, 3.3), layout="constrained")
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        number = 1
        for name, curves in ours.items():
            x = max((x for x, _ in curves), key=len)
            seeds = np.full((len(curves), len(x)), np.nan)
            for row, (_, y) in zip(seeds, curves, strict=True):
                row[: len(y)] = y
            look = {"color": shade_of[name], "marker": ".", "ms": 2.5, "lw": 0.6}
            mean_and_range(left, x, seeds, **look)
            number = max(number, len(curves))
        for name, (x, y) in theirs.items():
            right.plot(x, y, "-", lw=0.9, color=shade_of[name])
        words = [note] if note else []
        if number > 1 or not note:
            words.append(seeds_in_words(number))
        for axes, title in ((left, ", ".join(["this run", *words])), (right, "paper")):
            axes.set(title=title, xlabel=xlabel)
            axes.locator_params(axis="x", nbins=5)
            if log:
                axes.set_yscale("log")
            elif axes.get_ylim()[0] < 0:
                axes.axhline(0, color="gray", lw=0.5)
        left.set_ylabel(ylabel)
        marks = [Line2D([], [], color=color) for color in shade_of.values()]
        figure.legend(
            marks, list(shade_of), loc="outside lower center",
            ncols=min(5, len(shade_of)),
        )  # fmt: skip
        return figure
