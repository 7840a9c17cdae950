"""Runs made ready to be trained: their data, functions, folder and first state."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from landscape import checkpoint, data, runs, trees
from landscape.cli import activity
from landscape.config import RunConfig
from landscape.errors import InputError, RunFailure, with_article
from landscape.machine import devices, hosts
from landscape.one_line import one_line
from landscape.recipes import recipe
from landscape.recipes.initial_state import abstract_state, initial_state, rescaled
from landscape.recipes.recipe import Components
from landscape.recipes.state import TrainState
from landscape.registries.methods import method_row
from landscape.runs import sources
from landscape.users.code import is_user_code
from train.jobs import agreement, damage, measure, record, scoring
from train.steps import examples
from train.steps.streamed import is_streamed

Start = Callable[[TrainState], tuple[Any, Any, Any]]
"""From the shapes of a state to params, batch_stats, masks of step 0 (None: drawn)."""


class Opened(NamedTuple):
    """A run that is ready to be trained.

    Attributes:
      folder: its run folder.
      config: its settings.
      components: the functions that the settings stand for.
      state: of step 0, or of the checkpoint it resumes from.
      resumes: whether it is the latter.
      splits: the data on the devices, by the name of the split.
      mesh: the devices a batch is spread over.
      input_shape: of one example.
    """

    folder: Path
    config: RunConfig
    components: Components
    state: TrainState
    resumes: bool
    splits: measure.Splits
    mesh: Mesh
    input_shape: tuple[int, ...]

    __repr__ = one_line


def open_runs(
    configs: Sequence[RunConfig], starts: Sequence[Start | None]
) -> list[Opened]:
    """Makes runs ready that are to be trained side by side.

    They resume from the newest step of which each has a sound checkpoint, if none of
    them has more than one that is newer: a kill may come between the saves of two of
    them. Without such a step each is at a step of its own: one of them was never begun,
    say, or has diverged long before.
    """
    if len(configs) == 1:
        return [_open(configs[0], starts[0])]
    folders = [Path(str(config.workdir)) / runs.CHECKPOINTS for config in configs]
    common = hosts.from_first(lambda: _common([checkpoint.steps(f) for f in folders]))
    for at in sorted(common, reverse=True):
        try:
            return _open_all(configs, starts, at)
        except checkpoint.CheckpointError as error:
            print(f"refused {error}", file=sys.stderr)
    return _open_all(configs, starts)


def _common(steps: Sequence[Sequence[int]]) -> set[int]:
    """Steps that all have, of the two newest of each.

    >>> _common([[0, 10, 20], [0, 10]]), _common([[0, 80, 90], [0, 10]])
    ({10}, set())
    """
    return set.intersection(*(set(sorted(each)[-2:]) for each in steps))


def _open_all(configs, starts, step=None) -> list[Opened]:
    opened: list[Opened] = []
    for config, start in zip(configs, starts, strict=True):
        # All have the data of the first, which are on the devices once.
        splits = opened[0].splits if opened else None
        opened.append(_open(config, start, step, splits))
    return opened


def _open(
    config: RunConfig,
    start: Start | None,
    step: int | None = None,
    splits: measure.Splits | None = None,
) -> Opened:
    """Makes a run ready; what can be refused is, before a file is written.

    Args:
      config: its settings.
      start: as in `run_training`.
      step: that of the checkpoint to resume from; None: the newest sound one.
      splits: its data, if they are on the devices.

    Raises:
      InputError: as in `run_training`.
      RunFailure: the folder has metrics, but no checkpoint.
    """
    folder = Path(config.workdir)
    dataset = data.load(config)
    sources.check_data(folder, dataset)
    agreement.check(config, dataset)
    shape = dataset.input_shape
    components = recipe.make(config, shape, dataset.num_classes)
    like = abstract_state(components, shape)
    restored = _restored(folder / runs.CHECKPOINTS, like, step)
    resumes = restored is not None
    if resumes:
        state, refused = restored
        # Said first: a failure below must not hide what was refused.
        for reason in refused if hosts.is_first() else []:
            print(f"{folder}: refused {reason}", file=sys.stderr)
    else:
        _refuse_lost_checkpoints(folder)
        given = start(like) if start else (None, None, None)
        mask_from = getattr(config, "mask_from", None)
        takes = method_row(config.method).taken(mask_from)
        if takes and given[2] is None:
            where = "shrinking.descent" if "network" in takes else "mask_source"
            raise InputError(
                f"{with_article(config.method)} run takes the {takes[0]} of another"
                f" run, and no `start` gives it: see `train.{where}`."
            )
    mesh = devices.make_mesh(config.num_devices)
    devices.check_batch_size(mesh, config.batch_size)
    if not resumes:
        with activity("compiling the initial weights"):
            state = initial_state(components, config.seed, shape, *given)
            if is_user_code(config.model):
                _refuse_non_finite(
                    config, components, state, dataset.train["image"][:8]
                )
    if not splits:
        splits, how = placed(mesh, dataset)
        if how and hosts.is_first():
            print(f"{folder}: {how}.", file=sys.stderr)
    if resumes:
        damage.recall(folder, splits)
    state = devices.replicate(mesh, state)
    if not resumes:
        rescoring = scoring.make(config, components, state, splits, mesh)
        if 0 in rescoring.steps:
            try:
                state = rescaled(components, rescoring.update(state))
            except InputError as error:
                raise InputError(f"{folder}: at step 0 {error}") from error
    # The others may yet read what the first one begins to write.
    hosts.wait("opened")
    record.open_folder(folder, config)
    if step is not None:
        # Before the metrics: a newer checkpoint would be resumed from without them.
        checkpoint.drop_after(folder / runs.CHECKPOINTS, step)
    record.truncate_metrics(folder, int(state.step) if resumes else None)
    if resumes and hosts.is_first():
        print(f"{folder}: resumes from step {int(state.step)}", file=sys.stderr)
    elif not resumes:
        record.write_sources(folder, config, dataset)
    return Opened(folder, config, components, state, resumes, splits, mesh, shape)


def placed(mesh: Mesh, dataset: data.Dataset) -> tuple[measure.Splits, str | None]:
    """The data on the devices, or what reads them in time; and how, in words."""
    if not is_streamed(dataset.train):
        return examples.place(mesh, dataset)
    splits = {
        name: split
        for name in ("train", "validation", "test")
        if (split := getattr(dataset, name)) is not None
    }
    return splits, f"{dataset.name} is read while the network trains"


def _restored(folder: Path, like: TrainState, step: int | None):
    """As `checkpoint.restore`, of the step that the first process takes."""
    if not hosts.are_several():
        return checkpoint.restore(folder, like, step)
    mine: list = []

    def taken():
        mine.append(checkpoint.restore(folder, like, step))
        return int(mine[0][0].step) if mine[0] else None

    found = hosts.from_first(taken)
    if found is None or hosts.is_first():
        return None if found is None else mine[0]
    hosts.await_file(folder / str(found))
    try:
        return checkpoint.restore(folder, like, found)
    except checkpoint.CheckpointError as error:
        # Not as one that all have refused: the first process has read it, and trains.
        raise RunFailure(f"{hosts.name_of(hosts.index())}: {error}") from error


def _refuse_non_finite(
    config: RunConfig, components: Components, state: TrainState, images: Any
) -> None:
    """Refuses a network of the user's own that is not finite at its initialisation."""
    for name, leaf in trees.named_leaves(state.params).items():
        if not np.isfinite(leaf).all():
            raise InputError(
                f"--model {config.model}: the initial {name} is not finite."
            )
    logits, _ = components.objective.logits(state.params, images, state.batch_stats)
    if not np.isfinite(logits).all():
        raise InputError(
            f"--model {config.model}: the logits of the first training examples are not"
            " finite at the initialisation."
        )


def _refuse_lost_checkpoints(folder: Path) -> None:
    lines = runs.read_metrics(folder)
    if lines and lines[-1]["step"] > 0:
        raise RunFailure(
            f"{folder} has metrics up to step {lines[-1]['step']} but no checkpoint to"
            " resume from: bring its checkpoints back, or remove the folder."
        )
