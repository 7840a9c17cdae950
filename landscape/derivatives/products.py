"""The gradient, Hv and Gv of a mean loss over a data set, exact.

For any loss function and any pytree of float arrays. `loss_fn(params, batch)` is the
(weighted) mean over the batch and must be deterministic. What `batches` may be and how
batches are weighed: landscape.derivatives.batches.
"""

from collections.abc import Callable
from functools import reduce

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape.aliases import Batch, Batches, LossFn, Params
from landscape.arrays import check_floating
from landscape.callables import Static, as_partial
from landscape.derivatives.averages import added, average, average_of, weighted
from landscape.derivatives.batches import as_batches, total_weight
from landscape.derivatives.checks import check_is_scalar
from landscape.derivatives.linearization import value_and_map
from landscape.machine.backend import in_full_precision

Product = Callable[[Params], Params]


def gradient(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    *,
    chunk_size: int | None = None,
    scan: bool = False,
) -> Params:
    """The gradient of the mean loss over all batches, in the dtypes of `params`.

    Arguments and errors as in `hessian_product`; no chunk size: a batch at a time.

    >>> loss = lambda w, batch: jnp.mean((batch @ w) ** 2)
    >>> gradient(loss, jnp.array([1.0]), jnp.array([[1.0], [3.0]])).tolist()
    [10.0]
    """
    check_floating(params, "the parameters")
    grad = Partial(_gradient, as_partial(loss_fn))
    mean = average(grad, batches, params, chunk_size=chunk_size, scan=scan)
    return _as_typed(mean, params)


def hessian_product(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    *,
    chunk_size: int | None = None,
    scan: bool = False,
) -> Product:
    """v -> H v, H the Hessian of the mean loss over all batches (Pearlmutter 1994).

    Without `chunk_size` the gradient is linearised here, once, and every product uses
    that: about one gradient of time, while the activations of all batches stay in
    memory. With it each product differentiates again, chunk by chunk: nearer two
    gradients of time, and the memory of one chunk.

    Args:
      loss_fn: `loss_fn(params, batch)`, a scalar, the mean over the batch.
      params: any pytree of float arrays.
      batches: one batch, or a list or iterator of them.
      chunk_size, scan: as in `average`; `scan` needs a chunk size.

    Returns:
      The product: v and H v are pytrees in the shapes and dtypes of `params`. It works
      in jit and vmap, and is itself a pytree: hand it to a jitted function as an
      argument rather than closing over it. Restricted to a mask or to layers:
      `analysis.curvature.hessian`.

    Raises:
      InputError: no batch, unequal leading axes, or a chunk size below 1.

    >>> loss = lambda w, batch: jnp.mean((batch @ w) ** 2) / 2
    >>> product = hessian_product(loss, jnp.zeros(2), jnp.array([[1.0, 2.0]]))
    >>> product(jnp.array([1.0, 0.0])).tolist()
    [1.0, 2.0]
    """
    check_floating(params, "the parameters")
    maps = Partial(hessian_map, as_partial(loss_fn))
    return product_of(maps, params, batches, chunk_size, scan)


def gradient_and_product(
    loss_fn: LossFn,
    params: Params,
    v: Params,
    batches: Batches,
    *,
    chunk_size: int | None = None,
    scan: bool = False,
) -> tuple[Params, Params]:
    """(gradient, H v) from one pass over the data, for a single v.

    The gradient is a by-product of differentiating it, and no residual is kept: less
    time than `hessian_product` takes for one product, and the memory of one batch.

    Arguments and errors as in `hessian_product`, and `v` shaped as `params`.

    >>> loss = lambda w, batch: jnp.mean(batch @ w**3)
    >>> w, v = jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0])
    >>> [x.tolist() for x in gradient_and_product(loss, w, v, jnp.ones((4, 2)))]
    [[3.0, 12.0], [6.0, 12.0]]
    """
    check_floating(params, "the parameters")
    both = Partial(_gradient_and_product, as_partial(loss_fn))
    means = average(both, batches, params, v, chunk_size=chunk_size, scan=scan)
    return tuple(_as_typed(mean, params) for mean in means)


