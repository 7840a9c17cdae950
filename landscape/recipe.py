"""From settings to the functions that train: model, objective, optimizer, updater."""

import dataclasses
import json
from functools import lru_cache
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import optax

from landscape import models, optimizers, rng, schedules, sparsity, trees
from landscape.config import DenseRun, SparseRun, TrainConfig, from_dict, to_dict
from landscape.objective import Objective
from landscape.sparsity import Updater
from landscape.state import TrainState


class Components(NamedTuple):
    """The functions that a run's settings stand for.

    Attributes:
      model: the network, a Flax Linen module.
      objective: the loss that is minimised, its data and L2 terms apart.
      learning_rate: from completed updates to the rate of the next one.
      optimizer: of optax, with that rate.
      updater: of the masks.
      init_zeros: fraction of every kernel's initial weights that is set to zero.
    """

    model: nn.Module
    objective: Objective
    learning_rate: optax.Schedule
    optimizer: optax.GradientTransformation
    updater: Updater
    init_zeros: float


def make(
    config: DenseRun | SparseRun, input_shape: tuple[int, ...], num_classes: int
) -> Components:
    """Makes the functions; touches no device.

    Runs that differ in their seeds and folders alone get the very same functions, and
    so share what is compiled for them.

    Args:
      config: the run's settings.
      input_shape: of one example.
      num_classes: number of labels.

    Raises:
      InputError: the model does not fit the data, or the sparsity cannot be reached.
    """
    same: dict[str, Any] = {"seed": 0, "order_seed": None, "workdir": None}
    if config.method in ("lottery", "scratch"):
        # Their masks come from another run and never change.
        same |= {"method": "static", "mask_from": None, "global_pruning": False}
    settings = to_dict(dataclasses.replace(config, **same))
    return _make(json.dumps(settings), tuple(input_shape), num_classes)


@lru_cache(maxsize=16)
def _make(settings: str, input_shape: tuple[int, ...], num_classes: int) -> Components:
    config = from_dict(json.loads(settings))
    model = models.create(
        config.model, input_shape, num_classes, config.widths, config.activation
    )
    objective = Objective(
        model, config.label_smoothing, config.weight_decay, config.decay_all
    )
    learning_rate = schedules.learning_rate(
        config.schedule,
        config.learning_rate,
        config.steps,
        warmup=config.warmup,
        decay_steps=config.decay_steps,
        decay_factor=config.decay_factor,
    )
    optimizer = optimizers.create(
        config.optimizer,
        learning_rate,
        momentum=config.momentum,
        nesterov=config.nesterov,
        decoupled_decay=config.decoupled_decay,
    )
    updater = _updater(config, model, input_shape)
    init_zeros = getattr(config, "init_zeros", 0.0)
    return Components(model, objective, learning_rate, optimizer, updater, init_zeros)


def _updater(config: TrainConfig, model: nn.Module, input_shape) -> Updater:
    if config.method == "dense":
        return sparsity.updaters.static({})
    params, _ = jax.eval_shape(
        lambda: models.init(model, rng.stream(0, "init"), input_shape)
    )
    counts = sparsity.kept_counts(
        sparsity.prunable(params),
        config.sparsity,
        config.distribution,
        config.dense_layers,
        config.max_sparsity,
    )
    if config.method == "pruning":
        start, end, every = config.pruning_steps
        return sparsity.updaters.pruning(
            counts, start, end, every, global_=config.global_pruning
        )
    # Those of lottery and scratch runs take the place of the random ones in
    # `initial_state`.
    return sparsity.updaters.static(counts)


def initial_state(
    components: Components,
    seed: int | jax.Array,
    input_shape: tuple[int, ...],
    params: Any = None,
    batch_stats: Any = None,
    masks: Any = None,
) -> TrainState:
    """The state of step 0: what is not given is drawn from the seed."""
    key = rng.stream(seed, "init")
    initial, statistics = models.init(components.model, key, input_shape)
    if components.init_zeros:
        key = rng.stream(seed, "zeros")
        initial = _zeroed(key, initial, components.init_zeros)
    params = initial if params is None else params
    batch_stats = statistics if batch_stats is None else batch_stats
    # Lottery and scratch networks train inside the masks of another run.
    updater = components.updater if masks is None else sparsity.updaters.fixed(masks)
    key = rng.stream(seed, "masks")
    state = sparsity.sparse_state(components.optimizer, updater, key, params)
    return TrainState(batch_stats=batch_stats, **state._asdict())


def _zeroed(key: jax.Array, params: Any, share: float) -> Any:
    """`params` with that share of every prunable kernel set to zero, at random."""
    names = sparsity.prunable(params)

    def zeroed(name, leaf):
        if name not in names:
            return leaf
        count = round((1 - share) * leaf.size)
        kept = sparsity.selection.keep_at_random(key, name, leaf.shape, count)
        return jax.numpy.where(kept, leaf, 0)

    return trees.map_named(zeroed, params)


def abstract_state(components: Components, input_shape: tuple[int, ...]) -> TrainState:
    """Shapes and dtypes of the state; touches no device."""
    return jax.eval_shape(lambda: initial_state(components, 0, input_shape))
