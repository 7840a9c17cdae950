"""Sparse training in any loop: a mask updater and an optimizer as one of optax's."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from landscape import rng, trees
from landscape.aliases import Masks, Params
from landscape.errors import InputError
from landscape.one_line import one_line
from landscape.sparsity import inner, masked
from landscape.sparsity import masks as masks_lib
from landscape.sparsity.updater import Updater


class SparsifyState(NamedTuple):
    """State of `sparsify`: arrays alone, so that it is saved as any optimizer's is.

    Attributes:
      step: int32 scalar, the number of completed updates.
      seed: int32 scalar, of all that is random in the updater.
      masks: booleans with the structure of the parameters, True = kept; a scalar True
        for a leaf that is never pruned.
      inner_state: state of the wrapped optimizer, zero where a weight is pruned.
      updater_state: state of the mask updater; may be empty.
    """

    step: jax.Array
    seed: jax.Array
    masks: Masks
    inner_state: Any
    updater_state: Any

    __repr__ = one_line


def sparsify(
    optimizer: optax.GradientTransformation, updater: Updater, seed: Any
) -> optax.GradientTransformationExtraArgs:
    """An optax optimizer whose parameters are sparse: nothing else has to be called.

    After `update` and `optax.apply_updates` a pruned weight is exactly 0.0, whatever it
    was before, if that was finite: its update is -w, and w - w = 0 in every dtype. The
    update of a kept weight is the optimizer's own. The optimizer sees masked gradients
    and parameters, and its state is zero where weights are pruned: see `masked_update`,
    which does the same to the parameters themselves.

    Nothing may change the updates afterwards: in `optax.chain` this comes last (what
    clips or adds decay goes before it or inside), and `check` tells if something did.
    `optax.apply_if_finite` and `optax.MultiSteps` around it leave updates as they are.
    Around it, MultiSteps makes a step of k calls, and the updater sees the mean of k
    gradients; inside, each call is a step. A step is what the updater's settings count.

    The parameters of step 0 are the caller's: `project` makes them those of the masks,
    else the first update does.

    Args:
      optimizer: any of optax; what it wants beside gradients (`value`, `grad`,
        `value_fn`) is handed on to it, as `masked_update` says.
      updater: one of `landscape.sparsity.updaters`. If it has `stops`, `rescored` has
        to be called at these steps.
      seed: an integer from 0 to 2^31 - 1, which may be traced (`jax.vmap` over seeds).
        Only `init` reads it: the state keeps it.

    Returns:
      A transformation with a `SparsifyState`.

    Raises:
      InputError: these are no optimizer, updater or seed; in `init`, the updater does
        not fit the parameters, or the optimizer cannot update masked ones (that of
        `optax.lookahead`, which are pairs); in `update`, it wants other arguments.

    >>> from landscape.sparsity import updaters
    >>> params = {"w": jnp.array([3.0, -1.0, 2.0])}
    >>> tx = sparsify(optax.sgd(0.5), updaters.pruning({"w": 1}, 0, 2, 1), seed=0)
    >>> state = tx.init(params)
    >>> for _ in range(2):
    ...     grads = {"w": jnp.ones(3)}
    ...     updates, state = tx.update(grads, state, params)
    ...     params = optax.apply_updates(params, updates)
    >>> params["w"].tolist(), state.masks["w"].tolist()
    ([2.0, 0.0, 0.0], [True, False, False])
    """
    _check_arguments(optimizer, updater, seed)
    if isinstance(optimizer, optax.MultiSteps):
        optimizer = optimizer.gradient_transformation()

    def init(params: Params) -> SparsifyState:
        number = jnp.asarray(seed, jnp.int32)
        masks, updater_state = updater.init(rng.stream(number, "masks"), params)
        # Copies, as the updater's own arrays must outlive a donated state.
        masks, updater_state = jax.tree.map(jnp.array, (masks, updater_state))
        inner_state = optimizer.init(masks_lib.apply(masks, params))
        _check_update(optimizer, masks, inner_state, params)
        step = jnp.zeros((), jnp.int32)
        return SparsifyState(step, number, masks, inner_state, updater_state)

    def update(grads, state, params=None, **extra_args):
        if params is None:
            raise InputError("sparsify wants update(gradients, state, params).")
        step = state.step + 1
        due = True if updater.due is None else updater.due(step, params)

        def optimized(masks, grads):
            before = masks_lib.apply(masks, params)
            updates, inner_state = inner.step(
                optimizer, masks, grads, state.inner_state, before, extra_args
            )
            return updates, inner_state, before

        def renewed(grads, masks, updater_state):
            updates, _, before = optimized(masks, grads)
            after = masks_lib.apply(masks, optax.apply_updates(before, updates))
            key = rng.stream(state.seed, "updater", state.step)
            new, updater_state, _ = updater.update(
                step, key, after, grads, masks, updater_state
            )
            return masks_lib.apply(masks, grads), new, updater_state

        kept = grads, state.masks, state.updater_state
        if due is True:
            grads, masks, updater_state = renewed(*kept)
        elif due is False:
            grads, masks, updater_state = kept
        else:
            grads, masks, updater_state = jax.lax.cond(
                due, renewed, lambda *kept: kept, *kept
            )
        seen = jax.tree.map(lambda mask: mask | due, masks)
        updates, inner_state, _ = optimized(seen, grads)
        if due is not False:
            inner_state = jax.lax.cond(
                due,
                lambda s: inner.projected(s, params, masks),
                lambda s: s,
                inner_state,
            )
        updates = jax.tree.map(_to_zero, masks, updates, params)
        return updates, SparsifyState(
            step, state.seed, masks, inner_state, updater_state
        )

    return optax.GradientTransformationExtraArgs(init, update)


def _to_zero(kept, update, weight):
    """The update where a weight is kept, and elsewhere the one that makes it 0.0."""
    # In a dtype that holds -weight: bfloat16 updates of float32 weights do not.
    dtype = jnp.promote_types(jnp.result_type(weight), jnp.result_type(update))
    return jnp.where(kept, jnp.asarray(update, dtype), -jnp.asarray(weight, dtype))


def project(params: Params, state: Any) -> Params:
    """The parameters, zero where the masks of `sparsify`'s state say so.

    For step 0, or after parameters were changed otherwise. Arguments as of `check`.

    >>> from landscape.sparsity import updaters
    >>> params = {"w": jnp.ones(2)}
    >>> tx = sparsify(optax.sgd(0.1), updaters.static({"w": 1}), seed=0)
    >>> float(project(params, tx.init(params))["w"].sum())
    1.0
    """
    leaves = [jnp.where(mask, leaf, 0) for mask, leaf in _pairs(params, state)]
    return jax.tree.unflatten(jax.tree.structure(params), leaves)


def check(params: Params, state: Any) -> None:
    """Refuses parameters that are not zero where the masks say so.

    Args:
      params: as given to `init`; those of many seeds may be stacked.
      state: a `SparsifyState`, or what holds one (the state of a chain, of
        `nnx.Optimizer`, of `flax.training.train_state.TrainState`).

    Raises:
      InputError: names the first leaf with a pruned weight that is not zero, or says
        that there is not one `SparsifyState`.

    >>> from landscape.sparsity import updaters
    >>> params, updater = {"w": jnp.ones(2)}, updaters.static({"w": 1})
    >>> tx = optax.chain(sparsify(optax.sgd(0.1), updater, seed=0), optax.scale(0.5))
    >>> state = tx.init(params)
    >>> updates, state = tx.update(params, state, params)
    >>> check(optax.apply_updates(params, updates), state)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: 1 of 1 pruned weights of w are not zero: the updates \
of sparsify were changed before they were applied (nothing may follow it in a chain), \
or never applied (project does it), or a weight was not finite.
    """
    names = trees.named_leaves(params)
    for name, (mask, leaf) in zip(names, _pairs(params, state), strict=True):
        gone = ~np.broadcast_to(mask, jnp.shape(leaf))
        wrong = np.count_nonzero(np.asarray(leaf)[gone])
        if wrong:
            raise InputError(
                f"{wrong} of {gone.sum()} pruned weights of {name} are not zero: the"
                " updates of sparsify were changed before they were applied (nothing"
                " may follow it in a chain), or never applied (project does it), or a"
                " weight was not finite."
            )


def rescored(
    updater: Updater, params: Params, state: SparsifyState, scores: Params
) -> tuple[Params, SparsifyState]:
    """Parameters and state with the masks of given scores, at one of `updater.stops`.

    For updaters that want scores over data; `scored_update` says what is done.

    >>> from landscape.sparsity import updaters
    >>> updater = updaters.pruning({"w": 1}, start=0, end=1, every=1, score=None)
    >>> params, tx = {"w": jnp.ones(2)}, sparsify(optax.sgd(0.5), updater, seed=0)
    >>> state = tx.init(params)
    >>> updates, state = tx.update(params, state, params)
    >>> params = optax.apply_updates(params, updates)
    >>> int(state.step) in updater.stops(params)
    True
    >>> rescored(updater, params, state, {"w": jnp.array([2.0, 3.0])})[0]["w"].tolist()
    [0.0, 0.5]
    """
    sparse = masked.SparseState(
        state.step, params, state.masks, state.inner_state, state.updater_state
    )
    new, _ = masked.scored_update(updater, sparse, scores)
    return new.params, state._replace(
        masks=new.masks, inner_state=new.opt_state, updater_state=new.updater_state
    )


def _pairs(params: Params, state: Any) -> list[tuple[Any, Any]]:
    """Mask and weight of every leaf, the mask in a shape that broadcasts."""
    leaves = jax.tree.leaves(state, is_leaf=_is_state)
    states = [leaf for leaf in leaves if _is_state(leaf)]
    if len(states) != 1:
        raise InputError(
            f"{len(states)} states of sparsify are in this state, where one must be."
        )
    found, leaves = jax.tree.leaves(states[0].masks), jax.tree.leaves(params)
    if len(found) != len(leaves):
        raise InputError(
            f"the masks have {len(found)} leaves, the parameters {len(leaves)}."
        )
    # Of several seeds a scalar has become one for each.
    return [
        (jnp.reshape(mask, mask.shape + (1,) * (leaf.ndim - mask.ndim)), leaf)
        for mask, leaf in zip(found, leaves, strict=True)
    ]


def _is_state(node: Any) -> bool:
    return isinstance(node, SparsifyState)


def _check_arguments(optimizer: Any, updater: Any, seed: Any) -> None:
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise InputError(
            f"sparsify wraps an optimizer of optax, not {type(optimizer).__name__}."
        )
    if not isinstance(updater, Updater):
        raise InputError(
            "sparsify takes an updater of landscape.sparsity.updaters, not"
            f" {type(updater).__name__}."
        )
    if isinstance(seed, int) and not 0 <= seed < 2**31:
        raise InputError(f"a seed is an integer from 0 to {2**31 - 1}, not {seed}.")


def _check_update(optimizer, masks, inner_state, params):
    """Refuses an optimizer that cannot update masked parameters; computes nothing."""

    def value_fn(params, *args, **kwargs):
        return sum(jnp.sum(leaf) for leaf in jax.tree.leaves(params)) * 0.0

    def update(grads, inner_state, params):
        extra_args = dict(value=jnp.zeros(()), grad=grads, value_fn=value_fn)
        return inner.step(optimizer, masks, grads, inner_state, params, extra_args)

    try:
        jax.eval_shape(update, params, inner_state, params)
    except InputError as error:
        # One that wants arguments of its own may yet be given them.
        if not isinstance(error.__cause__, TypeError):
            raise
