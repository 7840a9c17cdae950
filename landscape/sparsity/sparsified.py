"""Parameters beside the state of `sparsify`: projected, checked, scored over data."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape import trees
from landscape.aliases import Params
from landscape.errors import InputError
from landscape.sparsity import masked
from landscape.sparsity.transformation import SparsifyState
from landscape.sparsity.updater import Updater


def project(params: Params, state: Any) -> Params:
    """The parameters, zero where the masks of `sparsify`'s state say so.

    For step 0, or after parameters were changed otherwise; returns new ones. Arguments
    as of `check`.

    >>> import optax
    >>> from landscape.sparsity import sparsify, updaters
    >>> params = {"w": jnp.ones(2)}
    >>> tx = sparsify(optax.sgd(0.1), updaters.static({"w": 1}), seed=0)
    >>> float(project(params, tx.init(params))["w"].sum())
    1.0
    """
    leaves = [jnp.where(mask, leaf, 0) for mask, leaf in _pairs(params, state)]
    return jax.tree.unflatten(jax.tree.structure(params), leaves)


def check(params: Params, state: Any) -> None:
    """Refuses parameters that are not zero where the masks say so.

    To be called right after an update that changed the masks: if something changes
    the updates of `sparsify`, what that leaves of a pruned weight may become
    smaller, or zero, with each update that follows.

    Args:
      params: as given to `init` (of Flax NNX `nnx.state(model, nnx.Param)`); those of
        many seeds may be stacked.
      state: a `SparsifyState`, or what holds one (the state of a chain, of
        `nnx.Optimizer`, of `flax.training.train_state.TrainState`).

    Raises:
      InputError: names the first leaf with a pruned weight that is not zero, or says
        that there is not one `SparsifyState`.

    >>> import optax
    >>> from landscape.sparsity import sparsify, updaters
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

    >>> import optax
    >>> from landscape.sparsity import sparsify, updaters
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
            f"the masks have {len(found)} leaves, the parameters {len(leaves)}: give"
            " those that init had (of Flax NNX nnx.state(model, nnx.Param))."
        )
    # Of several seeds a scalar has become one for each.
    return [
        (jnp.reshape(mask, mask.shape + (1,) * (leaf.ndim - mask.ndim)), leaf)
        for mask, leaf in zip(found, leaves, strict=True)
    ]


def _is_state(node: Any) -> bool:
    return isinstance(node, SparsifyState)
