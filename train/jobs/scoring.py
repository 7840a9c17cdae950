"""Mask updates by scores over data, between two steps and before the first one."""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
from jax.sharding import Mesh
from jax.tree_util import Partial

from landscape import rng
from landscape.callables import Static
from landscape.cli import Progress
from landscape.config import RunConfig
from landscape.machine import devices
from landscape.recipes.recipe import Components
from landscape.recipes.state import TrainState
from landscape.registries import methods
from landscape.registries.scores import NUM_EXAMPLES, SCORES
from landscape.sparsity import saliency, scored_update
from landscape.trees import named_leaves
from train.jobs.measure import Splits
from train.steps import examples
from train.steps.streamed import is_streamed


class Rescoring(NamedTuple):
    """Where training stops for new masks, and how they come about.

    Attributes:
      steps: completed updates after which the masks change, 0 for those that are found
        at initialisation; empty if they change inside the steps, or never.
      update: from the state there to the one with new masks.
    """

    steps: frozenset[int]
    update: Callable[[TrainState], TrainState]


def make(
    config: RunConfig,
    components: Components,
    state: TrainState,
    splits: Splits,
    mesh: Mesh,
) -> Rescoring:
    """The mask updates by scores of the first examples of the training split.

    The loss is the objective of training, L2 term included, but the data loss alone at
    initialisation (as SNIP and GraSP have it; of GraSP that of logits over its
    temperature). It is in eval mode: the stored
    statistics of batch norm are used and stay as they are. What is random follows from
    the seed and the step, so that a resumed run has the same scores.

    Args:
      config: the run's settings.
      components: the functions that they stand for.
      state: any of the run; its shapes are looked at.
      splits: the data on the devices.
      mesh: the devices.
    """
    updater = components.updater
    if updater.stops is None:
        return Rescoring(frozenset(), lambda state: state)
    method = methods.method_row(config.method)
    row, train = SCORES[method.score or config.score], splits["train"]
    score, settings = methods.resolve(row.score), {}
    if config.score_scale is not None:
        settings["scale"] = config.score_scale
    if "block_size" in row.settings:
        # Many products with one Hessian: without chunks the activations of all batches
        # would stay in memory.
        settings["chunk_size"] = config.batch_size
    size = min(config.score_examples or NUM_EXAMPLES, len(train["label"]))
    if is_streamed(train) and updater.stops is not None:
        train = {name: column[:size] for name, column in train.items()}
    starts = range(0, size, config.batch_size)

    def scored(state, batches):
        objective, stats = components.objective, state.batch_stats
        if row.needs == "model":
            function = objective.bind_logits(stats)
        elif config.method == "grasp":
            at = Static(_flattened, (objective, config.grasp_temperature))
            function = Partial(at, objective.bind_logits(stats))
        else:
            function = objective.bind(stats, l2=not method.score)
        key = rng.stream(config.seed, "scores", int(state.step))
        return score(function, state.params, batches, state.masks, key, **settings)

    def update(state):
        batches = [
            examples.take(train, slice(i, min(i + config.batch_size, size)))
            for i in starts
        ]
        bar = Progress("scores", updater.rounds, unit="round")
        with contextlib.closing(bar):
            for number in range(updater.rounds):
                scores = scored(state, batches)
                if method.score:
                    pruned = [k for k, m in named_leaves(state.masks).items() if m.ndim]
                    saliency.check_comparable(scores, state.masks, pruned)
                state = devices.replicate(mesh, _updated(updater, state, scores))
                bar.update(number + 1)
        return state

    return Rescoring(frozenset(updater.stops(state.params)), update)


def _flattened(objective, temperature, model_fn, params, batch):
    """The data loss of logits over a temperature."""
    return objective.output_loss(model_fn(params, batch) / temperature, batch)


@partial(jax.jit, static_argnums=0, donate_argnums=1)
def _updated(updater, state, scores):
    return scored_update(updater, state, scores)[0]
