"""The loss and the accuracy along paths."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landscape.figures.bars import short_name
from landscape.figures.styles import Figure, colors, plain, style

MARGIN = 0.06
"""Of the height of a panel, above and below what lies within [0, 1]."""
SPLITS = {"train": "training", "test": "test"}
_LINES = {"train": "-", "test": "--"}


class Curve(NamedTuple):
    """What is drawn of a path, or of the same path of several seeds.

    Attributes:
      label: curves that share it have one colour.
      ts: [T], 0 and 1 are the two solutions.
      losses: [T], or [seeds, T].
      accuracies: the same, or None.
      split: train or test, whose curves are dashed.
    """

    label: str
    ts: np.ndarray
    losses: np.ndarray
    accuracies: np.ndarray | None
    split: str = "train"


def path(
    ts: np.ndarray,
    values: Mapping[str, np.ndarray],
    ends: tuple[str, str],
    title: str = "",
    *,
    split: str | None = "train",
    unit: str = " (nats)",
    behind: tuple[str, np.ndarray, Mapping[str, np.ndarray]] | None = None,
) -> Figure:
    """The loss, with its terms if there are several, and the accuracy along a path.

    The axes end where the curves do within [0, 1]; a triangle marks where one leaves
    them beyond.

    Args:
      ts: [T], 0 and 1 are the two solutions.
      values: "loss" and, if there are any, "l2", which makes the objective with it, and
        "accuracy", each [T].
      ends: names of the solutions at t = 0 and t = 1.
      title: of the figure.
      split: of the accuracy; None: not said.
      unit: of the loss.
      behind: the label, the ts and the values of another path, drawn in grey.
    """
    terms = [("objective", objective(values), "-")]
    if np.any(values.get("l2", 0)):
        terms += [
            ("cross-entropy", values["loss"], "--"),
            ("L2 term", values["l2"], ":"),
        ]
    with style():
        figure, loss, accuracy = _panels("accuracy" in values)
        grey = {"color": "0.55", "zorder": 1.5}
        if behind is not None:
            label, at, others = behind
            loss.plot(at, objective(others), **grey, label=plain(label))
            if accuracy is not None and "accuracy" in others:
                accuracy.plot(at, 100 * others["accuracy"], **grey)
        for label, found, line in terms:
            loss.plot(ts, found, line, label=label)
        loss.set(ylabel=f"loss{unit}")
        if accuracy is not None:
            accuracy.plot(ts, 100 * values["accuracy"], color="black")
            accuracy.set(ylabel=_accuracy(split))
        _finish(figure, ends, title)
        count = len(loss.get_legend_handles_labels()[1])
        if count > 1:
            figure.legend(loc="outside lower center", ncols=count)
        return figure


def several_paths(
    curves: Sequence[Curve],
    ends: tuple[str, str],
    title: str = "",
    *,
    split: str | None = "train",
    unit: str = " (nats)",
) -> Figure:
    """Several paths: the objective and the accuracy, with a colour for each label.

    Of several seeds the line is the mean, and the band goes from the least to the
    largest. The axes end as those of `path` do.

    Args:
      curves: what is drawn.
      ends: what the solutions at t = 0 and t = 1 are.
      title: of the figure.
      split: None: the curves are of no split, and the loss is no objective.
      unit: of the loss.
    """
    with style():
        palette = colors()
        labels = list(dict.fromkeys(curve.label for curve in curves))
        look = {label: palette[i % len(palette)] for i, label in enumerate(labels)}
        with_accuracy = any(curve.accuracies is not None for curve in curves)
        figure, loss, accuracy = _panels(with_accuracy)
        for curve in curves:
            color, line = look[curve.label], _LINES[curve.split]
            _mean(loss, curve.ts, curve.losses, color, line)
            if curve.accuracies is not None:
                _mean(accuracy, curve.ts, 100 * curve.accuracies, color, line)
        splits = list(dict.fromkeys(curve.split for curve in curves))
        loss.set(ylabel=f"{'objective' if split else 'loss'}{unit}")
        if accuracy is not None:
            of = splits[0] if split and len(splits) == 1 else None
            accuracy.set(ylabel=_accuracy(of))
        _finish(figure, ends, title)
        handles = [Line2D([], [], color=look[label]) for label in labels]
        names = [plain(label) for label in labels]
        if len(splits) > 1:
            handles += [Line2D([], [], color="gray", ls=_LINES[s]) for s in splits]
            names += [SPLITS[s] for s in splits]
        columns = max(1, min(len(names), 110 // (8 + max(map(len, names)))))
        figure.legend(handles, names, loc="outside lower center", ncols=columns)
        return figure


def objective(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The loss and, if there is one, its L2 term.

    >>> objective({"loss": np.array([1.0]), "l2": np.array([0.5])}).tolist()
    [1.5]
    """
    return np.asarray(values["loss"]) + np.asarray(values.get("l2", 0.0))


