"""A training over its steps."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from landscape.figures.axis_scales import plain_numbers, stretch
from landscape.figures.method_looks import Look, looks, mean_and_range
from landscape.figures.styles import Figure, plain, style

Lines = list[dict[str, Any]]
"""Those of a metrics.jsonl."""
Curve = tuple[list[int], list[float]]
"""Steps and values."""

_DASH = 6
"""Length, in widths of the line."""
_LINE = 1.3
"""Width of a line on which no other lies, in points."""
_FEW = 50
"""Quotient of the ends of a log axis up to which its numbers are decimals."""
_COVERED = "wide lines: others lie on them"


def training(runs: dict[str, list[Lines]]) -> Figure:
    """Loss, accuracy, gradient norm and sparsity over steps, from step 0 on.

    A method has its colour, and what is none one of its own. Of runs that share a label
    the line is their mean and the band goes from the least to the largest. Sparsity is
    drawn where that of some run changes, the gradient's norm where it is known; labels
    whose sparsities are the same are dashes of one line; of those that partly are the
    first is the widest, and a constant one is wider than those that come to it.

    Accuracies over more than 20 points are on an axis that is stretched towards the
    best one: as far from 99 to 100 % as from 97 to 99 %, and so on.

    Args:
      runs: label to the runs that share it (several seeds, say), each the lines of its
        metrics.jsonl.
    """
    with style():
        marks = looks(list(runs))
        norms = _of_all(runs, "gradient_norm")
        removed = _of_all(runs, "sparsity", 100)
        panels = 2 + _any(norms, lambda values: bool(values))
        panels += _any(removed, lambda values: len(set(values)) > 1)
        rows = 2 if panels == 4 else 1
        columns = panels // rows
        size = (3.4 * columns, 2.5 * rows + 0.5)
        figure = Figure(figsize=size, layout="constrained")
        loss, accuracy, *others = figure.subplots(rows, columns).flat
        accuracies = []
        trained, covered = _of_all(runs, "accuracy", 100), False
        for i, (group, look) in enumerate(zip(runs.values(), marks, strict=True)):
            for split, ls in (("train", "-"), ("test", "--")):
                curves = [_curve(lines, split, "loss") for lines in group]
                _draw(loss, curves, look | {"ls": ls})
                curves = [_curve(lines, split, "accuracy", 100) for lines in group]
                wide = _width(trained, i, 0.9) if split == "train" else {}
                covered = covered or wide.get("lw", 0) > _LINE
                _draw(accuracy, curves, look | {"ls": ls} | wide)
                accuracies += [value for _, values in curves for value in values]
        loss.set(yscale="log", ylabel="cross-entropy (nats)")
        _plain_if_few(loss)
        accuracy.set_ylabel("accuracy (%)")
        if covered:
            _note(accuracy, _COVERED)
        stretch(accuracy, accuracies)
        if _any(norms, lambda values: bool(values)):
            _norms(others.pop(0), norms, marks)
        if others:
            _sparsities(others[0], removed, marks)
        for axes in figure.axes:
            axes.set_xlabel("step")
        handles = [Line2D([], [], **look) for look in marks]
        handles += [Line2D([], [], color="gray", ls=ls) for ls in ("-", "--")]
        names = [*map(plain, runs), "training", "test"]
        if any(len(group) > 1 for group in runs.values()):
            handles.append(Patch(color="gray", alpha=0.25, lw=0))
            names.append("range over seeds")
        figure.legend(
            handles, names, loc="outside upper center", ncols=_columns(names, size[0])
        )
        return figure


def _of_all(runs, name: str, scale: float = 1) -> list[list[Curve]]:
    return [
        [_curve(lines, "train", name, scale) for lines in group]
        for group in runs.values()
    ]


def _any(every: Sequence[list[Curve]], holds: Callable[[list[float]], bool]) -> bool:
    return any(holds(values) for group in every for _, values in group)


def _norms(axes: Axes, every: Sequence[list[Curve]], marks: Sequence[Look]) -> None:
    for group, look in zip(every, marks, strict=True):
        _draw(axes, group, look)
    positive = _any(every, lambda values: min(values, default=0) > 0)
    axes.set(ylabel="gradient norm", yscale="log" if positive else "linear")
    _plain_if_few(axes)


def _plain_if_few(axes: Axes) -> None:
    """Numbers of a log axis over few magnitudes, of which those between are shown."""
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log" and high < _FEW * low:
        plain_numbers(axes.yaxis)


def _sparsities(axes: Axes, every: Sequence[list[Curve]], marks: Sequence[Look]):
    notes = {}
    for i, look in enumerate(marks):
        apart = _apart(every, i)
        if "ls" in apart:
            notes["dashes of several colours: equal values"] = True
        if apart.get("lw", 0) > _LINE:
            notes[_COVERED] = True
        _draw(axes, every[i], look | apart, "post")
    axes.set(ylabel="weights removed (%)", ylim=(-3, 103))
    _note(axes, "\n".join(notes))


def _note(axes: Axes, words: str) -> None:
    axes.set_title(words, fontsize=7.5, color="0.3")


def _apart(every: Sequence[list[Curve]], i: int) -> dict[str, Any]:
    """How the i-th of all is drawn so that all are seen where they are the same."""
    same = [j for j, other in enumerate(every) if other == every[i]]
    # A constant one lies below those that come to its value and leave it.
    values = _values(every[i])
    look: dict[str, Any] = {"zorder": 3 - 1 / max(1, len(values)) + 0.001 * i}
    look |= _width(every, i)
    if len(same) > 1:
        gap = _DASH * (len(same) - 1)
        look["ls"] = (-_DASH * same.index(i) % (_DASH + gap), (_DASH, gap))
    return look


def _width(every: Sequence[list[Curve]], i: int, more: float = 1.4) -> dict[str, float]:
    """That of the i-th of all, on which later ones may lie: more for each.

    On a constant one all lie that are not.
    """
    above = every if len(_values(every[i])) == 1 else every[i + 1 :]
    others = [
        each
        for each in above
        if len(_values(each)) > 1 and each != every[i] and _touch(every[i], each)
    ]
    return {"lw": _LINE + more * min(4, len(others))}


def _values(group: list[Curve]) -> set[float]:
    return {value for _, curve in group for value in curve}


def _touch(group: list[Curve], other: list[Curve]) -> bool:
    """Whether two labels have the same value at two steps or more."""
    points = [
        {each for curve in curves for each in zip(*curve, strict=True)}
        for curves in (group, other)
    ]
    return len(points[0] & points[1]) > 1


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
    """The mean and the range of several curves, or each if their steps differ."""
    look = look | {"drawstyle": f"steps-{step}" if step else "default"}
    # Marks at distances on the paper, not in steps.
    look["markevery"] = 0.15
    steps = curves[0][0]
    if len(curves) > 1 and all(curve[0] == steps for curve in curves):
        mean_and_range(axes, steps, [values for _, values in curves], **look)
        return
    for curve in curves:
        axes.plot(*curve, **look)
