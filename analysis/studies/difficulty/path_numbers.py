"""Numbers read off the paths of paper 1, as analysis.path stores them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analysis.studies.difficulty.runs import Measured

Path = dict[str, Any]
"""The content of a path's result.json, with its "mean"; see `analysis.path`."""


def per_seed(
    measured: Measured,
    number: Callable[..., float],
    names: Sequence[str],
    sparsities: Sequence[str] | None = None,
) -> list[float]:
    """For each seed the largest of `number(*paths)` over some sparsities.

    Args:
      measured: by the study.
      number: of the paths `names` of one seed and one sparsity.
      names: keys of `runs.PATHS`.
      sparsities: default: the highest.
    """
    keys = measured.sparsities_used
    every = [measured.paths[name] for name in names]
    return [
        float(
            np.max(
                [
                    number(*(path[key][seed] for path in every))
                    for key in sparsities or keys[-1:]
                ]
            )
        )
        for seed in range(len(every[0][keys[-1]]))
    ]


def total(found: Path) -> np.ndarray:
    """The objective along a path, on [0, 1]."""
    ts = np.array(found["ts"])
    values = np.add(found["losses"], found["l2"])
    return values[(ts >= 0) & (ts <= 1)]


def half(found: Path) -> float:
    """The t at which half of what a line loses is lost, interpolated.

    >>> half({"ts": [0, 0.5, 1], "losses": [2.0, 2.0, 0.0], "l2": [0.0, 0.0, 0.0]})
    0.75
    """
    values = total(found)
    ts = np.array([t for t in found["ts"] if 0 <= t <= 1])
    level = (values[0] + values[-1]) / 2
    below = np.flatnonzero(values <= level)
    if not len(below) or below[0] == 0:
        return float("nan")
    i = below[0]
    fraction = (values[i - 1] - level) / (values[i - 1] - values[i])
    return float(ts[i - 1] + fraction * (ts[i] - ts[i - 1]))


def climb(losses: Sequence[float], ts: Sequence[float]) -> float:
    """The largest increase from a point in [0, 1] to a later one.

    >>> climb([3.0, 1.0, 2.0, 0.0], [0, 0.3, 0.6, 1])
    1.0
    """
    inside = [x for t, x in zip(ts, losses, strict=True) if 0 <= t <= 1]
    return float((np.array(inside) - np.minimum.accumulate(inside)).max())


def relative_rise(*found: Path) -> float:
    """The largest rise between neighbouring points, over the objective at t = 0."""
    return float(np.max([each["rise"] / total(each)[0] for each in found]))


def ratio(above: float, below: float) -> float:
    """Their quotient; infinite if the lower one is 0."""
    return above / below if below else float("inf")
