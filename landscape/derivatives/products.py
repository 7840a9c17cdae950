"""The gradient, Hv and Gv of a mean loss over a data set, exact.

For any loss function and any pytree of float arrays. `loss_fn(params, batch)` is the
(weighted) mean over the batch and must be deterministic. What `batches` may be and how
batches are weighed: landscape.derivatives.averages.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape import trees
from landscape.derivatives.averages import as_batches, as_partial, average, total_weight

Product = Callable[[Any], Any]


def gradient(
    loss_fn: Callable,
    params: Any,
    batches: Any,
    *,
    chunk_size: int | None = None,
    scan: bool = False,
    mask: Any = None,
) -> Any:
    """The gradient of the mean loss over all batches, zero where `mask` is False.

    Arguments and errors as in `hessian_product`; no chunk size: a batch at a time.

    >>> loss = lambda w, batch: jnp.mean((batch @ w) ** 2)
    >>> gradient(loss, jnp.array([1.0]), jnp.array([[1.0], [3.0]])).tolist()
    [10.0]
    """
    trees.check_mask(mask, params)
    grad = Partial(_gradient, as_partial(loss_fn))
    mean = average(grad, batches, params, chunk_size=chunk_size, scan=scan)
    return _project(mask, mean, params)


def hessian_product(
    loss_fn: Callable,
    params: Any,
    batches: Any,
    *,
    chunk_size: int | None = None,
    scan: bool = False,
    mask: Any = None,
) -> Product:
    """v -> H v, H the Hessian of the mean loss over all batches (Pearlmutter 1994).

    Without `chunk_size` the gradient is linearised here, once, and every product uses
    that: about one gradient of time, while the activations of all batches stay in
    memory. With it each product differentiates anew, chunk by chunk: nearer two
    gradients of time, and the memory of one chunk.

    Args:
      loss_fn: `loss_fn(params, batch)`, a scalar, the mean over the batch.
      params: any pytree of float arrays.
      batches: one batch, or a list or iterator of them.
      chunk_size, scan: as in `average`; `scan` needs a chunk size.
      mask: booleans with the structure of `params`, whose leaves may be scalars: the
        product is P H P, P the projection on the entries where it is True.

    Returns:
      The product: v and H v are pytrees in the shapes and dtypes of `params`. It works
      in jit and vmap, and is itself a pytree: hand it to a jitted function as an
      argument rather than closing over it.

    Raises:
      InputError: no batch, unequal leading axes, a chunk size below 1, or a mask that
        does not fit `params`.

    >>> loss = lambda w, batch: jnp.mean((batch @ w) ** 2) / 2
    >>> product = hessian_product(loss, jnp.zeros(2), jnp.array([[1.0, 2.0]]))
    >>> product(jnp.array([1.0, 0.0])).tolist()
    [1.0, 2.0]
    """
    linearize = Partial(hessian_map, as_partial(loss_fn))
    return product_of(linearize, params, batches, chunk_size, scan, mask)


def gauss_newton_product(
    model_fn: Callable,
    output_loss: Callable,
    params: Any,
    batches: Any,
    *,
    chunk_size: int | None = None,
    scan: bool = False,
    mask: Any = None,
) -> Product:
    """v -> G v, G = (1/N) sum_n J_n^T (d^2 loss_n / d outputs_n^2) J_n.

    The generalised Gauss-Newton matrix (Schraudolph 2002); never negative if the loss
    is convex in the outputs.

    Args:
      model_fn: `model_fn(params, batch)`, the outputs, [B, ...].
      output_loss: `output_loss(outputs, batch)`, the mean loss over the batch.
      params, batches, chunk_size, scan, mask: as in `hessian_product`.

    Returns:
      The product, as `hessian_product` returns it; the same errors.

    >>> model = lambda w, batch: batch @ w
    >>> loss = lambda outputs, batch: jnp.mean(outputs**2) / 2
    >>> product = gauss_newton_product(model, loss, jnp.zeros(2), jnp.eye(2))
    >>> product(jnp.array([1.0, 4.0])).tolist()
    [0.5, 2.0]
    """
    linearize = Partial(gauss_newton_map, as_partial(model_fn), as_partial(output_loss))
    return product_of(linearize, params, batches, chunk_size, scan, mask)


def _gradient(loss_fn, params, batch):
    return jax.grad(loss_fn)(params, batch)


def hessian_map(loss_fn: Callable, params: Any, batch: Any) -> Product:
    """v -> H v of one batch, the gradient linearised: a pytree of its residuals."""
    return jax.linearize(lambda p: jax.grad(loss_fn)(p, batch), params)[1]


def gauss_newton_map(
    model_fn: Callable, output_loss: Callable, params: Any, batch: Any
) -> Product:
    """v -> G v of one batch, the model linearised: a pytree of its residuals."""
    outputs, jacobian = jax.linearize(lambda p: model_fn(p, batch), params)
    output_gradient = jax.grad(lambda o: output_loss(o, batch))
    _, curvature = jax.linearize(output_gradient, outputs)
    return Partial(_sandwich, jacobian, curvature)


def _sandwich(jacobian, curvature, v):
    tangent, transpose = jax.vjp(jacobian, v)
    return transpose(curvature(tangent))[0]


def product_of(
    linearize: Partial,
    params: Any,
    batches: Any,
    chunk_size: int | None = None,
    scan: bool = False,
    mask: Any = None,
) -> Product:
    """The mean of the linear maps `linearize(params, batch)`, of `hessian_map` say.

    Without `chunk_size` the maps are made here, once; with it anew in each product. The
    result is a pytree of all its arrays. Errors as in `hessian_product`.
    """
    batches = as_batches(batches, chunk_size)
    trees.check_mask(mask, params)
    if chunk_size is not None:
        chunked = _Chunked(chunk_size, scan)
        return Partial(chunked, linearize, params, batches, mask)
    weights = [total_weight(batch) for batch in batches]
    shares = [weight / sum(weights) for weight in weights]
    maps = [linearized(linearize, params, batch) for batch in batches]
    return Partial(_apply_all, maps, shares, mask)


@jax.jit
def linearized(linearize: Partial, params: Any, batch: Any) -> Product:
    """`linearize(params, batch)` compiled; its trace tells what it will hold."""
    return linearize(params, batch)


def _apply_all(maps, shares, mask, v):
    pairs = zip(maps, shares, strict=True)
    return reduce(_add, (_apply(*pair, mask, v) for pair in pairs))


@jax.jit
def _apply(linear_map, share, mask, v):
    def part(x):
        # The mean over a batch without weight is NaN.
        return jnp.where(share != 0, share.astype(x.dtype) * x, 0)

    out = linear_map(trees.project(mask, v))
    return trees.project(mask, jax.tree.map(part, out))


@jax.jit
def _add(x, y):
    return jax.tree.map(jnp.add, x, y)


class _Chunked(NamedTuple):
    """Equal by value, so that products of one kind share what is compiled for them."""

    chunk_size: int
    scan: bool

    def __call__(self, linearize, params, batches, mask, v):
        function = Partial(_differentiate, linearize)
        out = average(function, batches, params, mask, v, **self._asdict())
        return _project(mask, out, params)


def _differentiate(linearize, params, mask, v, batch):
    return linearize(params, batch)(trees.project(mask, v))


@jax.jit
def _project(mask, tree, like):
    """`tree` in the dtypes of `like`, zero where `mask` is False."""
    tree = jax.tree.map(lambda x, p: x.astype(jnp.result_type(p)), tree, like)
    return trees.project(mask, tree)
