"""Barriers of a path: several definitions, each by its name."""

from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from landscape.errors import InputError


class Barrier(NamedTuple):
    """What the loss L does on [0, 1]; definitions differ from paper to paper.

    A loss that is NaN makes all that depends on it NaN, and t_max its t.

    Attributes:
      barrier: max L - max(L(0), L(1)): above the worse end. At least 0.
      chord: max of L(t) - ((1 - t) L(0) + t L(1)) (Frankle et al. 2020). At least 0.
      mean: max L - (L(0) + L(1)) / 2.
      midpoint: L(1/2) - (L(0) + L(1)) / 2.
      rise: the largest increase from a point to the next; 0 if there is none.
      ascent: the largest climb from a point to any later one; 0 if there is none.
      area: integral of L(t) - ((1 - t) L(0) + t L(1)), trapezoidal.
      t_max: the t of max L, or of the first NaN.
    """

    barrier: float
    chord: float
    mean: float
    midpoint: float
    rise: float
    ascent: float
    area: float
    t_max: float


def barrier(ts: ArrayLike, losses: ArrayLike) -> Barrier:
    """Measures a path from its losses, in float64; only ts in [0, 1] count.

    Args:
      ts: [T], increasing, with 0, 0.5 and 1 among them.
      losses: [T].

    Raises:
      InputError: the shapes differ, ts do not increase, or miss 0, 0.5 or 1.

    >>> result = barrier([0, 0.25, 0.5, 0.75, 1], [1.0, 2.0, 5.0, 1.0, 3.0])
    >>> result.barrier, result.chord, result.mean, result.midpoint
    (2.0, 3.0, 3.0, 3.0)
    >>> result.rise, result.ascent, result.area, result.t_max
    (3.0, 4.0, 0.5, 0.5)
    """
    ts, losses = np.asarray(ts, np.float64), np.asarray(losses, np.float64)
    if ts.ndim != 1 or ts.shape != losses.shape:
        raise InputError(
            f"ts and losses must be lists of one length, not {ts.shape} and"
            f" {losses.shape}."
        )
    if not (np.diff(ts) > 0).all():
        raise InputError("ts must increase.")
    for needed in (0, 0.5, 1):
        if needed not in ts:
            raise InputError(f"t = {needed} must be on the path's grid.")
    inside = (ts >= 0) & (ts <= 1)
    ts, losses = ts[inside], losses[inside]
    start, end = losses[0], losses[-1]
    # Infinite losses are measured too: inf - inf is NaN, without a warning.
    with np.errstate(invalid="ignore"):
        above = losses - ((1 - ts) * start + ts * end)
        middle = losses[ts == 0.5][0]
        # maximum and minimum, unlike max() and min(), let no NaN disappear.
        values = Barrier(
            barrier=losses.max() - np.maximum(start, end),
            chord=above.max(),
            mean=losses.max() - (start + end) / 2,
            midpoint=middle - (start + end) / 2,
            rise=np.maximum(np.diff(losses).max(), 0),
            ascent=(losses - np.minimum.accumulate(losses)).max(),
            area=np.trapezoid(above, ts),
            t_max=ts[losses.argmax()],
        )
    return Barrier(*map(float, values))
