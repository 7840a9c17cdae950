"""Second moments of gradients: of the loss, of the outputs, and Fisher matrices."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Unpack

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from analysis.curvature.construction import Options, construct
from analysis.curvature.operator_algebra import Operator
from landscape import rng
from landscape.aliases import Batch, Batches, Params
from landscape.arrays import check_integer, check_key
from landscape.callables import Static, as_partial
from landscape.derivatives import (
    as_batches,
    check_each,
    check_rows,
    gauss_newton_map,
    num_examples,
)
from landscape.errors import InputError
from landscape.objective import cross_entropy
from landscape.weighting import of_batch, weighted_mean

FORWARD = 256
"""Examples whose logits are computed at a time when labels are drawn."""


def gradient_covariance(
    per_example_loss: Callable,
    params: Params,
    batches: Batches,
    *,
    centred: bool = False,
    **options: Unpack[Options],
) -> Operator:
    """C = (1/N) sum_n g_n g_n^T, g_n the loss gradient of example n.

    With weights it is sum_n w_n g_n g_n^T / sum_n w_n, where an example with several
    (of its tokens, say) counts by their sum. Of a negative log-likelihood it is the
    empirical Fisher matrix.

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
    return construct(
        gauss_newton_map,
        [_checked(per_example_loss, scalars=True), _half_square],
        params,
        batches,
        kind="gradient covariance",
        checker=partial(check_each, per_example_loss, scalars=True),
        mean_of=_mean_gradient if centred else None,
        **options,
    )


def output_gradient_covariance(
    model_fn: Callable, params: Params, batches: Batches, **options: Unpack[Options]
) -> Operator:
    """(1/N) sum_n J_n^T J_n, J_n the Jacobian of all outputs of example n; unscaled.

    Scaled by the loss's curvature in the outputs it would be the Gauss-Newton matrix.
    With weights it is sum_n w_n J_n^T J_n / sum_n w_n, as in `gradient_covariance`.

    Args:
      model_fn: `model_fn(params, batch)`, [B, ...].
      params, batches, options: as in `operators.hessian`, with the same errors.

    >>> model = lambda w, x: jnp.stack([x @ w, 2 * x @ w], axis=1)
    >>> cov = output_gradient_covariance(model, jnp.zeros(2), jnp.eye(2))
    >>> cov.to_dense().tolist()
    [[2.5, 0.0], [0.0, 2.5]]
    """
    functions = [_checked(model_fn), _half_square]
    checker = partial(check_each, model_fn)
    return construct(
        gauss_newton_map, functions, params, batches,
        kind="output gradient covariance", checker=checker, **options,
    )  # fmt: skip


def fisher(
    model_fn: Callable,
    params: Params,
    batches: Batches,
    *,
    key: jax.Array | None = None,
    num_samples: int = 1,
    **options: Unpack[Options],
) -> Operator:
    """The Fisher matrix of the classifier softmax(logits): empirical or Monte Carlo.

    Monte Carlo: (1/NS) sum_n sum_s g_ns g_ns^T, g_ns the gradient of -log p(y_ns | x_n)
    and y_ns one of S labels drawn from the model's softmax, once, in this call. Its
    mean over keys is the exact Fisher matrix, the Gauss-Newton matrix of cross-entropy.

    Empirical: the labels are those of the data. That is another matrix (Kunstner et
    al. 2019), the gradient covariance of the cross-entropy.

    Args:
      model_fn: `model_fn(params, batch)`, the logits, [B, K].
      key: draws the labels; those of an example depend on its index in the data, not
        on the batches. None: the empirical Fisher matrix, of batch["label"], [B].
      num_samples: S, labels drawn for each example.
      params, batches, options: as in `operators.hessian`, with the same errors.

    >>> model = lambda w, x: x @ w
    >>> F = fisher(model, jnp.zeros((1, 2)), jnp.ones((8, 1)), key=jax.random.key(0))
    >>> F.to_dense().tolist()
    [[0.25, -0.25], [-0.25, 0.25]]
    """
    check_integer(num_samples, "num_samples")
    if num_samples < 1:
        raise InputError(f"num_samples must be at least 1, not {num_samples}.")
    if key is not None:
        check_key(key)
    model_fn = as_partial(model_fn)
    drawn = partial(_with_drawn_labels, model_fn, key, num_samples)
    return construct(
        gauss_newton_map,
        [Partial(_log_loss, model_fn), _half_square],
        params,
        batches,
        kind="fisher",
        checker=partial(check_each, model_fn),
        data_of=_with_own_labels if key is None else drawn,
        **options,
    )


def _checked(function: Callable, scalars: bool = False) -> Partial:
    return Partial(Static(_rows, (scalars,)), as_partial(function))


def _rows(scalars, function, params, batch):
    rows = function(params, batch)
    check_rows(rows, num_examples(batch), scalars)
    return rows


def _half_square(outputs, batch):
    """Its second derivative in the outputs is the example's fraction of the weight."""
    squares = [
        (z.reshape(len(z), -1) ** 2).sum(axis=1) for z in jax.tree.leaves(outputs)
    ]
    return weighted_mean(sum(squares), of_batch(batch)) / 2


def _mean_gradient(per_example_loss, params, batch):
    def mean(params):
        return weighted_mean(per_example_loss(params, batch), of_batch(batch))

    return jax.grad(mean)(params)


def _labelled(batch: Batch, labels: jax.Array) -> dict:
    """The batch beside labels [B, S], with its weights where averages expect them."""
    weight = of_batch(batch)
    extra = {} if weight is None else {"weight": weight}
    return {"data": batch, "labels": labels} | extra


def _with_own_labels(params: Params, batches: list) -> list[dict]:
    for batch in batches:
        if not isinstance(batch, Mapping) or "label" not in batch:
            raise InputError(
                'the empirical Fisher matrix needs batch["label"]; give a key to draw'
                " labels from the model."
            )
        shape, dtype = jnp.shape(batch["label"]), jnp.result_type(batch["label"])
        if len(shape) != 1 or not jnp.issubdtype(dtype, jnp.integer):
            raise InputError(
                'the empirical Fisher matrix needs batch["label"] to be one integer an'
                f" example, not of shape {shape} and {dtype}."
            )
    return as_batches([_labelled(b, b["label"][:, None]) for b in batches])


def _with_drawn_labels(model_fn, key, num_samples, params, batches) -> list[dict]:
    labelled, start = [], 0
    for batch in batches:
        indices = start + jnp.arange(num_examples(batch))
        labels = _draw(model_fn, params, batch, key, indices, num_samples)
        labelled.append(_labelled(batch, labels))
        start += num_examples(batch)
    return labelled


def _draw(model_fn, params, batch, key, indices, num_samples) -> jax.Array:
    parts = []
    for start in range(0, len(indices), FORWARD):
        cut = slice(start, start + FORWARD)
        part = jax.tree.map(lambda x, cut=cut: x[cut], batch)
        parts.append(_draw_part(model_fn, params, part, key, indices[cut], num_samples))
    return jnp.concatenate(parts)


@partial(jax.jit, static_argnames="num_samples")
def _draw_part(model_fn, params, batch, key, indices, num_samples):
    logits = model_fn(params, batch)
    _check_logits(logits, batch)

    def draw(index, logits):
        own = jax.random.fold_in(key, index)
        return rng.categorical(own, logits, (num_samples,))

    return jax.vmap(draw)(indices, logits)


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
