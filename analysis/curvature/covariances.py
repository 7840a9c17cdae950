"""Second moments of gradients: of the loss, of the outputs, and Fisher matrices."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Unpack

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from analysis.curvature.construction import Options, build, build_with_mean, settle
from analysis.curvature.operator_algebra import Operator
from landscape.derivatives import (
    as_batches,
    as_partial,
    check_each,
    gauss_newton_map,
    num_examples,
)
from landscape.errors import InputError
from landscape.objective import cross_entropy, weighted_mean

# Logits are computed for so many examples at a time when labels are drawn.
FORWARD = 256


def gradient_covariance(
    per_example_loss: Callable,
    params: Any,
    batches: Any,
    *,
    centred: bool = False,
    **options: Unpack[Options],
) -> Operator:
    """C = (1/N) sum_n g_n g_n^T, g_n the loss gradient of example n.

    With weights it is sum_n w_n g_n g_n^T / sum_n w_n. Of a negative log-likelihood it
    is the empirical Fisher matrix.

    Args:
      per_example_loss: `per_example_loss(params, batch)`, [B], without weights.
      centred: subtracts the outer product of the mean gradient.
      params, batches, options: as in `operators.hessian`, with the same errors.

    >>> loss = lambda w, x: x @ w
    >>> x = jnp.array([[1.0, 0.0], [3.0, 2.0]])
    >>> gradient_covariance(loss, jnp.zeros(2), x).to_dense().tolist()
    [[5.0, 3.0], [3.0, 2.0]]
    >>> gradient_covariance(loss, jnp.zeros(2), x, centred=True).to_dense().tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    setting = settle(params, batches, **options)
    setting.checked(_check_losses, per_example_loss)
    if not centred:
        return build(setting, gauss_newton_map, per_example_loss, _half_square)
    op, mean = build_with_mean(
        setting, gauss_newton_map, per_example_loss, (_half_square,), _mean_gradient
    )
    return op.with_product(Partial(_less_rank_one, op.product, mean))


def output_gradient_covariance(
    model_fn: Callable, params: Any, batches: Any, **options: Unpack[Options]
) -> Operator:
    """(1/N) sum_n J_n^T J_n, J_n the Jacobian of all outputs of example n; unscaled.

    Scaled by the loss's curvature in the outputs it would be the Gauss-Newton matrix.

    Args:
      model_fn: `model_fn(params, batch)`, [B, ...].
      params, batches, options: as in `operators.hessian`, with the same errors.

    >>> model = lambda w, x: jnp.stack([x @ w, 2 * x @ w], axis=1)
    >>> cov = output_gradient_covariance(model, jnp.zeros(2), jnp.eye(2))
    >>> cov.to_dense().tolist()
    [[2.5, 0.0], [0.0, 2.5]]
    """
    setting = settle(params, batches, **options).checked(check_each, model_fn)
    return build(setting, gauss_newton_map, model_fn, _half_square)


def fisher(
    model_fn: Callable,
    params: Any,
    batches: Any,
    *,
    key: jax.Array | None = None,
    num_samples: int = 1,
    **options: Unpack[Options],
) -> Operator:
    """The Fisher matrix of the classifier softmax(logits): empirical or Monte Carlo.

    Monte Carlo: (1/NS) sum_n sum_s g_ns g_ns^T, g_ns the gradient of -log p(y_ns | x_n)
    and y_ns one of S labels drawn from the model's own softmax, here, once. Its mean
    over keys is the Gauss-Newton matrix of the cross-entropy, which is the exact one.

    Empirical: the labels are those of the data. That is another matrix (Kunstner et
    al. 2019), the gradient covariance of the cross-entropy.

    Args:
      model_fn: `model_fn(params, batch)`, the logits, [B, K].
      key: draws the labels; those of an example depend on its place in the data, not
        on the batches. None: the empirical Fisher matrix, of batch["label"], [B].
      num_samples: S, labels drawn for each example.
      params, batches, options: as in `operators.hessian`, with the same errors.

    >>> model = lambda w, x: x @ w
    >>> F = fisher(model, jnp.zeros((1, 2)), jnp.ones((8, 1)), key=jax.random.key(0))
    >>> F.to_dense().tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    if num_samples < 1:
        raise InputError(f"num_samples must be at least 1, not {num_samples}.")
    setting = settle(params, batches, **options).checked(check_each, model_fn)
    if key is None:
        labelled = [_with_own_labels(batch) for batch in setting.batches]
    else:
        labelled = _with_drawn_labels(model_fn, setting, key, num_samples)
    setting = setting._replace(batches=as_batches(labelled))
    nll = Partial(_log_loss, as_partial(model_fn))
    return build(setting, gauss_newton_map, nll, _half_square)


def _weight(batch):
    return batch.get("weight") if isinstance(batch, Mapping) else None


def _half_square(outputs, batch):
    """Its second derivative in the outputs is the example's share of the batch."""
    squares = [
        (z.reshape(len(z), -1) ** 2).sum(axis=1) for z in jax.tree.leaves(outputs)
    ]
    return weighted_mean(sum(squares), _weight(batch)) / 2


