"""What an example counts: the one place that reads the weights of a batch.

`batch["weight"]` is [B]; 0 marks padding. With further axes, a mask of tokens [B, T]
say, an example counts by the sum of its own. Without weights every example counts once.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from landscape.errors import InputError


def of_batch(batch: Any) -> ArrayLike | None:
    """`batch["weight"]`; None if the batch is no dict or has no such entry.

    >>> of_batch({"image": jnp.ones((2, 3))}) is None
    True
    """
    return batch.get("weight") if isinstance(batch, Mapping) else None


def without(batch: Any) -> Any:
    """The batch in which every example counts once.

    >>> list(without({"image": jnp.ones((2, 3)), "weight": jnp.ones(2)}))
    ['image']
    """
    if of_batch(batch) is None:
        return batch
    return {name: leaf for name, leaf in batch.items() if name != "weight"}


def without_padding(batch: Any) -> Any:
    """The examples of a concrete batch whose weight is not 0.

    >>> batch = {"label": jnp.array([5, 6, 7]), "weight": jnp.array([1, 0, 2])}
    >>> without_padding(batch)["label"].tolist()
    [5, 7]
    """
    weight = of_batch(batch)
    if weight is None or (kept := np.asarray(of_examples(weight)) != 0).all():
        return batch
    return jax.tree.map(lambda leaf: leaf[kept], batch)


def of_examples(weight: ArrayLike) -> jax.Array:
    """Weights [B] of weights [B, ...]: the sums over what each example has.

    >>> of_examples(jnp.array([[1.0, 1.0, 0.0], [2.0, 0.0, 0.0]])).tolist()
    [2.0, 2.0]
    """
    weight = jnp.asarray(weight, float)
    return weight.sum(axis=tuple(range(1, weight.ndim)))


def weighted_mean(values: ArrayLike, weight: ArrayLike | None = None) -> jax.Array:
    """sum(w v) / sum(w); the plain mean without weights.

    Values [B] and weights [B, T]: an example counts by the sum of its own. Values
    [B, T], those of tokens, and weights [B, T]: a token counts by its own. Values
    [B, T] and weights [B]: the mean over the examples of their plain means. Axes of
    length 1 at the end of a shape say nothing.

    Args:
      values: [B, ...]; averaged in float32 or wider.
      weight: [B, ...]; as far as both have axes, these are the same.

    Raises:
      InputError: the shapes do not fit.

    >>> float(weighted_mean(jnp.array([1.0, 5.0, 9.0]), jnp.array([1, 1, 0])))
    3.0
    >>> tokens = jnp.array([[1.0, 1.0, 0.0], [2.0, 0.0, 0.0]])
    >>> float(weighted_mean(jnp.array([1.0, 5.0]), tokens))
    3.0
    """
    values = jnp.asarray(values)
    values = values.astype(jnp.promote_types(values.dtype, jnp.float32))
    if weight is None:
        return values.mean()
    weight = jnp.asarray(weight, values.dtype)
    own, other = _telling(values.shape), _telling(weight.shape)
    common = min(len(own), len(other))
    if own[:common] != other[:common] or not common:
        raise InputError(
            f"weights of shape {weight.shape} do not fit values of shape"
            f" {values.shape}: both need the examples on their first axis, and the same"
            " further axes as far as both have some."
        )
    if values.ndim > common:
        values = values.mean(axis=tuple(range(common, values.ndim)))
    if weight.ndim > common:
        weight = weight.sum(axis=tuple(range(common, weight.ndim)))
    return (weight * values).sum() / weight.sum()


def _telling(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape
