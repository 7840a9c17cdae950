"""Sparse training in any loop: a mask updater and an optimizer as one of optax's."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from landscape import rng
from landscape.aliases import Masks, Params
from landscape.errors import InputError
from landscape.one_line import one_line
from landscape.sparsity import inner
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
    and parameters, and its state is zero where the masks prune a weight: see
    `masked_update`, which does the same to the parameters themselves. Only adafactor
    and adabelief add their epsilon there, which moves no pruned weight. In float16
    Adam's eps of 1e-8 is 0, and what has no gradient becomes nan, as without masks:
    give `eps=1e-4`, or float32 parameters. What a line search keeps for
    `optax.value_and_grad_from_state` is forgotten where the masks have changed or are
    about to, as the gradient that it kept is masked; with latent weights always.

    Nothing may change the updates afterwards: in `optax.chain` this comes last (what
    clips or adds decay goes before it or inside), and `check` tells if something did,
    right after a mask update: later ones may make what is left zero.
    `optax.apply_if_finite` and `optax.MultiSteps` around it leave updates as they are.
    Around it, MultiSteps makes a step of k calls, and the updater sees the mean of k
    gradients; inside, each call is a step. A step is what the updater's settings count.

    The ordinary steps (not in `updater.steps(params)`) may be those of `sparsify` with
    `updaters.unchanging` (`updaters.unchanging_latent` of an updater with latent
    weights), which has the same state and needs no temporary memory. Not so the step
    before a mask update if a line search keeps gradients, which is to forget one then.

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
        stepped = masks_lib.apply(masks, params)
        if updater.latent:
            stepped = updater_state.latent
        inner_state = optimizer.init(stepped)
        if not updater.latent:
            inner_state = inner.projected(inner_state, params, masks)
        _check_update(optimizer, masks, inner_state, params)
        step = jnp.zeros((), jnp.int32)
        return SparsifyState(step, number, masks, inner_state, updater_state)

    def update(grads, state, params=None, **extra_args):
        if params is None:
            raise InputError("sparsify wants update(gradients, state, params).")
        if updater.latent != hasattr(state.updater_state, "latent"):
            raise InputError(
                "the state is of an updater with latent weights and the updater has"
                " none, or the reverse: their ordinary steps are those of"
                " updaters.unchanging_latent, all others' those of updaters.unchanging."
            )
        take = _latent_step if updater.latent else _step
        return take(optimizer, updater, grads, state, params, extra_args)

    return optax.GradientTransformationExtraArgs(init, update)


def _step(optimizer, updater, grads, state, params, extra_args):
    """Updates and the next state; `masked_update` for those who add updates themselves.

    Whether the masks may change is asked first, by the number of the step alone. So an
    ordinary step reads and writes what plain optax does, and the masks: the new
    parameters, which the updater wants, exist only in the branch that makes new masks,
    where the optimizer's step is made once more. What has just grown has a gradient of
    zero then, and is zero after the step, as in `masked_update`.
    """
    step = state.step + 1
    steps = None if updater.steps is None else updater.steps(params)
    due = True if steps is None else jnp.any(jnp.array(steps, jnp.int32) == step)

    def optimizer_step(masks, grads):
        before = masks_lib.apply(masks, params)
        return inner.step(
            optimizer, masks, grads, state.inner_state, before, extra_args
        )

    def renewed(grads, masks, updater_state):
        updates, _ = optimizer_step(masks, grads)
        after = optax.apply_updates(masks_lib.apply(masks, params), updates)
        after = masks_lib.apply(masks, after)
        key = rng.stream(state.seed, "updater", state.step)
        new, updater_state, _ = updater.update(
            step, key, after, grads, masks, updater_state
        )
        return masks_lib.apply(masks, grads), new, updater_state

    extra_args = inner.masked_arguments(state.masks, extra_args)
    masks, updater_state = state.masks, state.updater_state
    seen = masks
    if steps is None:
        grads, masks, updater_state = renewed(grads, masks, updater_state)
    elif steps:
        grads, masks, updater_state = jax.lax.cond(
            due, renewed, lambda *same: same, grads, masks, updater_state
        )
    if steps != ():
        # The gradients are masked already then, on the old masks.
        seen = jax.tree.map(lambda mask: mask | due, masks)
    updates, inner_state = optimizer_step(seen, grads)
    if steps != ():
        inner_state = jax.lax.cond(
            due,
            lambda inner_state: inner.renewed(
                optimizer, inner_state, params, state.masks, masks
            ),
            lambda inner_state: inner_state,
            inner_state,
        )
        soon = True if steps is None else jnp.any(jnp.array(steps) == step + 1)
        inner_state = inner.forgotten(inner_state, due | soon)
    # Some optimizers (muon) move a weight without a gradient, too.
    stayed = masks if steps == () else jax.tree.map(jnp.logical_and, state.masks, masks)
    updates = jax.tree.map(_to_zero, stayed, updates, params)
    return updates, SparsifyState(step, state.seed, masks, inner_state, updater_state)


def _latent_step(optimizer, updater, grads, state, params, extra_args):
    """As `_step`, where the optimizer steps latent weights: updates lead to theirs."""
    latent, step = state.updater_state.latent, state.step + 1
    updates, inner_state = inner.step(
        optimizer, state.masks, grads, state.inner_state, latent, extra_args, True
    )
    # Of a line search: the gradient is masked, and the value is of the old masks.
    inner_state = inner.forgotten(inner_state, True)
    latent = optax.apply_updates(latent, updates)
    masks, updater_state, _ = updater.update(
        step,
        rng.stream(state.seed, "updater", state.step),
        latent,
        grads,
        state.masks,
        state.updater_state._replace(latent=latent),
    )
    updates = jax.tree.map(lambda new, old: new - old, latent, params)
    updates = jax.tree.map(_to_zero, masks, updates, params)
    return updates, SparsifyState(step, state.seed, masks, inner_state, updater_state)


def _to_zero(kept, update, weight):
    """The update where a weight is kept, and elsewhere the one that makes it 0.0."""
    # In a dtype that holds -weight: bfloat16 updates of float32 weights do not.
    dtype = jnp.promote_types(jnp.result_type(weight), jnp.result_type(update))
    return jnp.where(kept, jnp.asarray(update, dtype), -jnp.asarray(weight, dtype))


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
