"""Figures: arrays in, a matplotlib `Figure` out. The only importer of matplotlib."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

_STYLE = Path(__file__).with_name("paper.mplstyle")


def save(figure: Figure, path: Path) -> None:
    """Writes a figure, making its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(fname=_STYLE):
        # Layout takes no account of what an equal aspect shifts: nothing is cut off.
        figure.savefig(path, bbox_inches="tight", pad_inches=0.05)


def training(runs: dict[str, list[list[dict[str, Any]]]]) -> Figure:
    """Loss, test accuracy and sparsity over steps, one colour a label.

    The accuracy axis shows the last 20 points below the best and leaves the start out.

    Args:
      runs: label to the runs that share it (several seeds, say), each the lines of its
        metrics.jsonl.
    """
    with matplotlib.rc_context(fname=_STYLE):
        colors = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
        figure = Figure(figsize=(9.6, 2.9), layout="constrained")
        loss, accuracy, sparsity = figure.subplots(1, 3)
        best = 0.0
        curves = [
            (i, lines) for i, group in enumerate(runs.values()) for lines in group
        ]
        for i, lines in curves:
            color = colors[i % len(colors)]
            train, test = _Columns(lines, "train"), _Columns(lines, "test")
            loss.plot(*train("loss"), color=color)
            loss.plot(*test("loss"), "--", color=color)
            accuracy.plot(*test("accuracy", 100), "--", color=color)
            # Equal masks lie on one another: later ones are drawn thinner.
            width = 2.6 / (i + 1)
            sparsity.plot(*train("sparsity", 100), color=color, lw=width)
            best = max(best, *test("accuracy", 100)[1])
        loss.set(yscale="log", ylabel="cross-entropy (nats)")
        accuracy.set(ylabel="test accuracy (%)", ylim=(max(0, best - 20), best + 1))
        sparsity.set(ylabel="weights removed (%)", ylim=(-3, 103))
        for axes in (loss, accuracy, sparsity):
            axes.set(xlabel="step")
        marks = [
            Line2D([], [], color=colors[i % len(colors)]) for i in range(len(runs))
        ]
        marks += [Line2D([], [], color="gray", ls=style) for style in ("-", "--")]
        names = [*runs, "training", "test"]
        figure.legend(marks, names, loc="outside upper center", ncols=len(names))
        return figure


def path(
    ts: np.ndarray, values: dict[str, np.ndarray], ends: tuple[str, str], title: str
) -> Figure:
    """Objective with its two terms, and accuracy, along a path.

    Args:
      ts: [T], 0 and 1 are the two solutions.
      values: "loss" and "l2", the terms of the objective, and "accuracy", each [T].
      ends: names of the solutions at t = 0 and t = 1.
      title: the kind of path.
    """
    with matplotlib.rc_context(fname=_STYLE):
        figure = Figure(figsize=(7.2, 2.9), layout="constrained")
        loss, accuracy = figure.subplots(1, 2)
        loss.plot(ts, values["loss"] + values["l2"], label="objective")
        loss.plot(ts, values["loss"], "--", label="cross-entropy")
        loss.plot(ts, values["l2"], ":", label="L2 term")
        loss.set(ylabel="loss (nats)")
        accuracy.plot(ts, 100 * values["accuracy"], color="black")
        accuracy.set(ylabel="training accuracy (%)")
        for axes in (loss, accuracy):
            axes.set(xlabel=f"t   (0: {ends[0]},  1: {ends[1]})")
            for end in (0, 1):
                axes.axvline(end, color="gray", lw=0.6)
        figure.legend(loc="outside lower center", ncols=3)
        figure.suptitle(title, fontsize=9)
        return figure


def surface(
    alphas: np.ndarray,
    betas: np.ndarray,
    losses: np.ndarray,
    coordinates: np.ndarray,
    labels: list[str] | None,
    title: str,
    axes_labels: tuple[str, str],
) -> Figure:
    """A loss on a plane: filled contours, evenly spaced in the logarithm above the
    lowest value; what is above the highest level is drawn in one colour, and what is
    not finite is white.

    Args:
      alphas: [columns].
      betas: [rows].
      losses: [rows, columns].
      coordinates: [n, 2], points to mark; joined as a trajectory unless they have
        labels or there is one alone.
      labels: of the points.
      title: of the figure.
      axes_labels: of alphas and betas.
    """
    with matplotlib.rc_context(fname=_STYLE):
        figure = Figure(figsize=(5.6, 4.4), layout="constrained")
        axes = figure.subplots()
        levels = contour_levels(losses)
        shown = np.ma.masked_invalid(losses)
        norm = matplotlib.colors.BoundaryNorm(levels, 256, extend="max")
        filled = axes.contourf(
            alphas, betas, shown, levels, norm=norm, cmap="viridis", extend="max"
        )
        axes.contour(alphas, betas, shown, levels, colors="white", linewidths=0.3)
        bar = figure.colorbar(filled, ax=axes, label="objective (nats)", ticks=levels)
        bar.ax.set_yticklabels([f"{level:.3g}" for level in levels])
        x, y = coordinates.T
        ink = {"color": "white", "markeredgecolor": "black", "clip_on": False}
        if labels is None and len(x) > 1:
            axes.plot(x, y, "-", color="white", lw=1)
            axes.plot(x[:-1], y[:-1], "o", ms=3, **ink)
            axes.plot(x[-1], y[-1], "*", ms=10, **ink)
        else:
            axes.plot(x, y, "o", ms=6, **ink)
        for point, label in zip(coordinates, labels or [], strict=False):
            axes.annotate(
                label,
                point,
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1},
            )
        axes.set(xlabel=axes_labels[0], ylabel=axes_labels[1], aspect="equal")
        axes.grid(False)
        figure.suptitle(title, fontsize=9)
        return figure


def contour_levels(losses: np.ndarray, count: int = 12) -> np.ndarray:
    """Levels evenly spaced in log(loss - lowest), from the lowest to the 90th centile.

    >>> contour_levels(np.array([[1.0, 2.0], [11.0, np.nan]]), 3).round(2).tolist()
    [1.0, 1.08, 9.2]
    """
    finite = losses[np.isfinite(losses)]
    lowest = finite.min() if finite.size else 0.0
    above = np.quantile(finite - lowest, 0.9) if finite.size else 0.0
    if above <= 0:
        return lowest + np.linspace(0, 1, count)
    return lowest + np.append(0, np.geomspace(0.01, 1, count - 1) * above)


class _Columns:
    """The lines of one split, read by column."""

    def __init__(self, lines: list[dict[str, Any]], split: str):
        self._lines = [line for line in lines if line["split"] == split]

    def __call__(self, name: str, scale: float = 1) -> tuple[list, list]:
        values = [scale * line[name] for line in self._lines]
        return [line["step"] for line in self._lines], values