def _gradient_and_product(loss_fn, params, v, batch):
    value, product = value_and_map(lambda p: _gradient(loss_fn, p, batch), params)
    return value, product(v)


def _gradient(loss_fn, params, batch):
    # Whole: a backward rule (custom_vjp) is traced after the loss.
    gradient = jax.grad(lambda p: _scalar(loss_fn(p, batch)))
    return in_full_precision(gradient)(params)


def _scalar(loss):
    check_is_scalar(loss)
    return loss


def hessian_map(loss_fn: LossFn, params: Params, batch: Batch) -> Product:
    """v -> H v of one batch, the gradient linearised: a pytree of its residuals."""
    return value_and_map(lambda p: _gradient(loss_fn, p, batch), params)[1]


def gauss_newton_map(
    model_fn: Callable, output_loss: Callable, params: Params, batch: Batch
) -> Product:
    """v -> G v of one batch, the model linearised: a pytree of its residuals.

    G = (1/B) sum_n J_n^T (d^2 loss_n / d outputs_n^2) J_n, the generalised Gauss-Newton
    matrix (Schraudolph 2002); never negative if the loss is convex in the outputs.

    Args:
      model_fn: `model_fn(params, batch)`, the outputs, [B, ...].
      output_loss: `output_loss(outputs, batch)`, the mean loss over the batch.

    >>> model = lambda w, batch: batch @ w
    >>> loss = lambda outputs, batch: jnp.mean(outputs**2) / 2
    >>> gauss_newton_map(model, loss, jnp.zeros(2), jnp.eye(2))(jnp.ones(2)).tolist()
    [0.5, 0.5]
    """
    outputs, jacobian = value_and_map(lambda p: _outputs(model_fn, p, batch), params)
    _, curvature = value_and_map(lambda o: _gradient(output_loss, o, batch), outputs)
    return Partial(_sandwich, jacobian, curvature)


def _outputs(model_fn, params, batch):
    outputs = model_fn(params, batch)
    check_floating(outputs, "the outputs of the model")
    return outputs


def _sandwich(jacobian, curvature, v):
    tangent, transpose = jax.vjp(jacobian, v)
    return transpose(curvature(tangent))[0]


def product_of(
    linearize: Partial,
    params: Params,
    batches: Batches,
    chunk_size: int | None = None,
    scan: bool = False,
) -> Product:
    """The mean of the linear maps `linearize(params, batch)`, of `hessian_map` say.

    Without `chunk_size` the maps are made here, once; with it again in each product.
    The result is a pytree of all its arrays. Errors as in `hessian_product`.
    """
    batches = as_batches(batches, chunk_size)
    if chunk_size is not None:
        in_chunks = Static(_mean_in_chunks, (chunk_size, scan))
        return Partial(in_chunks, linearize, params, batches)
    weights = [total_weight(batch) for batch in batches]
    fractions = [weight / sum(weights) for weight in weights]
    maps = [linearized(linearize, params, batch) for batch in batches]
    return Partial(_mean_of_maps, maps, fractions)


@jax.jit
def linearized(linearize: Partial, params: Params, batch: Batch) -> Product:
    """`linearize(params, batch)` compiled; its trace has the sizes of the residuals."""
    return linearize(params, batch)


def _mean_of_maps(maps, fractions, v):
    terms = (_term(*pair, v) for pair in zip(maps, fractions, strict=True))
    return reduce(added, terms)


@jax.jit
def _term(linear_map, fraction, v):
    return _as_typed(weighted(linear_map(v), fraction).total, v)


def _mean_in_chunks(chunk_size, scan, linearize, params, batches, v):
    function = Partial(_differentiate, linearize)
    mean = average_of(function, (params, v), batches, chunk_size, scan)
    return _as_typed(mean, params)


def _differentiate(linearize, params, v, batch):
    return linearize(params, batch)(v)


@jax.jit
def _as_typed(tree, like):
    return jax.tree.map(lambda x, p: x.astype(jnp.result_type(p)), tree, like)
