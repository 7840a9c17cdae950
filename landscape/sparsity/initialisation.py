"""Initial weights scaled to their mask: variance by what each unit or layer keeps."""

import math

import jax.numpy as jnp

from landscape import layout, trees
from landscape.aliases import Masks, Params
from landscape.errors import check_choice
from landscape.layout import Rules
from landscape.registries.methods import SPARSE_INITS


def rescaled(by: str, params: Params, masks: Masks, rules: Rules = ()) -> Params:
    """Initial weights inside the masks, scaled to what the masks keep.

    A dense initialisation chooses the variance of weights by the number n of inputs of
    a unit. In a mask the unit has k of them, and its pre-activation k / n of the
    variance that was meant. Evci et al. 2022 (arXiv:2010.03533, section 3.1) draw with
    the number of inputs that are kept, unit by unit; here weights that were drawn are
    multiplied:

    - "unit": those of a unit by sqrt(n / k); one without inputs stays zero.
    - "layer": those of a layer by 1 / sqrt(density of the layer).
    - "dense": by nothing.

    It is meant for weights that do not depend on their mask. Those that a score kept
    are larger than average already, and scaled as well they may be too large to train.

    Inputs of a convolution's channel are those at all positions of its window. Leaves
    that are never pruned (a scalar mask) stay as they are.

    Args:
      by: see above.
      params: of a dense initialisation.
      masks: booleans, True = kept.
      rules: as of `landscape.sparsity.prunable`.

    Returns:
      As `params`, exactly 0.0 where `masks` is False.

    Raises:
      InputError: another `by`, or a leaf that is not known.

    >>> params = {"kernel": jnp.ones((4, 3))}
    >>> masks = {"kernel": jnp.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]]) > 0}
    >>> rescaled("unit", params, masks)["kernel"][0].tolist()
    [1.0, 2.0, 0.0]
    """
    check_choice("sparse initialisation", by, SPARSE_INITS)
    params = trees.project(masks, params)
    if by == "dense":
        return params
    kernels = layout.kernels(params, rules)

    def scale(name, mask, leaf):
        if name not in kernels or jnp.ndim(mask) == 0:
            return leaf
        axes = range(leaf.ndim)
        if by == "unit":
            axes = [i for i in axes if kernels[name].axes[i] != "o"]
        kept = jnp.sum(mask, axis=tuple(axes), keepdims=True, dtype=jnp.int32)
        whole = math.prod(leaf.shape[i] for i in axes)
        wide = jnp.promote_types(leaf.dtype, jnp.float32)
        factor = jnp.sqrt(whole / jnp.maximum(kept, 1).astype(wide))
        return jnp.where(mask, (leaf * factor).astype(leaf.dtype), 0)

    return trees.map_named(scale, masks, params)
