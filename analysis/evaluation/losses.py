"""Loss functions for paths and planes, made of a run's objective.

The two terms of the objective are kept apart, and batch norm is a choice that has to be
named wherever its result is shown.
"""

import jax.numpy as jnp
from jax.tree_util import Partial

from analysis.evaluation.batch_statistics import BatchStatistics, moments_of, parts
from landscape.aliases import Params
from landscape.callables import Static
from landscape.errors import InputError, check_choice
from landscape.objective import Objective
from landscape.weighting import of_batch, weighted_mean

BATCH_NORM = ("stored", "batch", "re-estimated")


def of_objective(
    objective: Objective,
    batch_stats: Params | None = None,
    *,
    batch_norm: str = "stored",
    batch_size: int | None = None,
) -> tuple[Partial, BatchStatistics | None]:
    """(loss_fn, statistics), what `evaluate` takes to give the objective's terms.

    `loss_fn(point, batch) -> dict(loss, l2, accuracy)`: loss is the data term in nats,
    smoothed as the objective has it; l2 the L2 term (the objective is their sum);
    accuracy a fraction.

    A point is the parameters, or a dict of "params" and "batch_stats", whose statistics
    are then combined along with the parameters. A model with batch norm uses

    - "stored": those of the point, or else `batch_stats`, the same at every point.
      Combined variances may be negative beyond the ends: the loss is NaN there.
    - "batch": those of each batch of `batch_size` examples at this very point, as in
      training, in the order of the data (Evci et al. 2019).
    - "re-estimated": mean and variance over all of the data at this very point, from
      batches of `batch_size` in training mode, then used in eval mode (Garipov et al.
      2018). Two passes over the data.

    `statistics` is None for "stored". Otherwise the loss function takes a third
    argument, which `evaluate` has for it if it gets `statistics`, too: the chunks are
    then the batches of the stated size. Without it the loss function raises InputError,
    so curvature, which has no such argument, is refused.

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
    >>> loss_fn, statistics = of_objective(Objective(Linear(), weight_decay=0.5))
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
    loss_fn = Partial(Static(_LOSSES[batch_norm], (objective,)), batch_stats)
    if batch_norm == "stored":
        return loss_fn, None
    re_estimated = batch_norm == "re-estimated"
    moments = moments_of(objective, batch_stats) if re_estimated else None
    return loss_fn, BatchStatistics(batch_size, moments)


def _stored(objective, batch_stats, point, batch):
    return _terms(objective, "stored", *parts(point, batch_stats), batch)


def _of_batch(objective, batch_stats, point, batch, statistics=None):
    _check_given(statistics)
    return _terms(objective, "batch", *parts(point, batch_stats), batch)


def _re_estimated(objective, batch_stats, point, batch, statistics=None):
    _check_given(statistics)
    params, _ = parts(point, batch_stats)
    return _terms(objective, "stored", params, statistics, batch)


def _check_given(statistics):
    if statistics is None:
        raise InputError(
            "curvature needs a loss without statistics of the batch, and `evaluate` of"
            " a loss with them needs `statistics=` too, as `of_objective` returns it."
        )


_LOSSES = {"stored": _stored, "batch": _of_batch, "re-estimated": _re_estimated}


def _terms(objective, mode, params, stats, batch):
    logits, _ = objective.logits(params, batch["image"], stats, mode)
    hit = (logits.argmax(axis=1) == batch["label"]).astype(jnp.float32)
    return {
        "loss": objective.output_loss(logits, batch),
        "l2": objective.l2(params),
        "accuracy": weighted_mean(hit, of_batch(batch)),
    }