def _panels(with_accuracy: bool) -> tuple[Figure, Axes, Axes | None]:
    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    if not with_accuracy:
        figure.set_size_inches(4.2, 2.9)
        return figure, figure.subplots(), None
    return figure, *figure.subplots(1, 2)


def _accuracy(split: str | None) -> str:
    return f"{SPLITS[split]} accuracy (%)" if split else "accuracy (%)"


def _mean(axes: Axes, ts, values, color: str, line: str) -> None:
    values = np.atleast_2d(values)
    if len(values) > 1:
        axes.fill_between(
            ts, values.min(0), values.max(0), color=color, alpha=0.15, lw=0
        )
    axes.plot(ts, values.mean(0), line, color=color)


def _finish(figure: Figure, ends: tuple[str, str], title: str) -> None:
    start, end = (plain(short_name(name)) for name in ends)
    # Names are not cut by the edge of a small panel.
    short = len(start) + len(end) <= 30
    ends = f"t   (0: {start},  1: {end})" if short else f"t\n0: {start}\n1: {end}"
    for axes in figure.axes:
        axes.set(xlabel=ends)
        ts = np.concatenate([line.get_xdata() for line in axes.lines])
        axes.set_xlim(ts.min(), ts.max())
        for low, high in ((ts.min(), 0), (1, ts.max())):
            axes.axvspan(low, high, color="0.95", lw=0, zorder=0)
        _limit(axes)
    figure.suptitle(plain(title), fontsize=9)


def _limit(axes: Axes) -> None:
    """Ends the y axis where the lines do within [0, 1]; marks those that leave it."""
    lines = list(axes.lines)
    inside = []
    for line in lines:
        ts, ys = (np.asarray(x, float) for x in line.get_data())
        inside.append(ys[(ts >= 0) & (ts <= 1) & np.isfinite(ys)])
    for band in axes.collections:
        for ts, ys in (p.vertices.T for p in band.get_paths()):
            inside.append(ys[(ts >= 0) & (ts <= 1) & np.isfinite(ys)])
    values = np.concatenate(inside)
    if not values.size:
        return
    low, high = values.min(), values.max()
    room = MARGIN * ((high - low) or abs(high) or 1.0)
    axes.set_ylim(low - room, high + room)
    for line in lines:
        for t, y, mark in leaving(*line.get_data(), low - room, high + room):
            axes.plot(t, y, mark, color=line.get_color(), ms=4, clip_on=False)


def leaving(
    ts: np.ndarray, ys: np.ndarray, low: float, high: float
) -> list[tuple[float, float, str]]:
    """Where a curve first leaves [low, high] beyond 0 and beyond 1: t, y and a mark.

    >>> leaving([-1, 0, 1, 2], [5, 1, 1, 1], 0, 3)
    [(-0.5, 3.0, '^')]
    """
    ts, ys = np.asarray(ts, float), np.asarray(ys, float)
    found = []
    for beyond in (np.flatnonzero(ts <= 0)[::-1], np.flatnonzero(ts >= 1)):
        for a, b in pairwise(beyond):
            if low <= ys[a] <= high and not low <= ys[b] <= high:
                if np.isnan(ys[b]):
                    break
                edge, mark = (high, "^") if ys[b] > high else (low, "v")
                part = (edge - ys[a]) / (ys[b] - ys[a])
                found.append((float(ts[a] + part * (ts[b] - ts[a])), float(edge), mark))
                break
    return found
