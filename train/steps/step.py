"""One update of a masked network: a pure function of state and batch."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape import rng, trees
from landscape.aliases import Batch
from landscape.callables import Static
from landscape.machine.backend import on_cpu
from landscape.recipes import augment
from landscape.recipes.recipe import Components
from landscape.recipes.state import TrainState
from landscape.sparsity import masked_update, masks, updaters
from train.steps import accumulation


class Metrics(NamedTuple):
    """What one step measures on its own batch, before its update.

    Attributes:
      loss: data term of the objective, nats.
      l2: L2 term of the objective.
      accuracy: fraction of the batch that is classified right.
      gradient_norm: Euclidean norm of the objective's gradient over the kept weights.
    """

    loss: jax.Array
    l2: jax.Array
    accuracy: jax.Array
    gradient_norm: jax.Array


Step = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


def make(
    components: Components,
    *,
    seed: int = 0,
    order_seed: int = 0,
    augmented: bool = False,
    ordinary: bool = False,
    parts: int = 1,
) -> Step:
    """The update `(state, batch) -> (state, metrics)`, a pytree of its random keys.

    The gradient is that of data loss + L2 at the masked parameters. It is masked,
    given to the optimizer, and the new parameters are projected on the masks: see
    `landscape.sparsity.masked_update`.

    Args:
      components: the functions of the run.
      seed: of what is random in the mask updater.
      order_seed: of the augmentation.
      augmented: whether images are cropped and flipped at random.
      ordinary: whether the masks are known not to change: what is compiled has no
        memory for that, and all methods whose weights are not latent share it.
      parts: of the batch, whose gradients are computed one after the other.
    """
    if ordinary:
        components = components._replace(updater=updaters.unchanging)
    keys = rng.stream(seed, "updater"), rng.stream(order_seed, "augment")
    # Equal by value: steps of runs with the same components share what is compiled.
    return Partial(Static(_step, (components, augmented, parts)), *keys)


def _step(components, augmented, parts, updater_key, augment_key, state, batch):
    if augmented:
        key = jax.random.fold_in(augment_key, state.step)
        batch = batch | {"image": augment.crop_and_flip(key, batch["image"])}
    gradient = accumulation.value_and_grad(components.objective.training, parts)
    (_, aux), grads = gradient(state.params, batch, state.batch_stats)
    kept = masks.apply(state.masks, grads)
    squares = trees.dot(kept, kept)
    metrics = Metrics(aux.data, aux.l2, aux.accuracy, jnp.sqrt(squares))
    state = state._replace(params=_after(aux.l2 + squares, state.params))
    key = jax.random.fold_in(updater_key, state.step)
    state, _ = masked_update(
        components.optimizer, components.updater, key, state, grads
    )
    state = state._replace(batch_stats=aux.batch_stats)
    return state, jax.tree.map(lambda x: x.astype(jnp.float32), metrics)


def _after(sum_of_squares, params):
    """The parameters, as numbers that are not there before a sum of squares is.

    XLA writes new weights over the old ones only where it knows that all that reads
    the old ones comes before. Of the L2 term, a metric, and of the gradients of other
    layers it does not know that, and on a CPU each step would copy all weights for
    them. (A CPU's compiler drops `jax.lax.optimization_barrier` before it could help.)
    """
    if not on_cpu():
        return params
    # Never negative, but XLA does not know it.
    known = ~(sum_of_squares < 0)
    return jax.tree.map(lambda w: jnp.where(known, w, 0), params)
