"""One update of a masked network: a pure function of state and batch."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape import rng, trees
from landscape.data import augment
from landscape.recipe import Recipe
from landscape.sparsity import masked, masks
from landscape.state import TrainState


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


Step = Callable[[TrainState, dict[str, jax.Array]], tuple[TrainState, Metrics]]


def make(
    recipe: Recipe, *, seed: int = 0, order_seed: int = 0, augmented: bool = False
) -> Step:
    """The update `(state, batch) -> (state, metrics)`, a pytree of its random keys.

    The gradient is that of data loss + L2 at the masked parameters. It is masked,
    given to the optimizer, and the new parameters are projected on the masks: see
    `landscape.sparsity.masked.masked_update`.

    Args:
      recipe: the functions of the run.
      seed: of what is random in the mask updater.
      order_seed: of the augmentation.
      augmented: whether images are cropped and flipped at random.
    """
    keys = rng.stream(seed, "updater"), rng.stream(order_seed, "augment")
    return Partial(_Step(recipe, augmented), *keys)


class _Step(NamedTuple):
    """Equal by value: steps of runs of one recipe share what is compiled."""

    recipe: Recipe
    augmented: bool

    def __call__(self, updater_key, augment_key, state, batch):
        recipe = self.recipe
        if self.augmented:
            key = jax.random.fold_in(augment_key, state.step)
            batch = batch | {"image": augment.crop_and_flip(key, batch["image"])}
        (_, aux), grads = jax.value_and_grad(recipe.objective.training, has_aux=True)(
            state.params, batch, state.batch_stats
        )
        params, new_masks, opt_state, updater_state, _ = masked.masked_update(
            recipe.optimizer,
            recipe.updater,
            state.step,
            jax.random.fold_in(updater_key, state.step),
            state.params,
            grads,
            state.masks,
            state.opt_state,
            state.updater_state,
        )
        norm = trees.norm(masks.apply(state.masks, grads))
        metrics = Metrics(aux.data, aux.l2, aux.accuracy, norm)
        state = TrainState(
            step=state.step + 1,
            params=params,
            batch_stats=aux.batch_stats,
            masks=new_masks,
            opt_state=opt_state,
            updater_state=updater_state,
        )
        return state, jax.tree.map(lambda x: x.astype(jnp.float32), metrics)
