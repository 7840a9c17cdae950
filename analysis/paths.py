"""Paths between solutions: evaluated, trained, and how high they climb.

path = line(a, b)
ts = grid(71)
losses = evaluate(path, loss_fn, batches, ts)["loss"]
barrier(ts, losses)
curve = fit(straight(a, b, order=2), loss_fn, batches, key, ...).path
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.typing import ArrayLike

from analysis import combinations
from analysis.barriers import Barrier, barrier
from analysis.curves import Path, bezier, grid, line, polychain, straight
from analysis.fitting import Fit, FitState, fit

__all__ = [
    "Barrier",
    "Fit",
    "FitState",
    "Path",
    "barrier",
    "bezier",
    "evaluate",
    "fit",
    "grid",
    "line",
    "polychain",
    "straight",
]


def evaluate(
    path: Path, loss_fn: Callable, batches: Any, ts: ArrayLike, **options: Any
) -> dict[str, jax.Array]:
    """The loss at each t on the whole data set: for each name an array [T].

    The ends are evaluated exactly. Options and errors are those of
    `analysis.combinations.evaluate`.

    >>> import jax.numpy as jnp
    >>> loss = lambda w, batch: jnp.mean((batch - w) ** 2)
    >>> evaluate(line(0.0, 2.0), loss, jnp.array([1.0]), [0, 0.5, 1])["loss"].tolist()
    [1.0, 0.0, 1.0]
    """
    rows = path.coefficients(ts)
    return combinations.evaluate(path.points, rows, loss_fn, batches, **options)
