"""The axes of figures of paths: they end where the curves do between the solutions."""

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from landscape.figures.bars import short_name
from landscape.figures.styles import Figure, plain

MARGIN = 0.06
"""Of the height of a panel, above and below what lies within [0, 1]."""


def finish(figure: Figure, ends: tuple[str, str], title: str) -> dict[Line2D, str]:
    """Labels and limits of the axes of paths; what a legend has of triangles, if any.

    The axes end where the curves do within [0, 1]; a triangle marks where one leaves
    them beyond.
    """
    marks = False
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
        marks = _limit(axes) or marks
    figure.suptitle(plain(title), fontsize=9)
    handle = Line2D([], [], color="gray", marker="^", ls="", ms=4)
    return {handle: "leaves the axis"} if marks else {}


def _limit(axes: Axes) -> bool:
    """Ends the y axis where the lines do within [0, 1]; marks those that leave it.

    Returns whether any does.
    """
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
        return False
    low, high = values.min(), values.max()
    room = MARGIN * ((high - low) or abs(high) or 1.0)
    axes.set_ylim(low - room, high + room)
    marks = [
        (line, *mark)
        for line in lines
        for mark in leaving(*line.get_data(), low - room, high + room)
    ]
    for line, t, y, mark in marks:
        axes.plot(t, y, mark, color=line.get_color(), ms=4, clip_on=False)
    return bool(marks)


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
