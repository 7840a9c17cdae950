"""A run, read back in one call: settings, functions, state and data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from landscape import buckets, config
from landscape.aliases import Masks
from landscape.data import Dataset
from landscape.data import load as load_data
from landscape.one_line import one_line
from landscape.runs import sources
from landscape.runs.fingerprints import step_of
from landscape.runs.folder import CHECKPOINTS, EXPORTED, read_config
from landscape.runs.refs import Ref, parse

# What only reads JSON does without JAX.
if TYPE_CHECKING:
    import flax.linen as nn

    from landscape.objective import Objective
    from landscape.recipes import recipe
    from landscape.recipes.state import TrainState


class Run(NamedTuple):
    """A run, loaded.

    Attributes:
      config: its settings.
      model: the Flax Linen module.
      objective: the loss that was trained, its data and L2 terms apart
        (`landscape.objective.Objective`).
      state: the `TrainState` of the step asked for, NumPy arrays.
      masks: those of the state, True = kept.
      data: the data set, normalised as in training; None if it was not asked for.
    """

    config: config.RunConfig
    model: nn.Module
    objective: Objective
    state: TrainState
    masks: Masks
    data: Dataset | None

    def __repr__(self) -> str:
        """Name, method, network, data, step and sparsity, in one line."""
        # Here, as settings are read without JAX.
        from landscape import trees
        from landscape.sparsity import masks

        settings, params = self.config, self.state.params
        removed = 100 * masks.sparsity(self.masks, params, self.objective.rules)
        return (
            f"Run({settings.workdir}, step {int(self.state.step)}: {settings.method},"
            f" {settings.model} on {settings.dataset}, {trees.size(params):,}"
            f" parameters, sparsity {removed:.2f} %)"
        )


class Description(NamedTuple):
    """What a run is, without its state.

    Attributes:
      config: its settings.
      components: the functions they stand for.
      data: the data set; None if it was not asked for.
      shapes: the `TrainState` as `jax.ShapeDtypeStruct`s.
    """

    config: config.RunConfig
    components: recipe.Components
    data: Dataset | None
    shapes: TrainState

    __repr__ = one_line


def describe(
    folder: Path, *, data: bool = True, data_dir: str | None = None
) -> Description:
    """Settings, functions, data and the shapes of the state; touches no device.

    Args:
      folder: the run's.
      data, data_dir: as in `load`.

    Raises:
      InputError: the folder is not a run's, or its data set is not there or another.
    """
    from landscape.recipes import recipe
    from landscape.recipes.initial_state import abstract_state

    settings = read_config(folder)
    if data_dir is not None:
        settings = dataclasses.replace(settings, data_dir=data_dir)
    sources.tell_changed_code(folder, settings)
    known = sources.read(folder).get("data")
    dataset = None
    # Older runs do not record the shapes of their data.
    if data or known is None:
        dataset = load_data(settings)
        sources.check_data(folder, dataset)
        known = sources.describe_data(dataset)
    shape = tuple(known["input_shape"])
    components = recipe.make(settings, shape, known["num_classes"])
    shapes = abstract_state(components, shape)
    return Description(settings, components, dataset if data else None, shapes)


def load(name: str | Ref, *, data: bool = True, data_dir: str | None = None) -> Run:
    """Loads `RUN` (its last state), `RUN@STEP` or `RUN@init`, or a `Ref`.

    Also FILE.zip, the sparse export of a run, without the state of its optimizer.

    Args:
      name: of the run.
      data: whether its data set is loaded as well.
      data_dir: where that is now; default: where the run had it.

    Raises:
      InputError: no such run, not finished (name a step to load one that is not), no
        such step, or a data set that is not there or another.
      checkpoint.CheckpointError: no sound checkpoint.
    """
    with buckets.names_shown():
        ref = parse(name)
        if isinstance(name, str) and buckets.copy_of(name):
            # In a notebook the same name means the run as it is now.
            buckets.fetch(ref.folder)
        return _load(ref, data, data_dir)


def _load(ref: Ref, data: bool, data_dir: str | None) -> Run:
    from landscape import checkpoint

    if ref.folder.suffix == EXPORTED and ref.folder.is_file():
        from landscape import export

        return export.read_run(ref.folder, data=data, data_dir=data_dir)
    settings = read_config(ref.folder)
    # What can be refused is, before the data set is read.
    step = step_of(ref, settings)
    found = describe(ref.folder, data=data, data_dir=data_dir)
    state, _ = checkpoint.restore(ref.folder / CHECKPOINTS, found.shapes, step)
    model, objective = found.components.model, found.components.objective
    return Run(found.config, model, objective, state, state.masks, found.data)
