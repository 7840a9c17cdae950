"""One number over the steps of several trainings."""

import math

import numpy as np
from matplotlib.figure import Figure

from landscape.figures.method_looks import looks
from landscape.figures.styles import plain, style

Curve = tuple[list[int], list[float]]
"""Steps and values."""

MOST = 28
"""Labels that a figure tells apart."""

_WIDTH = 4.4
_DASH = 4
"""Length, in widths of the line."""


def curves(
    groups: dict[str, list[Curve]],
    ylabel: str,
    *,
    log: bool = False,
    ylim: tuple[float, float] | None = None,
) -> Figure:
    """Curves over steps: a label has its colour and mark, a method the same everywhere.

    Labels whose curves are the same are dashes of one line.

    Of two or more that share a label, taken at the same steps, the line is their mean
    and the band goes from the least to the largest. Values that are not finite, and on
    a logarithmic axis those that are not positive, are left out.

    Args:
      groups: label -> its curves (of several seeds, say); at most `MOST`.
      ylabel: of the axis, with its unit.
      log: whether the axis is logarithmic.
      ylim: the ends of the axis; default: those of the values.

    >>> curves({"pruned": [([0, 5], [0.1, 0.9])]}, "accuracy").axes[0].get_xlabel()
    'step'
    """
    with style():
        marks = looks(list(groups))
        longest = 0.5 + 0.075 * max(map(len, groups))
        columns = max(1, min(len(groups), int(_WIDTH / longest)))
        rows = math.ceil(len(groups) / columns)
        figure = Figure(figsize=(_WIDTH, 2.8 + 0.17 * rows), layout="constrained")
        axes = figure.subplots()
        for i, (label, members) in enumerate(groups.items()):
            look = marks[i] | {"markevery": 0.15}
            same = [name for name, other in groups.items() if other == members]
            if len(same) > 1:
                gap = _DASH * (len(same) - 1)
                place = -_DASH * same.index(label) % (_DASH + gap)
                look["ls"] = (place, (_DASH, gap))
            _draw(axes, members, look, plain(label), log)
        axes.set(xlabel="step", ylabel=ylabel)
        if log:
            axes.set_yscale("log")
        if ylim is not None:
            axes.set_ylim(*ylim)
        handles, labels = axes.get_legend_handles_labels()
        if labels:
            figure.legend(handles, labels, loc="outside upper center", ncols=columns)
        return figure


def _draw(axes, members, look, label, log) -> None:
    steps = members[0][0]
    if len(members) > 1 and all(each[0] == steps for each in members):
        values = np.array([each[1] for each in members], float)
        drawn = np.isfinite(values).all(0) & ((values > 0).all(0) | (not log))
        low, high = (
            np.where(drawn, edge, np.nan) for edge in (values.min(0), values.max(0))
        )
        axes.fill_between(steps, low, high, color=look["color"], alpha=0.15, lw=0)
        members = [(steps, np.where(drawn, values.mean(0), np.nan))]
    for number, (steps, values) in enumerate(members):
        values = np.asarray(values, float)
        drawn = np.isfinite(values) & ((values > 0) | (not log))
        values = np.where(drawn, values, np.nan)
        axes.plot(steps, values, label=label if number == 0 else None, **look)
