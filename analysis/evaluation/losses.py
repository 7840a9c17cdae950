"""Loss functions for paths and planes, made of a run's objective.

The two terms of the objective are kept apart, and batch norm is a choice that has to be
named wherever its result is shown.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from landscape.derivatives import num_examples
from landscape.errors import InputError, check_choice
from landscape.objective import Objective, weighted_mean

BATCH_NORM = ("stored", "batch", "re-estimated")


def of_objective(
    objective: Objective,
    batch_stats: Any = None,
    *,
    batch_norm: str = "stored",
    batch_size: int | None = None,
) -> Partial:
    """`loss_fn(point, batch) -> dict(loss, l2, accuracy)`, the terms of the objective.

    loss is the data term in nats, smoothed as the objective has it; l2 the L2 term (the
    objective is their sum); accuracy a fraction.

    A point is the parameters, or a dict of "params" and "batch_stats", whose statistics
    are then combined along with the parameters. A model with batch norm uses

    - "stored": those of the point, or else `batch_stats`, the same at every point.
      Combined variances may be negative beyond the ends: the loss is NaN there.
    - "batch": those of each batch of `batch_size` examples at this very point, as in
      training, in the order of the data (Evci et al. 2019).
    - "re-estimated": at each point mean and variance over all of the data are taken
      anew, from batches of `batch_size` in training mode, and then used in eval mode
      (Garipov et al. 2018). Two passes over the data.

    Args:
      objective: model, label smoothing and weight decay.
      batch_stats: the model's statistics, {} or None for one without batch norm; for
        "batch" and "re-estimated" only their structure matters.
      batch_norm: one of the three.
      batch_size: examples in a batch, wherever batches have statistics; "batch" refuses
        data that it does not divide, since a smaller batch has other statistics.

    Raises:
      InputError: an unknown mode, or a batch size where there is no use for it, or none
        where there is.

    >>> import flax.linen as nn
    >>> class Linear(nn.Module):
    ...     @nn.compact
    ...     def __call__(self, image, train=False):
    ...         return nn.Dense(2, use_bias=False)(image)
    >>> loss_fn = of_objective(Objective(Linear(), weight_decay=0.5))
    >>> batch = {"image": jnp.ones((4, 3)), "label": jnp.zeros(4, int)}
    >>> values = loss_fn({"Dense_0": {"kernel": jnp.ones((3, 2))}}, batch)
    >>> {name: round(float(value), 4) for name, value in values.items()}
    {'loss': 0.6931, 'l2': 1.5, 'accuracy': 1.0}
    """
    check_choice("batch norm", batch_norm, BATCH_NORM)
    if batch_norm == "stored" and batch_size is not None:
        raise InputError("stored batch norm statistics have no use for a batch size.")
    if batch_norm != "stored" and (batch_size is None or batch_size < 1):
        raise InputError(
            f"batch norm with {batch_norm} statistics needs a batch size of at least 1,"
            f" not {batch_size}."
        )
    return Partial(_Terms(objective, batch_norm, batch_size), batch_stats)


class _Terms(NamedTuple):
    objective: Objective
    batch_norm: str
    batch_size: int | None

    def __call__(self, batch_stats, point, batch, estimated=None):
        params, stats = _parts(point, batch_stats)
        stats = stats if estimated is None else estimated
        mode = "batch" if self.batch_norm == "batch" else "stored"
        logits, _ = self.objective.logits(params, batch["image"], stats, mode)
        hit = (logits.argmax(axis=1) == batch["label"]).astype(jnp.float32)
        return {
            "loss": self.objective.output_loss(logits, batch),
            "l2": self.objective.l2(params),
            "accuracy": weighted_mean(hit, batch.get("weight")),
        }

    def check(self, batch) -> None:
        """Raises InputError if the statistics of some batch would not be the stated."""
        size, weight = num_examples(batch), batch.get("weight")
        if self.batch_norm == "batch" and size % self.batch_size:
            raise InputError(
                f"batches of {self.batch_size} do not divide {size} examples, and a"
                " smaller batch has other statistics: use"
                f" {size - size % self.batch_size or 'more'} examples or a batch size"
                " that divides them."
            )
        if weight is not None and not np.all(np.asarray(weight)):
            raise InputError(
                "examples of weight 0 would enter batch norm's statistics: leave them"
                " out."
            )

    @property
    def first_pass(self):
        """The function whose means over the data become the statistics, if any."""
        return _MomentsOf(self) if self.batch_norm == "re-estimated" else None

    def after_first_pass(self, moments):
        """Statistics over all the data from means over the batches."""

        def merge(x):
            if not isinstance(x, _Moments):
                return x
            # Between batches the means vary too; rounding must not make it negative.
            between = jnp.maximum(x.mean_square - x.mean**2, 0)
            return {"mean": x.mean, "var": x.var + between}

        return jax.tree.map(merge, moments, is_leaf=lambda x: isinstance(x, _Moments))


class _Moments(NamedTuple):
    """Of a batch norm layer: mean, variance and squared mean, averaged over batches."""

    mean: jax.Array
    var: jax.Array
    mean_square: jax.Array


class _MomentsOf(NamedTuple):
    terms: _Terms

    def __call__(self, batch_stats, point, batch):
        params, stats = _parts(point, batch_stats)

        def updated(stats):
            logits = self.terms.objective.logits
            return logits(params, batch["image"], stats, "update")[1]

        stats = stats or jax.eval_shape(updated, {})
        # New statistics are m * old + (1 - m) * the batch's, whatever the model's m:
        # their value at old = 0 gives the batch's, their derivative m.
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), stats)
        ones = jax.tree.map(jnp.ones_like, zeros)
        new, momentum = jax.jvp(updated, (zeros,), (ones,))
        own = jax.tree.map(lambda x, m: x / (1 - m), new, momentum)
        return jax.tree.map(_with_square, own, is_leaf=_is_norm)


def _is_norm(x) -> bool:
    return isinstance(x, dict) and set(x) == {"mean", "var"}


def _with_square(x):
    return _Moments(x["mean"], x["var"], x["mean"] ** 2) if _is_norm(x) else x


def _parts(point, batch_stats) -> tuple[Any, Any]:
    if isinstance(point, dict) and set(point) == {"params", "batch_stats"}:
        return point["params"], point["batch_stats"]
    return point, batch_stats
