"""Batch norm between solutions: statistics of batches, or of all data at a point."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from landscape import weighting
from landscape.aliases import Batch, Params
from landscape.callables import Static
from landscape.derivatives import num_examples
from landscape.errors import InputError
from landscape.objective import Objective
from landscape.one_line import one_line


class BatchStatistics(NamedTuple):
    """What a loss with statistics of the data asks of its evaluation.

    Attributes:
      batch_size: examples in a batch that has statistics: the evaluation's chunk size.
      moments: `moments(point, batch)`, whose means over the data give the statistics
        at a point (see `over_all`): the loss function's third argument. Every example
        counts once in them, as batch norm knows no weights. None: the loss
        normalises each batch by the batch's own, and its third argument is {}.
    """

    batch_size: int
    moments: Partial | None = None

    __repr__ = one_line

    def check(self, batch: Batch) -> None:
        """Raises InputError if the statistics of some batch would not be the stated."""
        size, weight = num_examples(batch), weighting.of_batch(batch)
        if self.moments is None and size % self.batch_size:
            raise InputError(
                f"batches of {self.batch_size} do not divide {size} examples, and a"
                " smaller batch has other statistics: use"
                f" {size - size % self.batch_size or 'more'} examples or a batch size"
                " that divides them."
            )
        if weight is not None and not np.all(weighting.of_examples(weight)):
            raise InputError(
                "examples of weight 0 would enter batch norm's statistics: leave them"
                " out."
            )


class _Moments(NamedTuple):
    """Of a batch norm layer: mean, variance and squared mean, averaged over batches."""

    mean: jax.Array
    var: jax.Array
    mean_square: jax.Array


def moments_of(objective: Objective, batch_stats: Params) -> Partial:
    """`moments(point, batch)`, those of the batch that `BatchStatistics` takes."""
    return Partial(Static(_moments, (objective,)), batch_stats)


def _moments(objective, batch_stats, point, batch):
    params, stats = parts(point, batch_stats)

    def updated(stats):
        return objective.logits(params, batch["image"], stats, "update")[1]

    stats = stats or jax.eval_shape(updated, {})
    # New statistics are m * old + (1 - m) * the batch's, whatever the model's m: their
    # value at old = 0 gives the batch's, their derivative m.
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), stats)
    ones = jax.tree.map(jnp.ones_like, zeros)
    new, momentum = jax.jvp(updated, (zeros,), (ones,))
    own = jax.tree.map(lambda x, m: x / (1 - m), new, momentum)
    return jax.tree.map(_with_square, own, is_leaf=_is_norm)


def over_all(means: Any) -> Params:
    """Statistics over all of the data, from means of the moments of its batches."""

    def merge(x):
        if not isinstance(x, _Moments):
            return x
        # Between batches the means vary too; rounding must not make it negative.
        between = jnp.maximum(x.mean_square - x.mean**2, 0)
        return {"mean": x.mean, "var": x.var + between}

    return jax.tree.map(merge, means, is_leaf=lambda x: isinstance(x, _Moments))


def _is_norm(x) -> bool:
    return isinstance(x, dict) and set(x) == {"mean", "var"}


def _with_square(x):
    return _Moments(x["mean"], x["var"], x["mean"] ** 2) if _is_norm(x) else x


def parts(point: Any, batch_stats: Params) -> tuple[Params, Params]:
    """The parameters of a point, and its own batch statistics or else those given."""
    if isinstance(point, dict) and set(point) == {"params", "batch_stats"}:
        return point["params"], point["batch_stats"]
    return point, batch_stats
