"""What a loss function and its data must be, checked on a few examples.

Noise, dropout (also with a fixed key), statistics of the batch, sums instead of means
and weights that are left out all change what a batch has to do with its halves.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape import trees
from landscape.aliases import Batch, LossFn, Params
from landscape.arrays import check_arrays, check_floating
from landscape.derivatives.batches import check_batch, num_examples, total_weight
from landscape.errors import InputError, with_article
from landscape.machine.backend import in_full_precision

MAX_EXAMPLES = 64
"""Examples that a check evaluates."""


def check_mean(
    loss_fn: LossFn, point: Params, batch: Batch, max_examples: int = MAX_EXAMPLES
) -> None:
    """Raises InputError unless the loss is a deterministic mean over examples.

    Two evaluations must agree, and the loss of a batch must be the weighted mean of
    those of its halves to 1e-4: one with statistics of the batch is none.

    Args:
      loss_fn: `loss_fn(params, batch)`, a scalar or a pytree of scalars.
      point: parameters.
      batch: at least two examples, of which at most `max_examples` are used.

    >>> check_mean(lambda w, x: jnp.mean((x - w) ** 2), 0.5, jnp.arange(4.0))
    >>> check_mean(lambda w, x: jnp.std(x - w), 0.5, jnp.arange(4.0))
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the loss of a batch must be the mean of its halves', \
but 1.12 is not that of 0.5 and 0.5: has it dropout, statistics of the batch, or a sum \
or weights of its own?
    """
    check_arrays(point, "the parameters")
    loss_fn = in_full_precision(loss_fn)
    unsure, parts = False, _parts(batch, max_examples)
    weights = [float(total_weight(part)) for part in parts[:3]]
    for one, a, b in zip(*_evaluate(loss_fn, point, parts, "loss"), strict=True):
        # A half without weight has no mean.
        terms = [w * x for w, x in zip(weights[1:], (a, b), strict=True) if w]
        mean = sum(terms) / (weights[0] or 1)
        same = _same(one, mean, (a, b))
        if same is False:
            raise InputError(
                f"the loss of a batch must be the mean of its halves', but {_text(one)}"
                f" is not that of {_text(a)} and {_text(b)}: has it dropout, statistics"
                " of the batch, or a sum or weights of its own?"
            )
        unsure |= same is None
    if unsure and not jax.config.jax_enable_x64:
        with jax.enable_x64(True):
            check_mean(*trees.widened((loss_fn, point, batch)), max_examples)


def check_scalar_mean(loss_fn: LossFn, point: Params, batch: Batch) -> None:
    """`check_mean`, and the loss must be one scalar.

    Raises:
      InputError: it is not.

    >>> check_scalar_mean(lambda w, x: {"loss": w}, 0.5, jnp.arange(4.0))
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the loss function must return a scalar, not a dict.
    """
    check_arrays(point, "the parameters")
    check_scalar(loss_fn, point, _parts(batch, MAX_EXAMPLES)[0])
    check_mean(loss_fn, point, batch)


def check_scalar(loss_fn: LossFn, point: Params, batch: Batch) -> None:
    """Raises InputError unless the loss of a batch is one scalar; computes nothing.

    Args:
      loss_fn: `loss_fn(params, batch)`.
      point, batch: pytrees of arrays or of their shapes.

    >>> check_scalar(lambda w, x: w * x, 0.5, jnp.arange(4.0))
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the loss function must return a scalar, not shape \
(4,).
    """
    result = jax.eval_shape(_call, in_full_precision(loss_fn), point, batch)
    check_is_scalar(result)


def check_is_scalar(result: Any) -> None:
    """Raises InputError unless what a loss function returned is one real scalar."""
    number = isinstance(result, int | float | complex)
    shape = () if number else getattr(result, "shape", None)
    if shape != ():
        seen = f"shape {shape}"
        if shape is None:
            seen = with_article(type(result).__name__)
        raise InputError(f"the loss function must return a scalar, not {seen}.")
    check_floating(result, "the loss")


def check_each(
    function: Callable, point: Params, batch: Batch, scalars: bool = False
) -> None:
    """Raises InputError unless each example has a deterministic result of its own.

    Args:
      function: `function(params, batch)`, arrays [B, ...]; if `scalars` one array [B].
      point, batch: as in `check_mean`.

    >>> check_each(lambda w, x: w * x, 0.5, jnp.arange(4.0))
    >>> check_each(lambda w, x: w * (x - x.mean()), 0.5, jnp.arange(4.0))
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: what an example gives must not depend on the others, \
but in halves of the batch it differs by 0.5: has it dropout, or statistics of the \
batch?
    """
    check_arrays(point, "the parameters")
    parts = _parts(batch, MAX_EXAMPLES)
    function = in_full_precision(function)
    shapes = jax.eval_shape(_call, function, point, parts[0])
    check_rows(shapes, num_examples(parts[0]), scalars)
    unsure = False
    for one, a, b in zip(*_evaluate(function, point, parts, "result"), strict=True):
        both = np.concatenate([a, b])
        same = _same(one, both)
        if same is False:
            raise InputError(
                "what an example gives must not depend on the others, but in halves of"
                f" the batch it differs by {np.abs(one - both).max():.3g}: has it"
                " dropout, or statistics of the batch?"
            )
        unsure |= same is None
    if unsure and not jax.config.jax_enable_x64:
        with jax.enable_x64(True):
            check_each(*trees.widened((function, point, batch)), scalars)


def check_rows(result: Any, count: int, scalars: bool = False) -> None:
    """Raises InputError unless a function gave each of `count` examples a row.

    Args:
      result: arrays [count, ...], or their shapes; if `scalars` one array [count].

    >>> check_rows(jnp.ones((3, 2)), 3)
    >>> check_rows(jnp.ones((3, 2)), 3, scalars=True)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: of 3 examples a result of shape (3,) is needed, not \
