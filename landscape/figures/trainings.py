"""A training over its steps."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.figures.styles import colors, plain, style

Lines = list[dict[str, Any]]
"""Those of a metrics.jsonl."""
Curve = tuple[list[int], list[float]]
"""Steps and values."""

_DASH = 4
"""Length, in widths of the line."""
_MARKS = ("", "o", "^", "s", "X")
"""Of the labels that take the first, second, ... turn through the colours."""


def training(runs: dict[str, list[Lines]]) -> Figure:
    """Loss, test accuracy and sparsity over steps.

    A label has a colour, and from the eighth on a mark, of its own. Of three runs or
    more that share it, the line is their mean and the band goes from the least to the
    largest; of fewer, each is a line. Where no run has any weight removed, sparsity is
    left out; labels whose curves of it are the same are dashes of one line.

    The accuracy axis ends below the lowest value, or 20 points below the best one if
    that is higher, and always below the worst last one.

    Args:
      runs: label to the runs that share it (several seeds, say), each the lines of its
        metrics.jsonl.
    """
    with style():
        looks = _looks(len(runs))
        removed = [
            [_curve(lines, "train", "sparsity", 100) for lines in group]
            for group in runs.values()
        ]
        sparse = any(max(c[1], default=0) > 0 for group in removed for c in group)
        panels = 3 if sparse else 2
        figure = Figure(figsize=(3.2 * panels, 2.9), layout="constrained")
        loss, accuracy, *others = figure.subplots(1, panels)
        found = []
        for i, (group, look) in enumerate(zip(runs.values(), looks, strict=True)):
            for split, ls in (("train", "-"), ("test", "--")):
                curves = [_curve(lines, split, "loss") for lines in group]
                _draw(loss, curves, look | {"ls": ls})
            curves = [_curve(lines, "test", "accuracy", 100) for lines in group]
            _draw(accuracy, curves, look | {"ls": "--"})
            found += [values for _, values in curves]
            for axes in others:
                _draw(axes, removed[i], look | _apart(removed, i), "post")
        loss.set(yscale="log", ylabel="cross-entropy (nats)")
        every = [value for values in found for value in values]
        best, lowest = max(every, default=0.0), min(every, default=100.0)
        worst = min((values[-1] for values in found if values), default=100.0)
        low = max(0, min(max(best - 20, lowest - 1), worst - 2))
        accuracy.set(ylabel="test accuracy (%)", ylim=(low, best + 1))
        for axes in others:
            axes.set(ylabel="weights removed (%)", ylim=(-3, 103))
        for axes in (loss, accuracy, *others):
            axes.set(xlabel="step")
        marks = [Line2D([], [], **look) for look in looks]
        marks += [Line2D([], [], color="gray", ls=style) for style in ("-", "--")]
        names = [*map(plain, runs), "training", "test"]
        columns = _columns(names, 3.2 * panels)
        figure.legend(marks, names, loc="outside upper center", ncols=columns)
        return figure


def _looks(number: int) -> list[dict[str, Any]]:
    """Colour and mark of each label."""
    palette = colors()
    return [
        {
            "color": palette[i % len(palette)],
            "marker": _MARKS[i // len(palette) % len(_MARKS)],
            "markersize": 3.5,
        }
        for i in range(number)
    ]


def _apart(every: Sequence[list[Curve]], i: int) -> dict[str, Any]:
    """How the i-th of all is drawn so that those of the same values are all seen."""
    same = [j for j, other in enumerate(every) if other == every[i]]
    # A constant one lies below those that come to its value and leave it.
    values = {value for _, curve in every[i] for value in curve}
    look = {"zorder": 3 - 1 / max(1, len(values))}
    if len(same) > 1:
        gap = _DASH * (len(same) - 1)
        look["ls"] = (-_DASH * same.index(i) % (_DASH + gap), (_DASH, gap))
    return look


def _columns(names: Sequence[str], width: float) -> int:
    """Of a legend, so that its rows fit a figure of this width in inches."""
    # At the size of the style's letters; a handle takes half an inch.
    longest = 0.55 + 0.075 * max(map(len, names))
    rows = math.ceil(len(names) / max(1, int(width / longest)))
    return math.ceil(len(names) / rows)


def _curve(lines: Lines, split: str, name: str, scale: float = 1) -> Curve:
    # Lines of dense runs are without sparsity.
    chosen = [line for line in lines if line["split"] == split and name in line]
    return [line["step"] for line in chosen], [scale * line[name] for line in chosen]


def _draw(
    axes: Axes, curves: list[Curve], look: dict[str, Any], step: str | None = None
) -> None:
    """The mean and the range of three curves or more, else each."""
    look = look | {"drawstyle": f"steps-{step}" if step else "default"}
    # Marks at distances on the paper, not in steps.
    look["markevery"] = 0.15
    steps = curves[0][0]
    if len(curves) > 2 and all(curve[0] == steps for curve in curves):
        values = np.array([curve[1] for curve in curves])
        low, high = values.min(0), values.max(0)
        axes.fill_between(
            steps, low, high, step=step, color=look["color"], alpha=0.15, lw=0
        )
        curves = [(steps, values.mean(0))]
    for curve in curves:
        axes.plot(*curve, **look)
