"""GraSP: w (H g), what removal takes from the norm of the gradient."""

import jax
import jax.numpy as jnp

from landscape import trees
from landscape.aliases import Batches, LossFn, Masks, Params
from landscape.derivatives import as_batches, gradient, gradient_and_product
from landscape.sparsity.saliency.scoring import computed, network


def score(
    loss_fn: LossFn,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
    *,
    chunk_size: int | None = None,
) -> Params:
    """w (H g), g and H of the mean loss over all batches; signed, larger = keep.

    When the weights change by d, |g|^2 changes by 2 d^T H g to first order. For d = -w
    that is -2 w (H g): a weight of large w (H g) takes much of the gradient's norm with
    it. Wang et al. 2020 (arXiv:2002.07376, eq. 8) call -w (H g) the score and remove
    the weights where it is largest, which are those where this one is smallest.

    H and g are of all leaves of `params` together, inside the masks; H g is one product
    with the Hessian. The authors' code leaves biases and batch norm out of g (for that
    give the kernels as `params`, and a loss function that knows the rest). It divides
    the logits by 200, and so should the loss function at initialisation: with the loss
    of training few examples decide, and masks may be worse than random ones.

    Args:
      chunk_size: as in `landscape.derivatives.gradient_and_product`.

    Other arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> loss = lambda w, x: jnp.mean(x @ w**2) / 2
    >>> score(loss, jnp.array([1.0, -2.0]), jnp.array([[1.0, 3.0]])).tolist()
    [1.0, 36.0]
    """
    params = network(params, masks)
    batches = as_batches(batches, chunk_size)
    grads = gradient(loss_fn, params, batches, chunk_size=chunk_size)
    _, products = gradient_and_product(
        loss_fn, params, trees.project(masks, grads), batches, chunk_size=chunk_size
    )
    return computed(masks, _entries, params, products)


def _entries(params, products):
    return jax.tree.map(jnp.multiply, params, products)
