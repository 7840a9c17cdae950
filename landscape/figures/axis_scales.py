"""Axes of numbers over several magnitudes, and of accuracies from chance to the end."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, LogFormatter, NullLocator

_WIDE = 20
"""Points of accuracy; where they spread further, the axis is stretched at its top."""
_PERCENT = 0, 20, 40, 60, 80, 90, 95, 98, 99, 100


def plain_numbers(axis: Axis) -> None:
    """Numbers of a log axis as 0.2 and 20, not 2 x 10^-1 and 2 x 10^1.

    Call it after the scale is set; for axes of two or three magnitudes.
    """
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(_Plain(minor_thresholds=(1.5, 0.5)))


class _Plain(LogFormatter):
    """Of those ticks that have room for a number."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def stretch(axes: Axes, values: Sequence[float], which: str = "y") -> None:
    """Sets an axis of accuracies (%) on which both a start at chance and the end show.

    Values over more than 20 points are stretched towards the best one: from 99 to 100 %
    is as far as from 97 to 99 %. The lowest and the highest value are within the axis.

    Args:
      axes: of matplotlib.
      values: all that are drawn.
      which: the axis, y or x.
    """
    if not len(values):
        return
    low, high = min(values), max(values)
    if high - low > _WIDE:
        beyond = 100 + max(1.0, 100 - high)
        axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
        getattr(axes, f"set_{which}scale")(
            "function",
            functions=(
                lambda y: -np.log10(np.maximum(beyond - np.asarray(y), 1e-6)),
                lambda y: beyond - 10.0 ** -np.asarray(y),
            ),
        )
        axis.set_major_locator(FixedLocator(_PERCENT))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter("{x:g}")
        limits = max(0, low - 3), high + 0.06 * (beyond - high)
    else:
        limits = max(0, low - 1), high + 1
    getattr(axes, f"set_{which}lim")(limits)
