"""Axes that are logarithmic on both sides of zero, with ticks that never overlap."""

import math

import numpy as np
from matplotlib.axes import Axes

LINEAR = 1e-4
"""Where an axis of eigenvalues becomes linear, as a fraction of the largest magnitude:
the same in every figure, so that figures can be compared."""

ROOM = 1.6
"""Factor between the outermost value and the end of its axis."""

_GAP = {"x": 0.12, "y": 0.09}
"""Least distance between ticks, as a fraction of the axis."""


def signed_log(axes: Axes, which: str, low: float, high: float, linear: float) -> None:
    """Makes an axis even in asinh(value / linear): logarithmic, but linear around zero.

    Ticks are at zero and at powers of ten; where these are few, at 2 and 5 times them.

    Args:
      axes: of the axis.
      which: "x" or "y".
      low, high: its limits.
      linear: magnitude up to which it is linear.
    """
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    getattr(axes, f"set_{which}scale")("asinh", linear_width=linear)
    getattr(axes, f"set_{which}lim")(low, high)
    at = ticks(low, high, linear, _GAP[which])
    axis.set_ticks(at, labels(at))
    axis.set_ticks([], minor=True)
    axes.tick_params(axis=which, labelsize=7)


def ticks(low: float, high: float, linear: float, gap: float = 0.1) -> list[float]:
    """Round numbers within [low, high], ascending, at least `gap` of the axis apart.

    >>> ticks(-0.5, 50.0, 0.01)
    [-0.1, 0.0, 0.1, 1.0, 10.0]
    >>> ticks(0.4, 4.0, 1e-4)
    [0.5, 1.0, 2.0]
    >>> ticks(-0.009, 1.0, 0.005)
    [-0.005, 0.0, 0.01, 0.1, 1.0]
    """
    first, last = (math.asinh(end / linear) for end in (low, high))
    tops = math.floor(math.log10(max(abs(low), abs(high))))
    powers = [10.0**k for k in range(tops, math.floor(math.log10(linear)) - 2, -1)]
    chosen: list[float] = []

    def choose(numbers: list[float]) -> None:
        for value in numbers:
            place = math.asinh(value / linear)
            apart = [abs(place - math.asinh(other / linear)) for other in chosen]
            fits = min(apart, default=math.inf) >= gap * (last - first)
            if low <= value <= high and fits:
                chosen.append(value)

    choose([0.0])
    # No power so small that it stands for zero.
    choose([s * power for power in powers for s in (-1, 1) if power >= linear])
    for sign, end in ((-1, -low), (1, high)):
        if end > 0 and sum(sign * value > 0 for value in chosen) < 2:
            few = not any(sign * value > 0 for value in chosen)
            if few or not low <= 0 <= high:
                choose([sign * m * power for power in powers for m in (5.0, 2.0, 1.0)])
    return sorted(float(f"{value:.3g}") for value in chosen)


def labels(values: list[float]) -> list[str]:
    """Of ticks: powers of ten, in all panels of a figure alike.

    >>> labels([-0.01, 0.0, 100.0])
    ['$-10^{-2}$', '0', '$10^{2}$']
    >>> labels([-0.5, 2e-5])
    ['$-5{\\\\cdot}10^{-1}$', '$2{\\\\cdot}10^{-5}$']
    """
    return [_label(value) for value in values]


def _label(value: float) -> str:
    if not value:
        return "0"
    sign = "-" if value < 0 else ""
    power, factor = _parts(value)
    times = "" if factor == 1 else rf"{factor}{{\cdot}}"
    return f"${sign}{times}10^{{{power}}}$"


def _parts(value: float) -> tuple[int, int]:
    """Exponent and factor of a round number."""
    power = math.floor(math.log10(abs(value)) + 1e-9)
    return power, round(abs(value) / 10.0**power)


def around(values: np.ndarray, linear: float) -> tuple[float, float]:
    """Limits with some room around values, and with zero where they come near it.

    >>> around(np.array([1.0, 10.0]), 1e-3)
    (0.625, 16.0)
    >>> around(np.array([-2.0, 0.0]), 1e-3)
    (-3.2, 0.001)
    """
    low, high = float(np.min(values)), float(np.max(values))
    return -_beyond(-low, linear), _beyond(high, linear)


def _beyond(end: float, linear: float) -> float:
    return end / ROOM if end < -linear else max(ROOM * end, linear)
