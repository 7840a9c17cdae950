"""The loss and the accuracy along paths."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landscape.figures.path_axes import finish
from landscape.figures.styles import Figure, colors, plain, style

SPLITS = {"train": "training", "test": "test"}
_LINES = {"train": "-", "test": "--"}
_WIDE = 3.2
"""Of a line that lies below others."""
_COVERED = 0.5
"""Of its points within [0, 1]."""


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
                below = Curve("", np.asarray(at), at, np.asarray(others["accuracy"]))
                above = Curve("", np.asarray(ts), ts, np.asarray(values["accuracy"]))
                wide = grey | ({"lw": _WIDE} if _is_covered(below, [above]) else {})
                accuracy.plot(at, 100 * others["accuracy"], **wide)
        for label, found, line in terms:
            if label == "L2 term" and _is_far_below(found, terms[0][1]):
                # Drawn, it would press all others flat.
                label = f"L2 term: {np.mean(found):.2g}, not drawn"
                loss.plot([], [], line, label=label)
                continue
            loss.plot(ts, found, line, label=label)
        loss.set(ylabel=f"loss{unit}")
        if accuracy is not None:
            accuracy.plot(ts, 100 * values["accuracy"], color="black")
            accuracy.set(ylabel=_accuracy(split))
        left = finish(figure, ends, title)
        handles, names = loss.get_legend_handles_labels()
        if len(names) + len(left) > 1:
            every = [*handles, *left], [*names, *left.values()]
            figure.legend(*every, loc="outside lower center", ncols=len(every[0]))
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
        for i, curve in enumerate(curves):
            color, line = look[curve.label], _LINES[curve.split]
            _mean(loss, curve.ts, curve.losses, color, line)
            if curve.accuracies is not None:
                # What lies below others looks out on both sides of them.
                look_out = {"lw": _WIDE} if _is_covered(curve, curves[i + 1 :]) else {}
                values = 100 * curve.accuracies
                _mean(accuracy, curve.ts, values, color, line, **look_out)
        splits = list(dict.fromkeys(curve.split for curve in curves))
        loss.set(ylabel=f"{'objective' if split else 'loss'}{unit}")
        if accuracy is not None:
            of = splits[0] if split and len(splits) == 1 else None
            accuracy.set(ylabel=_accuracy(of))
        left = finish(figure, ends, title)
        line = _LINES[splits[0]] if len(splits) == 1 else "-"
        handles = [Line2D([], [], color=look[label], ls=line) for label in labels]
        names = [plain(label) for label in labels]
        if len(splits) > 1:
            handles += [Line2D([], [], color="gray", ls=_LINES[s]) for s in splits]
            names += [SPLITS[s] for s in splits]
        handles, names = [*handles, *left], [*names, *left.values()]
        columns = max(1, min(len(names), 110 // (8 + max(map(len, names)))))
        figure.legend(handles, names, loc="outside lower center", ncols=columns)
        return figure


def _is_far_below(values: np.ndarray, others: np.ndarray) -> bool:
    """Whether values hardly change, and lie further below others than those reach.

    >>> flat, high = np.full(3, 0.1), np.array([1.0, 1.2, 1.1])
    >>> _is_far_below(flat, high), _is_far_below(flat, high - 0.9)
    (True, False)
    """
    height = np.ptp(others)
    return bool(
        np.ptp(values) < 0.1 * height and np.min(others) - np.max(values) > height
    )


def _is_covered(curve: Curve, later: Sequence[Curve]) -> bool:
    """Whether one of the later curves hides the mean accuracy, or most of it.

    >>> ts, ones = np.linspace(0, 1, 3), np.ones(3)
    >>> one, other = (Curve(n, ts, ones, y) for n, y in (("a", ones), ("b", ts)))
    >>> _is_covered(one, [one]), _is_covered(one, [other])
    (True, False)
    """
    inside = (curve.ts >= 0) & (curve.ts <= 1)
    ours = np.atleast_2d(curve.accuracies).mean(0)[inside]
    for other in later:
        if other.accuracies is None:
            continue
        theirs = np.atleast_2d(other.accuracies).mean(0)
        theirs = np.interp(curve.ts[inside], other.ts, theirs)
        both = np.append(ours, theirs)
        near = np.abs(ours - theirs) <= 0.01 * (np.ptp(both) or 1.0)
        if near.mean() >= _COVERED:
            return True
    return False


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


def _mean(axes: Axes, ts, values, color: str, line: str, **look: float) -> None:
    values = np.atleast_2d(values)
    if len(values) > 1:
        axes.fill_between(
            ts, values.min(0), values.max(0), color=color, alpha=0.15, lw=0
        )
    axes.plot(ts, values.mean(0), line, color=color, **look)
