"""One number over the steps of several trainings."""

import math
import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from landscape.figures.axis_scales import plain_numbers, stretch
from landscape.figures.method_looks import Look, looks, mean_and_range
from landscape.figures.styles import Figure, plain, style

Curve = tuple[list[int], list[float]]
"""Steps and values."""

MOST = 28
"""Labels that a figure tells apart."""

_WIDTH = 4.4
_DASH = 4
"""Length, in widths of the line."""
_FEW = 1e3
"""Quotient of the ends of a log axis up to which its numbers are decimals."""


def curves(
    groups: dict[str, list[Curve]],
    ylabel: str,
    *,
    log: bool = False,
    accuracy: bool = False,
) -> Figure:
    """Curves over steps; a label that begins with a method has the method's colour.

    Of two or more that share a label, taken at the same steps, the line is their mean
    and the band goes from the least to the largest. Labels whose curves are the same
    are dashes of one line. Values that are not finite, and on a logarithmic axis those
    that are not positive, are left out.

    Args:
      groups: label -> its curves (of several seeds, say); at most `MOST`.
      ylabel: of the axis, with its unit.
      log: whether the axis is logarithmic.
      accuracy: whether it is of accuracies in percent, stretched towards the best one.

    >>> curves({"pruned": [([0, 5], [10.0, 90.0])]}, "accuracy").axes[0].get_xlabel()
    'step'
    """
    shown = {
        label: [(steps, _shown(values, log)) for steps, values in members]
        for label, members in groups.items()
    }
    with style():
        longest = 0.5 + 0.075 * max(map(len, groups))
        columns = max(1, min(len(groups), int(_WIDTH / longest)))
        rows = math.ceil(len(groups) / columns)
        figure = Figure(figsize=(_WIDTH, 2.8 + 0.17 * rows), layout="constrained")
        axes = figure.subplots()
        methods = [re.split(r",| \(", label)[0] for label in groups]
        for label, look in zip(groups, looks(methods), strict=True):
            same = [name for name in groups if groups[name] == groups[label]]
            if len(same) > 1:
                gap = _DASH * (len(same) - 1)
                place = -_DASH * same.index(label) % (_DASH + gap)
                look["ls"] = (place, (_DASH, gap))
            _draw(axes, shown[label], look | {"markevery": 0.15}, plain(label))
        axes.set(xlabel="step", ylabel=ylabel)
        values = [v for members in shown.values() for _, each in members for v in each]
        _scale(axes, [value for value in values if np.isfinite(value)], log, accuracy)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=columns)
        return figure


def _shown(values: Sequence[float], log: bool) -> np.ndarray:
    array = np.asarray(values, float)
    return np.where(np.isfinite(array) & ((array > 0) | (not log)), array, np.nan)


def _draw(
    axes: Axes, members: list[tuple[list[int], np.ndarray]], look: Look, label: str
) -> None:
    steps = members[0][0]
    if all(each == steps for each, _ in members):
        mean_and_range(axes, steps, [each for _, each in members], label=label, **look)
        return
    for number, (each, values) in enumerate(members):
        axes.plot(each, values, label=label if number == 0 else None, **look)


def _scale(axes: Axes, values: list[float], log: bool, accuracy: bool) -> None:
    if accuracy:
        stretch(axes, values)
    elif log and values:
        axes.set_yscale("log")
        if max(values) < _FEW * min(values):
            plain_numbers(axes.yaxis)
