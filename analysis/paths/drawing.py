"""A figure of what `analysis.paths.evaluate` returns, in one line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jax.typing import ArrayLike

from landscape.errors import InputError

if TYPE_CHECKING:
    from landscape.figures import Figure

Values = Mapping[str, ArrayLike]
"""Those of one path: "loss" and, if there are any, "l2" and "accuracy", each [T]."""


def plot(
    ts: ArrayLike,
    values: Values | Mapping[str, Values],
    *,
    ends: tuple[str, str] = ("first", "second"),
    title: str = "",
    unit: str = "",
) -> "Figure":
    """The loss, and the accuracy if there is one, along one path or several.

    The axes end where the curves do within [0, 1]. matplotlib is imported here.

    Args:
      ts: [T], 0 and 1 are the two ends.
      values: what `evaluate` returns, or a dict of such, label to values: several paths
        in one figure, a colour each.
      ends: names of the points at t = 0 and t = 1.
      title: of the figure.
      unit: of the loss, with the space before it: " (nats)".

    Raises:
      InputError: there is no loss, or a curve is not of the length of ts.

    >>> ts = np.array([0.0, 0.5, 1.0])
    >>> figure = plot(ts, {"loss": ts**2})
    >>> both = plot(ts, {"line": {"loss": ts}, "curve": {"loss": ts**2}})
    >>> [len(axes.lines) for axes in both.axes]
    [2]
    """
    from landscape import figures

    ts = np.asarray(ts, float)
    if not values or not all(isinstance(each, Mapping) for each in values.values()):
        return figures.path(
            ts, _arrays(ts, values, ""), ends, title, split=None, unit=unit
        )
    curves = []
    for label, each in values.items():
        found = _arrays(ts, each, f" of {label!r}")
        loss = found["loss"] + found.get("l2", 0.0)
        curves.append(figures.Curve(label, ts, loss, found.get("accuracy")))
    return figures.several_paths(curves, ends, title, split=None, unit=unit)


def _arrays(ts: np.ndarray, values: Any, which: str) -> dict[str, np.ndarray]:
    arrays = {name: np.asarray(array, float) for name, array in values.items()}
    if "loss" not in arrays:
        known = ", ".join(arrays) or "nothing"
        raise InputError(f'the values{which} need a "loss"; they have {known}.')
    for name, array in arrays.items():
        if array.shape != ts.shape:
            raise InputError(
                f"{name}{which} has shape {array.shape}, and ts {ts.shape}."
            )
    return arrays
