"""What masks do to an optax optimizer: what it sees, and what its state may hold."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.errors import InputError
from landscape.sparsity import masks as masks_lib


def step(
    optimizer: optax.GradientTransformation,
    masks: Masks,
    grads: Params,
    opt_state: Any,
    params: Params,
    extra_args: dict[str, Any],
    latent: bool = False,
) -> tuple[Params, Any]:
    """The optimizer's own update, of gradients that are masked unless latent.

    Args:
      optimizer: any of optax.
      masks: True = kept.
      grads: dense gradients.
      opt_state: the optimizer's state.
      params: zero where `masks` is False, unless latent.
      extra_args: as in `landscape.sparsity.masked_update`.
      latent: whether `params` are dense weights, whose gradients are dense, too.

    Returns:
      The updates and the new state, as the optimizer makes them.

    Raises:
      InputError: the optimizer cannot update with these arguments; it is named.

    >>> optimizer, masks = optax.sgd(0.5), {"w": jnp.array([True, False])}
    >>> params = grads = {"w": jnp.array([1.0, 0.0])}
    >>> updates, _ = step(optimizer, masks, grads, optimizer.init(params), params, {})
    >>> updates["w"].tolist()
    [-0.5, -0.0]
    """
    update = optax.with_extra_args_support(optimizer).update
    masked = masked_arguments(masks, extra_args, latent)
    try:
        grads = grads if latent else masks_lib.apply(masks, grads)
        return update(grads, opt_state, params, **masked)
    except (AttributeError, TypeError, ValueError) as error:
        reason = (str(error).splitlines() or [repr(error)])[0]
        raise InputError(
            f"the optimizer {_name(optimizer)} cannot update masked parameters with"
            f" {', '.join(['gradients', *extra_args])}: {reason}"
        ) from error


def renewed(
    optimizer: optax.GradientTransformation,
    opt_state: Any,
    params: Params,
    before: Masks,
    masks: Masks,
) -> Any:
    """The optimizer's state after the masks have changed.

    Zero where a weight is pruned; where one has grown that of a new weight, which is
    zero with most optimizers (but not the step sizes of `optax.rprop`).

    >>> params = {"w": jnp.zeros(2)}
    >>> before, masks = ({"w": jnp.array([i == 0, i == 1])} for i in range(2))
    >>> optimizer = optax.rprop(0.5)
    >>> state = renewed(optimizer, optimizer.init(params), params, before, masks)
    >>> state[0].step_sizes["w"].tolist()
    [0.0, 0.5]
    """
    stayed = jax.tree.map(lambda old, new: old | ~new, before, masks)
    new = optimizer.init(params)
    return projected(projected(opt_state, params, masks), params, stayed, new)


def forgotten(opt_state: Any, when: Any) -> Any:
    """The state, in which a line search has no value and gradient of the parameters.

    `optax.value_and_grad_from_state` computes both again then.

    Args:
      opt_state: of any optimizer.
      when: a boolean scalar; where it is False, the state is as it was.

    >>> search = optax.scale_by_backtracking_linesearch(5, store_grad=True)
    >>> state = search.init({"w": jnp.ones(2)})._replace(value=jnp.array(3.0))
    >>> float(forgotten(state, True).value), float(forgotten(state, False).value)
    (inf, 3.0)
    """

    def is_search(node):
        return {"value", "grad"} <= {*getattr(node, "_fields", ())}

    def forget(node):
        if not is_search(node):
            return node
        return node._replace(value=jnp.where(when, jnp.inf, node.value))

    return jax.tree.map(forget, opt_state, is_leaf=is_search)


def projected(opt_state: Any, params: Params, masks: Masks, other: Any = None) -> Any:
    """The optimizer's state, zero wherever an array has an entry for a pruned weight.

    With another state of the same optimizer: that one's entry instead of zero.

    An array belongs to a parameter if the path to it ends with the parameter's own and
    its last axes are the parameter's (L-BFGS keeps several past ones in one array), or
    it holds the entries of all parameters in a row. By paths, since
    `optax.tree_map_params` wants whole trees, where `optax.masked` and what is made of
    it leave holes.

    >>> params, masks = {"w": jnp.ones(2)}, {"w": jnp.array([True, False])}
    >>> projected(optax.trace(0.9).init(params)._replace(trace=params), params, masks)
    TraceState(trace={'w': Array([1., 0.], dtype=float32)})
    """
    by_path = dict(jax.tree_util.tree_flatten_with_path(masks)[0])
    size = trees.size(params)

    def in_a_row():
        whole = jax.tree.map(lambda m, p: jnp.broadcast_to(m, p.shape), masks, params)
        return jnp.concatenate([mask.ravel() for mask in jax.tree.leaves(whole)])

    def project(path, leaf, instead=0):
        ends = (path[start:] for start in range(len(path) + 1))
        mask = next((by_path[end] for end in ends if end in by_path), None)
        if mask is None and jnp.shape(leaf) == (size,):
            mask = in_a_row()
        if mask is None or jnp.ndim(mask) == 0:
            return leaf
        if jnp.shape(leaf)[-mask.ndim :] != mask.shape:
            return leaf
        return jnp.where(mask, leaf, jnp.asarray(instead, leaf.dtype))

    others = () if other is None else (other,)
    return jax.tree_util.tree_map_with_path(project, opt_state, *others)


def masked_arguments(
    masks: Masks, extra_args: dict[str, Any], latent: bool = False
) -> dict[str, Any]:
    """Arguments of an optimizer: functions of masked parameters, a masked gradient.

    >>> masks, params = {"w": jnp.array([True, False])}, {"w": jnp.ones(2)}
    >>> arguments = dict(value=2.0, value_fn=lambda params: params["w"].sum())
    >>> float(masked_arguments(masks, arguments)["value_fn"](params))
    1.0
    """

    def masked(name, value):
        if callable(value):
            return lambda params, *args, **kwargs: value(
                masks_lib.apply(masks, params), *args, **kwargs
            )
        dense = latent or name != "grad"
        return value if dense else masks_lib.apply(masks, value)

    return {name: masked(name, value) for name, value in extra_args.items()}


def _name(optimizer: optax.GradientTransformation) -> str:
    """The function of optax (or of someone else) that made the optimizer."""
    return getattr(optimizer.update, "__qualname__", repr(optimizer)).split(".")[0]
