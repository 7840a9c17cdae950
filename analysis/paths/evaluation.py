"""The loss along a path."""

from collections.abc import Callable
from typing import Any

import jax
from jax.typing import ArrayLike

from analysis import evaluation
from analysis.paths.curves import Path
from landscape.aliases import Batches


def evaluate(
    path: Path, loss_fn: Callable, batches: Batches, ts: ArrayLike, **options: Any
) -> dict[str, jax.Array]:
    """The loss at each t on the whole data set: for each name an array [T].

    The ends are evaluated exactly. `loss_fn(params, batch)`, or with statistics
    `loss_fn(params, batch, statistics)`, is a mean over the batch. Options and errors
    are those of `analysis.evaluation.evaluate`.

    >>> import jax.numpy as jnp
    >>> from analysis.paths import line
    >>> loss = lambda w, batch: jnp.mean((batch - w) ** 2)
    >>> evaluate(line(0.0, 2.0), loss, jnp.array([1.0]), [0, 0.5, 1])["loss"].tolist()
    [1.0, 0.0, 1.0]
    """
    rows = path.coefficients(ts)
    return evaluation.evaluate(path.points, rows, loss_fn, batches, **options)
