"""Curvature as linear operators: of any loss function, for any pytree, over all data.

    H = hessian(loss_fn, params, batches)             # the mean loss's Hessian
    G = gauss_newton(model_fn, output_loss, params, batches)
    H.matvec(x), H(v), (H - G).to_dense(), (2 * H + 0.1).restrict(layers="Dense_0")
    scipy.sparse.linalg.eigsh(H, k=5)

Beside H and the generalised Gauss-Newton matrix G: `residual` (R = H - G), and in
`covariances` second moments of gradients and Fisher matrices. What can be done with
one: `analysis.curvature.Operator`. Dense: `analysis.spectra.materialise`.
"""

from collections.abc import Callable
from functools import partial
from typing import Unpack

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from analysis.curvature.construction import Options, construct
from analysis.curvature.operator_algebra import Operator
from landscape.aliases import Batches, LossFn, Params
from landscape.callables import as_partial
from landscape.derivatives import (
    check_scalar_mean,
    gauss_newton_map,
    hessian_map,
)


def hessian(
    loss_fn: LossFn, params: Params, batches: Batches, **options: Unpack[Options]
) -> Operator:
    """H = d^2 L / d params^2, L the mean loss over all the data; exact, no differences.

    The gradient is linearised once, and every product uses that for about the time of
    one gradient, if what is kept for it fits into `memory`. Otherwise each product
    differentiates again, in chunks that fit, for nearly two. `op.description` says
    which.

    Args:
      loss_fn: `loss_fn(params, batch)`, a scalar: the mean over the batch, weighted by
        batch["weight"] if there is one. Arrays it closes over are folded into the
        compiled program, slowly: bind them with `jax.tree_util.Partial`.
      params: any pytree of floating-point arrays: float32 or float64, as the products
        are; half precision is refused. Accelerators too multiply float32 in full, where
        they would use TF32 or bfloat16 by default, unless
        `jax_default_matmul_precision` is set. Keys, counters and other arrays are held
        fixed if `layers` leave them out.
      batches: one batch or an iterable of them, see `landscape.derivatives`; an example
        counts the same in whichever batch it comes.
      mask: booleans with the structure of `params`, whose leaves may be scalars. Only
        entries where it is True are kept: the operator is that principal submatrix.
      layers: patterns (`fnmatch`) of names of leaves ("Dense_0/kernel") or of what
        holds them ("Dense_0", "Block_*"). Only these vary, and only they cost.
      memory: bytes on each device. Default: half of what is free, 4 GiB on a CPU.
        Data that take more stay on the host and are sent in chunks.
      chunk_size: examples in a chunk; each product then differentiates again, whatever
        the memory.
      mesh: the examples are divided among its devices, which may be of several
        processes; those that are left when they do not divide are on each.
      check: whether to test first, on at most 64 examples, that the loss is a
        deterministic mean and that `batches` gives the same twice.

    Returns:
      The operator; symmetric to rounding.

    Raises:
      InputError: the loss is not a scalar, not a mean over examples or not
        deterministic (dropout, batch norm in train mode), `batches` shuffles, or
        parameters, mask, layers, data or sizes do not fit.

    >>> loss = lambda w, x: jnp.mean((x @ w["a"]) ** 2) / 2
    >>> H = hessian(loss, {"a": jnp.zeros(2)}, [jnp.eye(2), jnp.array([[1.0, 1.0]])])
    >>> (3 * H).to_dense().tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    >>> mask = {"a": jnp.array([False, True])}
    >>> hessian(loss, {"a": jnp.zeros(2)}, 2 * jnp.eye(2), mask=mask).to_dense()
    Array([[2.]], dtype=float32)
    """
    checker = partial(check_scalar_mean, loss_fn)
    return construct(
        hessian_map, [loss_fn], params, batches, kind="hessian", checker=checker,
        **options,
    )  # fmt: skip


def gauss_newton(
    model_fn: Callable,
    output_loss: Callable,
    params: Params,
    batches: Batches,
    **options: Unpack[Options],
) -> Operator:
    """G = (1/N) sum_n J_n^T (d^2 loss_n / d outputs_n^2) J_n (Schraudolph 2002).

    It has no negative eigenvalue if the loss is convex in the outputs.

    Args:
      model_fn: `model_fn(params, batch)`, the outputs, [B, ...].
      output_loss: `output_loss(outputs, batch)`, the mean loss over the batch.
      params, batches, options: as in `hessian`, with the same errors.

    >>> model = lambda w, x: x @ w
    >>> loss = lambda outputs, x: jnp.mean(outputs**2) / 2
    >>> gauss_newton(model, loss, jnp.zeros(2), jnp.eye(2)).to_dense().tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    functions = [model_fn, output_loss]
    checker = partial(check_scalar_mean, _composed(_loss, *functions))
    return construct(
        gauss_newton_map, functions, params, batches, kind="gauss-newton",
        checker=checker, **options,
    )  # fmt: skip


def residual(
    model_fn: Callable,
    output_loss: Callable,
    params: Params,
    batches: Batches,
    **options: Unpack[Options],
) -> Operator:
    """R = H - G = (1/N) sum_n sum_k (d loss_n / d outputs_nk) d^2 outputs_nk / dw^2.

    It is computed as this sum: for the price of H alone, and without the cancellation
    of two large matrices. Arguments and errors as in `gauss_newton`.

    >>> model = lambda w, x: x * w**2
    >>> loss = lambda outputs, x: jnp.mean(outputs)
    >>> residual(model, loss, jnp.ones(1), jnp.array([[3.0]])).to_dense().tolist()
    [[6.0]]
    """
    functions = [model_fn, output_loss]
    checker = partial(check_scalar_mean, _composed(_loss, *functions))
    linear = [_composed(_loss_linear_in_outputs, *functions)]
    return construct(
        hessian_map, linear, params, batches, kind="residual", checker=checker,
        **options,
    )  # fmt: skip


def _composed(kind: Callable, model_fn: Callable, output_loss: Callable) -> Partial:
    return Partial(kind, as_partial(model_fn), as_partial(output_loss))


def _loss(model_fn, output_loss, params, batch) -> jax.Array:
    return output_loss(model_fn(params, batch), batch)


def _loss_linear_in_outputs(model_fn, output_loss, params, batch) -> jax.Array:
    """The loss linearised in the outputs: its slope is held fixed."""
    outputs = model_fn(params, batch)
    slope = jax.grad(output_loss)(jax.lax.stop_gradient(outputs), batch)
    terms = jax.tree.map(lambda s, z: jnp.vdot(s, z), slope, outputs)
    return sum(jax.tree.leaves(terms))
