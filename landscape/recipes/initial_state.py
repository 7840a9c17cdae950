"""The state before the first step: weights, masks, and what the optimizer keeps."""

import jax
import jax.numpy as jnp

from landscape import models, rng, sparsity, trees
from landscape.aliases import Masks, Params
from landscape.layout import Rules
from landscape.recipes.recipe import Components
from landscape.recipes.state import TrainState


def initial_state(
    components: Components,
    seed: int | jax.Array,
    input_shape: tuple[int, ...],
    params: Params | None = None,
    batch_stats: Params | None = None,
    masks: Masks | None = None,
) -> TrainState:
    """The state of step 0: what is not given is drawn from the seed.

    Outside of jit its parts are compiled one by one, and all runs of a model share the
    longest of them, the draws of the weights.

    Args:
      components: the functions of the run.
      seed: of the initialisation and of random masks; may be traced.
      input_shape: of one example.
      params, batch_stats: the network; a lottery network has those of another run.
      masks: those of another run, in the place of the updater's first ones.

    Returns:
      float32 parameters, exactly 0.0 where `masks` is False.
    """
    drawn, statistics = models.init(
        components.model,
        rng.stream(seed, "init"),
        input_shape,
        components.initialisation,
    )
    if components.init_zeros:
        key = rng.stream(seed, "zeros")
        rules = components.objective.rules
        drawn = _with_zeros(key, drawn, components.init_zeros, rules)
    params = drawn if params is None else params
    batch_stats = statistics if batch_stats is None else batch_stats
    updater = components.updater
    if masks is not None:
        updater = sparsity.updaters.starting_from(updater, masks)
    key = rng.stream(seed, "masks")
    sparse = sparsity.sparse_state(components.optimizer, updater, key, params)
    state = TrainState(batch_stats=batch_stats, **sparse._asdict())
    return rescaled(components, state) if params is drawn else state


def rescaled(components: Components, state: TrainState) -> TrainState:
    """The state of step 0 with the sparse initialisation of its masks.

    For drawn weights whose masks are there, and once: `initial_state` calls it, and
    whoever finds masks for the weights that it gave.
    """
    if components.sparse_init == "dense":
        return state
    rules = components.objective.rules
    params = sparsity.rescaled(components.sparse_init, state.params, state.masks, rules)
    return state._replace(params=params, opt_state=components.optimizer.init(params))


def abstract_state(components: Components, input_shape: tuple[int, ...]) -> TrainState:
    """Shapes and dtypes of the state; touches no device."""
    return jax.eval_shape(lambda: initial_state(components, 0, input_shape))


def _with_zeros(
    key: jax.Array, params: Params, fraction: float, rules: Rules
) -> Params:
    """`params` with that fraction of every prunable kernel set to zero, at random."""
    names = sparsity.prunable(params, rules)

    def zeroed(name, leaf):
        if name not in names:
            return leaf
        count = round((1 - fraction) * leaf.size)
        kept = sparsity.selection.keep_at_random(key, name, leaf.shape, count)
        return jnp.where(kept, leaf, 0)

    return trees.map_named(zeroed, params)
