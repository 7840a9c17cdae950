"""One update of masked parameters with any optax optimizer."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from landscape.sparsity import masks as masks_lib
from landscape.sparsity.updater import Updater


def masked_update(
    optimizer: optax.GradientTransformation,
    updater: Updater,
    step: jax.Array,
    key: jax.Array,
    params: Any,
    grads: Any,
    masks: Any,
    opt_state: Any,
    updater_state: Any,
) -> tuple[Any, Any, Any, Any, dict[str, jax.Array]]:
    """Optimizer's step, then mask updater's, then projection on the masks.

    A pruned weight is exactly 0.0 in the parameters that are returned and gets no
    gradient, hence neither momentum nor decay. The optimizer never hears of masks. When
    they change, every array of its state that belongs to a parameter and has its shape
    (found by `optax.tree_map_params`) is projected too; factored statistics have no
    entry for a weight and are left alone, and so is what an optimizer adds without a
    gradient (the epsilon that adafactor and adabelief put into second moments).

    Args:
      step: int32 scalar, updates completed before this one.
      key: for what is random in the updater.
      grads: dense gradients at `params`.
      masks, opt_state, updater_state: of the state before this update.

    Returns:
      params, masks, opt_state, updater_state, and the updater's info.

    >>> from landscape.sparsity import updaters
    >>> params = {"w": jnp.array([1.0, 0.0])}
    >>> masks, state = updaters.fixed({"w": params["w"] != 0}).init(None, params)
    >>> optimizer = optax.sgd(0.5)
    >>> masked_update(
    ...     optimizer, updaters.fixed(masks), 0, jax.random.key(0), params,
    ...     {"w": jnp.array([1.0, jnp.nan])}, masks, optimizer.init(params), state,
    ... )[0]["w"].tolist()
    [0.5, 0.0]
    """
    masked_grads = masks_lib.apply(masks, grads)
    updates, opt_state = optimizer.update(masked_grads, opt_state, params)
    # Projected on the old masks at once, in the pass that makes the new parameters; a
    # second pass follows at those few steps at which the masks change.
    params = masks_lib.apply(masks, optax.apply_updates(params, updates))
    masks, updater_state, info = updater.update(
        step + 1, key, params, grads, masks, updater_state
    )

    def project(params, opt_state):
        return jax.tree.map(_where_shapes_agree, params, masks), optax.tree_map_params(
            optimizer, _where_shapes_agree, opt_state, masks
        )

    params, opt_state = jax.lax.cond(
        info["changed"], project, lambda *same: same, params, opt_state
    )
    return params, masks, opt_state, updater_state, info


def _where_shapes_agree(leaf: jax.Array, mask: jax.Array) -> jax.Array:
    if mask.ndim == 0 or leaf.shape != mask.shape:
        return leaf
    return jnp.where(mask, leaf, 0)
