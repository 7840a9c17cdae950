"""The edges of a spectrum over the steps of a training."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landscape.figures.method_looks import looks
from landscape.figures.signed_axes import LINEAR
from landscape.figures.styles import Figure, plain, style

_MARKS = ("o", "s", "^", "D", "v", "P", "X")


def edges_over_steps(found: dict[str, dict[str, Any]], title: str) -> Figure:
    """The largest eigenvalue with the threshold of stability, the smallest, the loss.

    An eigenvalue that has not converged is a hollow marker. Of several runs each has
    its colour, a method its own, and marker; thresholds that are the same are drawn
    once, in grey.

    Args:
      found: of each run by its name "steps", "loss" (nats), and "largest", "smallest",
        each with "_errors" and "_converged"; "stability", the formula of the threshold,
        or None; if it is known "threshold_steps" and "thresholds", NaN where there is
        none.
      title: of the figure.
    """
    with style():
        figure = Figure(figsize=(6.4, 6.6), layout="constrained")
        large, small, loss = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
        palette = [look["color"] for look in looks(list(found), marks=False)]
        several = len(found) > 1
        for i, run in enumerate(found.values()):
            look = {"color": palette[i], "marker": _MARKS[i % 7]}
            _edge(large, run, "largest", look)
            _edge(small, run, "smallest", look)
            loss.plot(run["steps"], run["loss"], ms=3, lw=1, **look)
        handles = _thresholds(large, found, palette if several else [])
        values = np.concatenate([np.ravel(run["largest"]) for run in found.values()])
        if (values > 0).all():
            large.set_yscale("log")
            # A threshold that grows without limit, as a learning rate falls to zero,
            # leaves the axis.
            lowest = [low for low in map(_lowest, found.values()) if low < np.inf]
            shown = [values.min(), values.max(), *lowest]
            large.set_ylim(min(shown) / 1.6, 3 * max(shown))
            handles += _leaving(large, found)
        small.axhline(0, color="gray", lw=0.6)
        # The axis looks no closer at zero than rounding allows.
        least = LINEAR * np.abs(values).max(initial=1e-300)
        low, high = small.get_ylim()
        small.set_ylim(min(low, -least), max(high, least))
        losses = np.concatenate([np.ravel(run["loss"]) for run in found.values()])
        if (losses > 0).all():
            loss.set_yscale("log")
        large.set(ylabel="largest eigenvalue")
        small.set(ylabel="smallest eigenvalue")
        loss.set(xlabel="step", ylabel="training loss (nats)")
        figure.align_ylabels()
        if several:
            handles = [
                Line2D([], [], color=palette[i], marker=_MARKS[i % 7],
                       ms=4, lw=1, label=plain(name))
                for i, name in enumerate(found)
            ] + handles  # fmt: skip
        if any(not all(run[f"{end}_converged"]) for run in found.values()
               for end in ("largest", "smallest")):  # fmt: skip
            handles.append(
                Line2D([], [], color="0.4", marker="o", mfc="white", ls="", ms=4,
                       label="not converged")
            )  # fmt: skip
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=4)
        figure.suptitle(plain(title), fontsize=9)
        return figure


def _edge(axes: Axes, run: dict[str, Any], end: str, look: dict[str, Any]) -> None:
    steps, values = np.asarray(run["steps"]), np.asarray(run[end], float)
    errors = np.asarray(run[f"{end}_errors"], float)
    # Of no sign where zero is within the error.
    values = np.where(np.abs(values) <= errors, 0.0, values)
    known = np.asarray(run[f"{end}_converged"], bool)
    bars = {"elinewidth": 0.8, "capsize": 2, "ms": 3.5, "lw": 0, "ls": "", **look}
    axes.plot(steps, values, color=look["color"], lw=1)
    axes.errorbar(steps[known], values[known], errors[known], **bars)
    if not known.all():
        bars["mfc"] = "white"
        axes.errorbar(steps[~known], values[~known], errors[~known], **bars)


def _thresholds(axes, found, palette: list[str]) -> list[Line2D]:
    """Draws the thresholds, and returns what a legend has of them."""
    curves: dict[tuple, list[int]] = {}
    for i, run in enumerate(found.values()):
        if run["stability"] is not None:
            steps, limits = run["threshold_steps"], np.asarray(run["thresholds"])
            key = (run["stability"], np.asarray(steps).tobytes(), limits.tobytes())
            curves.setdefault(key, []).append(i)
    handles = []
    for (formula, *_), runs in curves.items():
        run = list(found.values())[runs[0]]
        shared = len(runs) > 1 or not palette
        color = "0.35" if shared else palette[runs[0]]
        (line,) = axes.plot(
            run["threshold_steps"], run["thresholds"], color=color, ls="--", lw=1,
            label=f"threshold {formula}",
        )  # fmt: skip
        handles.append(line)
    return handles


def _leaving(axes: Axes, found) -> list[Line2D]:
    """Marks where thresholds run off the top, and returns what a legend has of it."""
    top, marks = axes.get_ylim()[1], set()
    for run in found.values():
        if run["stability"] is not None:
            limits = np.asarray(run["thresholds"], float)
            above = np.flatnonzero((limits[1:] > top) & (limits[:-1] <= top))
            marks |= {run["threshold_steps"][i + 1] for i in above}
    if not marks:
        return []
    look = {"color": "0.35", "marker": "^", "ls": "", "ms": 4}
    axes.plot(sorted(marks), [top] * len(marks), clip_on=False, **look)
    return [Line2D([], [], label="threshold leaves the axis", **look)]


def _lowest(run: dict[str, Any]) -> float:
    """The least threshold of a run; infinite where there is none."""
    limits = [] if run["stability"] is None else np.asarray(run["thresholds"])
    return min((limit for limit in limits if np.isfinite(limit)), default=np.inf)