(3, 2).
    """
    leaves = jax.tree.leaves(result)
    if scalars and len(leaves) != 1:
        raise InputError(
            f"one result for each example is needed, not {len(leaves)} arrays."
        )
    for shape in map(jnp.shape, leaves):
        if shape[:1] != (count,) or (scalars and len(shape) > 1):
            wanted = f"({count},)" if scalars else f"({count}, ...)"
            raise InputError(
                f"of {count} examples a result of shape {wanted} is needed, not"
                f" {shape}."
            )


def _parts(batch: Batch, max_examples: int) -> list:
    """The first examples, their two halves, and the first examples again."""
    check_batch(batch)
    half = min(num_examples(batch), max_examples) // 2
    if not half:
        raise InputError("two examples are needed to see whether a loss is a mean.")
    parts = [slice(2 * half), slice(half), slice(half, 2 * half), slice(2 * half)]
    return [jax.tree.map(lambda x, part=part: x[part], batch) for part in parts]


@jax.jit
def _call(function, point, batch):
    return function(point, batch)


def _evaluate(function, point, parts, what) -> list[list[np.ndarray]]:
    """The leaves of the whole and of its halves; the whole must give the same twice."""
    *values, again = (
        list(map(np.asarray, jax.tree.leaves(_call(function, point, part))))
        for part in parts
    )
    for one, two in zip(values[0], again, strict=True):
        # Some accelerators add in no fixed order.
        if not np.allclose(one, two, rtol=1e-5, atol=0, equal_nan=True):
            raise InputError(
                f"the {what} is not deterministic: {_text(one)}, then {_text(two)}."
            )
    return values


def _same(one, other, terms=()) -> bool | None:
    """Whether they agree to 1e-4; None if the gap may be rounding of small values."""
    if not np.isfinite(one + other).all():
        return True
    gap, eps = np.abs(one - other).max(initial=0), float(jnp.finfo(one.dtype).eps)
    largest = max(np.abs(x).max(initial=0) for x in (one, other, *terms))
    if gap <= max(1e-4, 4 * eps) * largest:
        return True
    return None if gap <= 10 * eps else False


def _text(x) -> str:
    return f"{x:.3g}" if x.ndim == 0 else f"{x.ravel()[0]:.3g}..."
