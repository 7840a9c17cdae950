"""What a loss function must be, checked on a few examples."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from landscape.averages import as_batches, as_partial, num_examples, total_weight
from landscape.errors import InputError


def check_mean(loss_fn: Callable, point: Any, batch: Any, most: int = 64) -> None:
    """Raises InputError unless the loss is a deterministic mean over examples.

    Two evaluations must agree to the bit, and the loss of a batch must be the weighted
    mean of those of its halves to 1e-4: dropout, noise and statistics of the batch are
    not. A loss of `of_objective` that states the size of its batches passes unseen.

    Args:
      loss_fn: `loss_fn(params, batch)`, a scalar or a pytree of scalars.
      point: parameters.
      batch: at least two examples, of which at most `most` are used.

    >>> import jax.numpy as jnp
    >>> check_mean(lambda w, x: jnp.mean((x - w) ** 2), 0.5, jnp.arange(4.0))
    >>> check_mean(lambda w, x: jnp.std(x - w), 0.5, jnp.arange(4.0))
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the loss of a batch must be the mean of its halves', \
but 1.12 is not that of 0.5 and 0.5: has it dropout, or statistics of the batch?
    """
    loss_fn = as_partial(loss_fn)
    if getattr(loss_fn.func, "batch_size", None) is not None:
        return
    (batch,) = as_batches(batch)
    half = min(num_examples(batch), most) // 2
    if not half:
        raise InputError("two examples are needed to see whether a loss is a mean.")
    parts = [slice(2 * half), slice(half), slice(half, 2 * half)]
    parts = [jax.tree.map(lambda x, part=part: x[part], batch) for part in parts]
    call = jax.jit(lambda loss_fn, point, batch: loss_fn(point, batch))
    whole, left, right, again = (
        [np.asarray(x, np.float64) for x in jax.tree.leaves(call(loss_fn, point, part))]
        for part in [*parts, parts[0]]
    )
    weights = [float(total_weight(part)) for part in parts]
    for one, a, b, two in zip(whole, left, right, again, strict=True):
        if not np.array_equal(one, two, equal_nan=True):
            raise InputError(
                f"the loss is not deterministic: {one:.3g}, then {two:.3g}."
            )
        # A half without weight has no mean.
        terms = [w * x for w, x in zip(weights[1:], (a, b), strict=True) if w]
        mean = sum(terms) / (weights[0] or 1)
        if not np.isclose(mean, one, rtol=1e-4, atol=1e-6) and np.isfinite(mean + one):
            raise InputError(
                f"the loss of a batch must be the mean of its halves', but {one:.3g} is"
                f" not that of {a:.3g} and {b:.3g}: has it dropout, or statistics of"
                " the batch?"
            )