def _check_losses(per_example_loss, params, batch):
    check_each(per_example_loss, params, batch, scalars=True)


def _mean_gradient(per_example_loss, params, batch):
    def mean(params):
        return weighted_mean(per_example_loss(params, batch), _weight(batch))

    return jax.grad(mean)(params)


def _less_rank_one(product, mean, v):
    along = sum(
        jnp.vdot(m, u, precision="highest") for m, u in zip(mean, v, strict=True)
    )
    return jax.tree.map(lambda x, m: x - along.astype(x.dtype) * m, product(v), mean)


def _labelled(batch, labels) -> dict:
    """The batch beside labels [B, S]; its weights stay where averages look for them."""
    weight = _weight(batch)
    extra = {} if weight is None else {"weight": weight}
    return {"data": batch, "labels": labels} | extra


def _with_own_labels(batch) -> dict:
    if not isinstance(batch, Mapping) or "label" not in batch:
        raise InputError(
            'the empirical Fisher matrix needs batch["label"]; give a key to draw'
            " labels from the model."
        )
    return _labelled(batch, batch["label"][:, None])


def _with_drawn_labels(model_fn, setting, key, num_samples) -> list[dict]:
    labelled, start, model_fn = [], 0, as_partial(model_fn)
    for batch in setting.batches:
        places = start + jnp.arange(num_examples(batch))
        labels = _draw(model_fn, setting.params, batch, key, places, num_samples)
        labelled.append(_labelled(batch, labels))
        start += num_examples(batch)
    return labelled


def _draw(model_fn, params, batch, key, places, num_samples) -> jax.Array:
    parts = []
    for start in range(0, len(places), FORWARD):
        cut = slice(start, start + FORWARD)
        part = jax.tree.map(lambda x, cut=cut: x[cut], batch)
        parts.append(_draw_part(model_fn, params, part, key, places[cut], num_samples))
    return jnp.concatenate(parts)


@partial(jax.jit, static_argnames="num_samples")
def _draw_part(model_fn, params, batch, key, places, num_samples):
    logits = model_fn(params, batch)
    _check_logits(logits, batch)

    def draw(place, logits):
        own = jax.random.fold_in(key, place)
        return jax.random.categorical(own, logits, shape=(num_samples,))

    return jax.vmap(draw)(places, logits)


def _check_logits(logits, batch) -> None:
    if jnp.ndim(logits) != 2 or len(logits) != num_examples(batch):
        raise InputError(
            f"the Fisher matrix needs logits of shape ({num_examples(batch)},"
            f" classes), not {jnp.shape(logits)}."
        )


def _log_loss(model_fn, params, batch):
    """-log p of each label [B, S], so scaled that squares sum to their mean."""
    logits, labels = model_fn(params, batch["data"]), batch["labels"]
    _check_logits(logits, batch)
    losses = jax.vmap(cross_entropy, in_axes=(None, 1), out_axes=1)(logits, labels)
    return losses / jnp.sqrt(jnp.asarray(labels.shape[1], losses.dtype))
