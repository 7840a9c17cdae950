"""One update of masked parameters with any optax optimizer."""

from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import optax

from landscape.aliases import Masks, Params
from landscape.one_line import one_line
from landscape.sparsity import inner
from landscape.sparsity import masks as masks_lib
from landscape.sparsity.updater import Updater

State = TypeVar("State")


class SparseState(NamedTuple):
    """What an update of masked parameters reads and changes.

    Attributes:
      step: int32 scalar, the number of completed updates.
      params: parameters, exactly 0.0 where `masks` is False.
      masks: booleans with the structure of `params`, True = kept.
      opt_state: state of the optax optimizer.
      updater_state: state of the mask updater.
    """

    step: jax.Array
    params: Params
    masks: Masks
    opt_state: Any
    updater_state: Any

    __repr__ = one_line


def sparse_state(
    optimizer: optax.GradientTransformation,
    updater: Updater,
    key: jax.Array,
    params: Params,
) -> SparseState:
    """The state of step 0: the updater's first masks, and `params` projected on them.

    >>> from landscape.sparsity import updaters
    >>> updater = updaters.static({"w": 1})
    >>> state = sparse_state(
    ...     optax.sgd(0.5), updater, jax.random.key(0), {"w": jnp.ones(2)}
    ... )
    >>> int(state.step), float(state.params["w"].sum())
    (0, 1.0)
    """
    masks, updater_state = updater.init(key, params)
    params = _applied(masks, params)
    stepped = updater_state.latent if updater.latent else params
    step = jnp.zeros((), jnp.int32)
    return SparseState(step, params, masks, optimizer.init(stepped), updater_state)


# One program for all leaves.
_applied = jax.jit(masks_lib.apply)


def masked_update(
    optimizer: optax.GradientTransformation,
    updater: Updater,
    key: jax.Array,
    state: State,
    grads: Params,
    **extra_args: Any,
) -> tuple[State, dict[str, jax.Array]]:
    """Optimizer's step, then mask updater's, then projection on the masks.

    A pruned weight is exactly 0.0 in the parameters that are returned and gets no
    gradient, hence neither momentum nor decay. The optimizer knows nothing of masks.
    When they change, a weight that has grown starts from 0 with the optimizer's state
    of a new one, and every array of that state that belongs to a parameter and has its
    shape is projected too: the path to it ends with the parameter's own, whatever
    wraps the optimizer (`optax.masked`, `partition`, `MultiSteps`), or it holds the
    entries of all parameters in a row (`optax.flatten`) or several of its arrays in one
    (`optax.lbfgs`). Factored statistics have no entry for a weight and are left alone,
    and so is what an optimizer adds without a gradient (the epsilon that adafactor and
    adabelief put into second moments).

    With an updater whose weights are `latent` the optimizer gets the dense gradients,
    as they are, and steps those weights: what is pruned moves and has moments, too. The
    parameters that are returned are the projection of the new latent weights on the new
    masks; the optimizer's state is never projected.

    Args:
      optimizer, updater: see above.
      key: for what is random in the updater.
      state: a `SparseState`, or a named tuple that has its fields among others (as
        `landscape.recipes.state.TrainState` has); the others are left as they are.
      grads: dense gradients at `state.params`.
      extra_args: what the optimizer wants beside them: `value`, `grad`, `value_fn` or
        `obj_fn`. A gradient is masked, and a function sees masked parameters alone.

    Returns:
      The state after one more step, of the same type, and the updater's info.

    Raises:
      InputError: the optimizer cannot update with these arguments; it is named
        (`optax.lookahead`, whose parameters are pairs, never can).

    >>> from landscape.sparsity import updaters
    >>> params = {"w": jnp.array([1.0, 0.0])}
    >>> optimizer, updater = optax.sgd(0.5), updaters.fixed({"w": params["w"] != 0})
    >>> state = sparse_state(optimizer, updater, None, params)
    >>> grads = {"w": jnp.array([1.0, jnp.nan])}
    >>> state, _ = masked_update(optimizer, updater, None, state, grads)
    >>> int(state.step), state.params["w"].tolist()
    (1, [0.5, 0.0])
    """
    masks, updater_state = state.masks, state.updater_state
    stepped = updater_state.latent if updater.latent else state.params
    updates, opt_state = inner.step(
        optimizer, masks, grads, state.opt_state, stepped, extra_args, updater.latent
    )
    # Projected on the old masks at once, in the pass that makes the new parameters; a
    # second pass follows at those few steps at which the masks change.
    stepped = optax.apply_updates(stepped, updates)
    if updater.latent:
        updater_state = updater_state._replace(latent=stepped)
    else:
        stepped = masks_lib.apply(masks, stepped)
    masks, updater_state, info = updater.update(
        state.step + 1, key, stepped, grads, masks, updater_state
    )
    params, opt_state = _inside(
        updater,
        masks,
        info,
        stepped,
        opt_state,
        lambda *args: inner.renewed(optimizer, *args, state.masks, masks),
    )
    changed = SparseState(state.step + 1, params, masks, opt_state, updater_state)
    return state._replace(**changed._asdict()), info


def scored_update(
    updater: Updater, state: State, scores: Params
) -> tuple[State, dict[str, jax.Array]]:
    """The mask updater's step alone, from given scores, then projection on the masks.

    For updaters that want scores over data: after `masked_update` has made a step of
    `updater.stops(params)`. Parameters and optimizer's state are projected as there.

    Args:
      updater: one that has `scored`.
      state: as in `masked_update`.
      scores: larger = keep, in the shapes of the parameters; what is pruned stays so
        whatever its score is.

    Returns:
      The state, with as many completed updates as before, and the updater's info.

    >>> from landscape.sparsity import updaters
    >>> updater = updaters.pruning({"w": 1}, start=0, end=1, every=1, score=None)
    >>> state = sparse_state(optax.sgd(0.5), updater, None, {"w": jnp.ones(2)})
    >>> state, _ = masked_update(
    ...     optax.sgd(0.5), updater, None, state, {"w": jnp.zeros(2)})
    >>> updater.stops(state.params), state.params["w"].tolist()
    ((1,), [1.0, 1.0])
    >>> state, _ = scored_update(updater, state, {"w": jnp.array([-3.0, -2.0])})
    >>> state.params["w"].tolist()
    [0.0, 1.0]
    """
    masks, updater_state, info = updater.scored(
        state.step, scores, state.masks, state.updater_state
    )
    stepped = updater_state.latent if updater.latent else state.params
    # Nothing has grown: what is pruned stays so.
    params, opt_state = _inside(
        updater,
        masks,
        info,
        stepped,
        state.opt_state,
        lambda *args: inner.projected(*args, masks),
    )
    changed = SparseState(state.step, params, masks, opt_state, updater_state)
    return state._replace(**changed._asdict()), info


def _inside(updater, masks, info, stepped, opt_state, renewed):
    """Parameters and optimizer's state on the masks, out of what the optimizer stepped.

    Both are on the old masks already, except latent weights.
    """
    if updater.latent:
        return masks_lib.apply(masks, stepped), opt_state

    def project(params, opt_state):
        params = masks_lib.apply(masks, params)
        return params, renewed(opt_state, params)

    return jax.lax.cond(
        info["changed"], project, lambda *same: same, stepped, opt_state
    )
