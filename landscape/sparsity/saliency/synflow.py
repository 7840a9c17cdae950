"""SynFlow: |w dR/dw|, R the flow through a network of absolute weights; no data."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from landscape.aliases import Batches, Masks, Params
from landscape.arrays import check_floating
from landscape.callables import as_partial
from landscape.derivatives import as_batches
from landscape.machine.backend import in_full_precision
from landscape.sparsity.saliency.scoring import computed, network


def score(
    model_fn: Callable,
    params: Params,
    batches: Batches,
    masks: Masks | None = None,
    key: jax.Array | None = None,
) -> Params:
    """|w dR/dw|, R the sum of the outputs for one example of ones, at |w|.

    Tanaka et al. 2020 (arXiv:2006.05467, eq. 2). Without biases and with activations
    as relu the scores of every layer that all paths cross add up to R: a layer of few
    weights has large scores. That keeps every such layer alive if few weights are
    removed at a time, by the scores of those that are left
    (`landscape.sparsity.masks_at_initialisation`: 100 rounds in the paper).

    All leaves of `params` are replaced by their absolute values, biases and the scales
    of batch norm too. What else `model_fn` holds stays as it is: batch norm must be in
    eval mode, where the stored statistics of initialisation (mean 0, variance 1) make
    it the identity up to its epsilon. The paper's code does the same.

    R grows with depth and may overflow: in float32 a ResNet-56 does. Then scores are
    infinite or no numbers; give float64 parameters, within `jax.enable_x64(True)`.

    Args:
      model_fn: `model_fn(params, batch) -> outputs`, in eval mode, in the place of a
        loss function: no loss is looked at.
      batches: as everywhere; only shapes and dtypes of the first batch are looked at.

    Other arguments, result and errors: see `landscape.sparsity.saliency`.

    >>> model = lambda w, x: x @ w
    >>> score(model, jnp.array([[1.0], [-3.0]]), jnp.zeros((5, 2))).tolist()
    [[1.0], [3.0]]
    """
    params = network(params, masks)
    first = as_batches(batches)[0]
    ones = jax.tree.map(
        lambda x: jnp.ones((1, *jnp.shape(x)[1:]), jnp.result_type(x)), first
    )
    return computed(masks, _entries, as_partial(model_fn), params, ones)


def _entries(model_fn, params, ones):
    def total(weights):
        outputs = model_fn(weights, ones)
        check_floating(outputs, "the outputs of the model")
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(outputs))

    absolute = jax.tree.map(jnp.abs, params)
    grads = in_full_precision(jax.grad(total))(absolute)
    return jax.tree.map(lambda w, g: jnp.abs(w * g), absolute, grads)
