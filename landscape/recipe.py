"""From settings to the functions that train: model, objective, optimizer, updater."""

import dataclasses
from functools import lru_cache
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import optax

from landscape import methods, models, optimizers, rng, schedules, sparsity
from landscape.config import DenseRun, SparseRun
from landscape.objective import Objective
from landscape.sparsity import Updater


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
    row = methods.METHODS[config.method]
    # What the functions do not depend on takes one value for all runs.
    same: dict[str, Any] = {"seed": 0, "order_seed": None, "workdir": None}
    if isinstance(config, SparseRun):
        default = SparseRun()
        same |= {"mask_from": None, "rewind_to": None}
        same |= {
            flag: getattr(default, flag)
            for other in methods.METHODS.values()
            for flag in other.flags
            if flag not in row.flags
        }
        same["method"] = next(
            name
            for name, r in methods.METHODS.items()
            if r.updater == row.updater and name != "dense"
        )
    return _make(dataclasses.replace(config, **same), tuple(input_shape), num_classes)


@lru_cache(maxsize=16)
def _make(
    config: DenseRun | SparseRun, input_shape: tuple[int, ...], num_classes: int
) -> Components:
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


def _updater(
    config: DenseRun | SparseRun, model: nn.Module, input_shape: tuple[int, ...]
) -> Updater:
    params, _ = jax.eval_shape(
        lambda: models.init(model, rng.stream(0, "init"), input_shape)
    )
    counts = {}
    if isinstance(config, SparseRun):
        counts = sparsity.kept_counts(
            sparsity.prunable(params),
            config.sparsity,
            config.distribution,
            config.dense_layers,
            config.max_sparsity,
        )
    updater = methods.resolve(methods.METHODS[config.method].updater)
    return updater(config, counts, params)
