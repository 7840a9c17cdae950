"""The network before the first round, and what can be reached with it."""

import math
from fnmatch import fnmatchcase
from typing import NamedTuple

import jax
import numpy as np

from landscape import data, models, rng, runs
from landscape.aliases import Params
from landscape.config import UnitsConfig
from landscape.data import Dataset
from landscape.errors import InputError
from landscape.machine import devices
from landscape.units import Spec, budget, specification
from train.jobs.opening import placed
from train.shrinking.selection import cost_of
from train.steps.evaluate import evaluate


class First(NamedTuple):
    """The network before the first round.

    Attributes:
      dataset: what it is fine-tuned on.
      cost: its parameters or FLOPs.
      smallest: those of the smallest network that can be reached.
    """

    dataset: Dataset
    cost: int
    smallest: int


def open_first(config: UnitsConfig) -> First:
    """Loads the network that is made smaller; refuses what cannot be reached with it.

    Raises:
      InputError: its structure is not known, it has no units to remove, the data do not
        fit, the budget is below one unit a layer, or the floor above its accuracy.
    """
    dataset = data.load(config)
    folder = runs.parse(config.source).folder
    known = runs.describe(folder, data=False, data_dir=config.data_dir)
    model, params = known.components.model, known.shapes.params
    _check_fits(config, params, dataset)
    spec = specification(model, params)
    units = sum(spec.sizes.values())
    if config.num_rounds > units:
        raise InputError(
            f"--rounds {config.num_rounds} is more than the {units:,} units of"
            f" {config.source}."
        )
    cost, what = cost_of(config, model, spec, params, dataset.input_shape)
    first = First(dataset, cost(spec.sizes), cost(_fewest(config, spec)))
    if config.floor_accuracy is None:
        _check_budget(config, first, what)
    run = runs.load(config.source, data=False, data_dir=config.data_dir)
    mesh = devices.make_mesh(config.num_devices)
    devices.check_batch_size(mesh, config.batch_size)
    if config.floor_accuracy is None:
        return first
    there = devices.replicate(mesh, (run.state.params, run.state.batch_stats))
    held_out = placed(mesh, dataset)[0]["validation"]
    found = evaluate(run.objective, *there, held_out, mesh)["accuracy"]
    if config.floor_accuracy > found:
        raise InputError(
            f"--floor-accuracy {config.floor_accuracy} is above the validation accuracy"
            f" of {config.source} itself, {found:.4f}."
        )
    return first


def _check_budget(config: UnitsConfig, first: First, what: str) -> None:
    flag = "--keep-params" if config.keep_params else "--keep-flops"
    fraction = config.keep_params or config.keep_flops
    if budget.share(fraction, first.cost) < first.smallest:
        share = first.smallest / first.cost
        # Rounded up: what is named is not refused.
        last = 10.0 ** (math.floor(math.log10(share)) - 2)
        raise InputError(
            f"{flag} {fraction} of {first.cost:,} {what} is below the smallest network"
            f" that can be reached, of {first.smallest:,} (one unit in each layer that"
            f" --keep-layers does not name): it must be at least"
            f" {math.ceil(share / last) * last:.3g}."
        )


def _fewest(config: UnitsConfig, spec: Spec) -> dict[str, int]:
    """Units of each group in the smallest network.

    Raises:
      InputError: it is the network itself.
    """
    zeros = {group: np.zeros(n) for group, n in spec.sizes.items()}
    # Refuses patterns that name no group.
    budget.choose_units(zeros, lambda _: 0, 0, protected=config.keep_layers)

    def kept(group):
        return any(fnmatchcase(group, pattern) for pattern in config.keep_layers)

    fewest = {g: n if kept(g) else min(n, 1) for g, n in spec.sizes.items()}
    if fewest == spec.sizes:
        raise InputError(
            f"{config.source} has no units to remove: there are"
            f" {', '.join(f'{n} in {g}' for g, n in fewest.items()) or 'none'}, and one"
            " a layer stays, and those of --keep-layers."
        )
    return fewest


def _check_fits(config: UnitsConfig, params: Params, dataset: Dataset) -> None:
    shape = dataset.input_shape
    made = models.create(
        config.model, shape, dataset.num_classes, config.widths, config.activation
    )
    here, _ = jax.eval_shape(lambda: models.init(made, rng.stream(0, "init"), shape))
    if jax.tree.map(np.shape, here) != jax.tree.map(np.shape, params):
        raise InputError(
            f"the network of {config.source} does not fit {config.dataset}: its inputs"
            " or classes are others."
        )
