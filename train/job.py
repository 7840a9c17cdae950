"""One run from its settings to its summary: opened, trained, closed."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jax.sharding import Mesh

from landscape import (
    checkpoint,
    data,
    devices,
    figures,
    locks,
    models,
    order,
    recipe,
    runs,
)  # fmt: skip
from landscape.cli import (
    Progress,
    activity,
    limit_compiled_programs,
    noted_signals,
)
from landscape.config import RunConfig
from landscape.errors import InputError, Interrupted, RunFailure
from landscape.initial_state import abstract_state, initial_state
from landscape.methods import METHODS
from landscape.one_line import one_line
from landscape.recipe import Components
from landscape.sources import check_data
from landscape.sparsity import accounting
from landscape.state import TrainState
from train import checks, loop, measure, record, scoring, step

FIGURE = "training.png"

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


def run_all(
    configs: Sequence[RunConfig],
    start_of: Callable[[RunConfig], Start | None] = lambda config: None,
) -> list[dict[str, Any]]:
    """Trains one run after the other as `run_training` does; returns the summaries.

    What can be refused of any is refused before the first of them is trained; a folder
    that another run has come to hold meanwhile is before its own is.

    Args:
      configs: their settings.
      start_of: gives what `run_training` takes as `start`, once those before are done.
    """
    checks.check(configs)
    with activity("reading the data"):
        checks.check_shapes(configs)
    summaries = []
    for config in configs:
        if summaries:
            limit_compiled_programs()
        summaries.append(_run(config, start_of(config)))
    return summaries


def run_training(config: RunConfig, start: Start | None = None) -> dict[str, Any]:
    """Trains what `config` says in the folder `config.workdir`; returns the summary.

    A finished run is not touched; an unfinished one resumes from its newest sound
    checkpoint and ends with the bits of one that was never stopped.

    Args:
      config: the settings; `workdir` must be given.
      start: where the parameters and masks of step 0 come from, if not from the seed.

    Returns:
      The content of summary.json.

    Raises:
      InputError: the folder holds another run, another process writes there, or the
        settings cannot be met.
      RunFailure: the loss is not finite, or a checkpoint could not be written.
      Interrupted: a signal came; the state is saved.
    """
    return run_all([config], lambda _: start)[0]


def _run(config: RunConfig, start: Start | None) -> dict[str, Any]:
    folder = Path(config.workdir)
    # Asked again: while earlier runs were trained, the folder may have been filled.
    record.check_same(folder, config)
    summary = runs.read_summary(folder)
    if summary is not None:
        record.note_data_dir(folder, config)
    else:
        with locks.locked(folder) as check_lock:
            # The process that held it a moment ago may have finished the run, or left
            # one of other settings.
            record.check_same(folder, config)
            summary = runs.read_summary(folder)
            if summary is None:
                opened = _open(config, start)
                summary = _close(opened, _train(opened, check_lock))
    # Last: the run is finished, whatever becomes of its figure.
    figure = folder / runs.FIGURES / FIGURE
    if not figure.exists():
        with figures.attempt(figure):
            lines = runs.read_metrics(folder)
            figures.save(figures.training({folder.name: [lines]}), figure)
    return summary


def _open(config: RunConfig, start: Start | None) -> Opened:
    """Makes a run ready; what can be refused is, before a file is written.

    Raises:
      InputError: as in `run_training`.
      RunFailure: the folder has metrics, but no checkpoint.
    """
    folder = Path(config.workdir)
    dataset = data.load(config)
    check_data(folder, dataset)
    shape = dataset.input_shape
    components = recipe.make(config, shape, dataset.num_classes)
    like = abstract_state(components, shape)
    restored = checkpoint.restore(folder / runs.CHECKPOINTS, like)
    resumes = restored is not None
    if resumes:
        state, refused = restored
        # Said first: a failure below must not hide what was refused.
        for reason in refused:
            print(f"{folder}: refused {reason}", file=sys.stderr)
        mesh = _mesh_and_folder(config, int(state.step))
        print(f"{folder}: resumes from step {int(state.step)}", file=sys.stderr)
    else:
        _refuse_lost_checkpoints(folder)
        given = start(like) if start else (None, None, None)
        mask_from = getattr(config, "mask_from", None)
        takes = METHODS[config.method].taken(mask_from)
        if takes and given[2] is None:
            where = "shrinking.descent" if "network" in takes else "mask_source"
            raise InputError(
                f"a {config.method} run takes the {takes[0]} of another run, and no"
                f" `start` gives it: see `train.{where}`."
            )
        mesh = _mesh_and_folder(config, None)
        record.write_sources(folder, config, dataset)
        with activity("compiling the initial weights"):
            state = initial_state(components, config.seed, shape, *given)
    splits = {
        name: devices.replicate(mesh, getattr(dataset, name))
        for name in ("train", "validation", "test")
        if getattr(dataset, name) is not None
    }
    state = devices.replicate(mesh, state)
    return Opened(folder, config, components, state, resumes, splits, mesh, shape)


def _mesh_and_folder(config: RunConfig, step: int | None) -> Mesh:
    """The devices, and the folder with what it says of steps up to `step`."""
    mesh = devices.make_mesh(config.num_devices)
    devices.check_batch_size(mesh, config.batch_size)
    record.open_folder(Path(config.workdir), config)
    record.truncate_metrics(Path(config.workdir), step)
    return mesh


def _train(opened: Opened, check_lock: Callable[[], None]) -> TrainState:
    """From boundary to boundary: steps, checks, lines of metrics, checkpoints."""
    folder, config, components, state, resumes, splits, mesh, _ = opened
    recorder = record.Recorder(folder, config.keep_every, check_lock)
    if not resumes:
        with activity("compiling the evaluation"):
            lines = measure.held_out(components, state, splits, mesh)
        recorder.log(0, *lines)
        recorder.save(state)
    update = step.make(
        components, seed=config.seed, order_seed=config.order, augmented=config.augment
    )
    train, size = splits["train"], len(splits["train"]["label"])
    in_one_call = loop.scannable(components, state, train, config.batch_size)
    segment = loop.make_segment(update, mesh, in_one_call)
    rescoring = scoring.make(config, components, state, splits, mesh)
    at = int(state.step)
    bar = Progress(str(folder), config.steps, at)
    with contextlib.closing(bar), noted_signals() as signal_that_came:
        for boundary in loop.boundaries(at, config):
            parts = []
            for stop in loop.parts(at, boundary, rescoring.steps):
                indices = order.batches(
                    config.order, size, config.batch_size, at, config.log_interval
                )
                state, metrics = segment(state, train, indices, stop - at)
                at, parts = stop, [*parts, metrics]
                metrics = loop.joined(parts)
                bad = measure.non_finite(state, metrics)
                if bad:
                    recorder.log_end(at, f"the {bad} is not finite")
                    raise RunFailure(_not_finite(bad, config))
                if at in rescoring.steps:
                    try:
                        state = rescoring.update(state)
                    except InputError as error:
                        recorder.log_end(at, str(error))
                        raise RunFailure(f"{folder}: at step {at} {error}") from error
            last = at == config.steps
            lines = [measure.window(components, state, metrics)]
            if last or at % config.eval_interval == 0:
                lines += measure.held_out(components, state, splits, mesh)
            recorder.log(at, *lines)
            bar.update(at, lines)
            signum = signal_that_came()
            due = (config.save_every, config.keep_every or config.save_every)
            if last or signum or any(at % every == 0 for every in due):
                recorder.save(state)
                signum = signal_that_came()  # or while it was saved
            if signum:
                raise Interrupted(
                    signum,
                    f"{folder}: interrupted; step {at} is saved, and the same command"
                    " resumes from there.",
                )
    return state


def _close(opened: Opened, state: TrainState) -> dict[str, Any]:
    """Writes the table of layers and last the summary, which marks the run finished."""
    folder, model = opened.folder, opened.components.model
    summary = measure.summary(
        opened.config, opened.components, state, opened.splits, opened.mesh
    )
    summary["seconds"] = record.seconds(folder)
    positions = models.positions(model, opened.input_shape)
    layers = accounting.format_table(state.params, state.masks, positions)
    record.write_text(folder / runs.LAYERS, layers)
    record.write_summary(folder, summary)
    return summary


def _refuse_lost_checkpoints(folder: Path) -> None:
    lines = runs.read_metrics(folder)
    if lines and lines[-1]["step"] > 0:
        raise RunFailure(
            f"{folder} has metrics up to step {lines[-1]['step']} but no checkpoint to"
            " resume from: bring its checkpoints back, or remove the folder."
        )


def _not_finite(what: str, config: RunConfig) -> str:
    kept = checkpoint.steps(Path(config.workdir) / runs.CHECKPOINTS)
    return (
        f"{config.workdir}: the {what} is not finite; the checkpoint of step"
        f" {max(kept)} is untouched. Try a --learning-rate below"
        f" {config.learning_rate} in another --workdir."
    )
