"""From settings to the functions that train: model, objective, optimizer, updater."""

from functools import lru_cache
from typing import NamedTuple

import flax.linen as nn
import optax

from landscape import layout, models, sparsity
from landscape.aliases import Params
from landscape.config import RunConfig, SparseRun, UnitsRun
from landscape.layout import Rules
from landscape.objective import Objective
from landscape.one_line import one_line
from landscape.recipes import optimizers, schedules
from landscape.registries import methods
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
      initialisation: of the kernels, one of `methods.INITIALISATIONS`; None: the
        model's own.
      sparse_init: "dense", "layer" or "unit", see `landscape.sparsity.rescaled`.
    """

    model: nn.Module
    objective: Objective
    learning_rate: optax.Schedule
    optimizer: optax.GradientTransformation
    updater: Updater
    init_zeros: float
    initialisation: str | None = None
    sparse_init: str = "dense"

    __repr__ = one_line


def make(
    config: RunConfig, input_shape: tuple[int, ...], num_classes: int
) -> Components:
    """Makes the functions; touches no device.

    What has equal settings is equal, or the very same function: runs share whatever is
    compiled for the functions that they have in common.

    Args:
      config: the run's settings.
      input_shape: of one example.
      num_classes: number of labels.

    Raises:
      InputError: the model does not fit the data, or the sparsity cannot be reached.
    """
    input_shape = tuple(input_shape)
    model = models.create(
        config.model,
        input_shape,
        num_classes,
        config.widths,
        config.activation,
        config.model_args,
    )
    objective = Objective(
        model,
        config.label_smoothing,
        config.weight_decay,
        config.decay_all,
        layout.rules_of(model),
        config.precision,
        config.remat,
    )
    learning_rate = _learning_rate(
        config.schedule,
        config.learning_rate,
        config.steps,
        warmup=config.warmup,
        decay_steps=tuple(config.decay_steps),
        decay_factor=config.decay_factor,
    )
    optimizer = _optimizer(
        config.optimizer,
        learning_rate,
        momentum=config.momentum,
        nesterov=config.nesterov,
        decoupled_decay=config.decoupled_decay,
    )
    row = methods.method_row(config.method)
    settings = tuple((name, getattr(config, name)) for name in row.settings)
    if "pattern" in row.settings:
        settings += (("rules", objective.rules),)
    params = models.shapes(model, input_shape)
    counts = tuple(counts_of(config, params, objective.rules).items())
    updater = _updater(row.updater, settings, counts, model, input_shape)
    init_zeros = getattr(config, "init_zeros", 0.0)
    return Components(
        model,
        objective,
        learning_rate,
        optimizer,
        updater,
        init_zeros,
        config.initialisation,
        getattr(config, "sparse_init", "dense"),
    )


_learning_rate = lru_cache(maxsize=16)(schedules.learning_rate)
_optimizer = lru_cache(maxsize=16)(optimizers.create)


@lru_cache(maxsize=16)
def _updater(
    path: str, settings: tuple, counts: tuple, model: nn.Module, input_shape: tuple
) -> Updater:
    make_updater = methods.resolve(path)
    shapes = models.shapes(model, input_shape)
    return make_updater(dict(counts), shapes, **dict(settings))


def counts_of(config: RunConfig, params: Params, rules: Rules = ()) -> dict[str, int]:
    """The entries that each kernel keeps in the end; none are named for a dense run.

    Args:
      config: the run's settings.
      params: parameters of its network, or their shapes.
      rules: for leaves that `landscape.layout` does not know.

    Raises:
      InputError: the sparsity cannot be reached.
    """
    if isinstance(config, UnitsRun):
        return config.masked
    if config.method in methods.DENSE_METHODS or not isinstance(config, SparseRun):
        return {}
    return sparse_counts(config, params, rules)


def sparse_counts(
    config: SparseRun, params: Params, rules: Rules = ()
) -> dict[str, int]:
    """The entries that each kernel keeps at the sparsity of the settings.

    Args and Raises: as of `counts_of`.
    """
    shapes = sparsity.prunable(params, rules)
    if config.pattern:
        return sparsity.kept_in_groups(shapes, *config.pattern, config.dense_layers)
    return sparsity.kept_counts(
        shapes,
        config.sparsity,
        config.distribution,
        config.dense_layers,
        config.max_sparsity,
    )
