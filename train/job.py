"""One run from its settings to its summary: starts, resumes, watches, saves."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from landscape import checkpoint, data, devices, figures, models, recipe, runs
from landscape.cli import Progress
from landscape.config import DenseRun, SparseRun
from landscape.errors import Interrupted, RunFailure
from landscape.recipe import Recipe
from landscape.sparsity import accounting
from landscape.state import TrainState
from train import loop, measure, record, signals, step

_initial_state = jax.jit(recipe.initial_state, static_argnums=(0, 2))

Start = Callable[[TrainState], tuple[Any, Any, Any]]
"""From the shapes of a state to params, batch_stats, masks of step 0 (None: drawn)."""


def carry_out(
    config: DenseRun | SparseRun, start: Start | None = None
) -> dict[str, Any]:
    """Trains what `config` says in the folder `config.workdir` and sums it up.

    A finished run is not touched; an unfinished one goes on from its newest sound
    checkpoint and ends with the bits of one that was never stopped.

    Args:
      config: the settings; `workdir` must be given.
      start: where the parameters and masks of step 0 come from, if not from the seed.

    Returns:
      The content of summary.json.

    Raises:
      InputError: the folder holds another run, or the settings cannot be met.
      RunFailure: the loss is not finite, or a checkpoint could not be written.
      Interrupted: a signal came; the state is saved.
    """
    folder = Path(config.workdir)
    record.check_same(folder, config)
    done = runs.read_summary(folder)
    if done is not None:
        return done
    # Whatever may be refused comes before the first file is written.
    dataset = data.load(config)
    made = recipe.make(config, dataset.input_shape, dataset.num_classes)
    like = recipe.abstract_state(made, dataset.input_shape)
    restored = checkpoint.restore(folder / runs.CHECKPOINTS, like)
    if restored is None:
        _refuse_lost_checkpoints(folder)
    params, batch_stats, masks = (
        start(like) if start and restored is None else (None, None, None)
    )
    mesh = devices.make_mesh(config.num_devices)
    devices.check_batch_size(mesh, config.batch_size)
    record.open_folder(folder, config)
    if restored is None:
        record.cut(folder, None)
        given = (params, batch_stats, masks)
        state = _initial_state(made, config.seed, dataset.input_shape, *given)
    else:
        state, refused = restored
        for reason in refused:
            print(f"{folder}: refused {reason}", file=sys.stderr)
        record.cut(folder, int(state.step))
        print(f"{folder}: goes on from step {int(state.step)}", file=sys.stderr)
    splits = {
        name: devices.replicate(mesh, getattr(dataset, name))
        for name in ("train", "validation", "test")
        if getattr(dataset, name) is not None
    }
    state = _train(
        config, made, devices.replicate(mesh, state), splits, mesh, restored is None
    )
    summary = measure.summary(config, made, state, splits, mesh)
    summary["seconds"] = record.seconds(folder)
    figures.save(
        figures.training({folder.name: [runs.read_metrics(folder)]}),
        folder / runs.FIGURES / "training.png",
    )
    positions = models.positions(made.model, dataset.input_shape)
    layers = accounting.format_table(state.params, state.masks, positions)
    record.write_text(folder / runs.LAYERS, layers)
    record.write_summary(folder, summary)
    return summary


def _train(
    config: DenseRun | SparseRun,
    made: Recipe,
    state: TrainState,
    splits: measure.Splits,
    mesh: Mesh,
    fresh: bool,
) -> TrainState:
    """From boundary to boundary: steps, checks, lines of metrics, checkpoints."""
    folder, at = Path(config.workdir), int(state.step)
    clock = [time.perf_counter()]

    def log(at: int, *lines: dict[str, Any]) -> None:
        clock.append(time.perf_counter())
        spent = {"step": at, "seconds": clock[-1] - clock[-2]}
        record.append(folder, runs.METRICS, *lines)
        record.append(folder, runs.TIMINGS, spent)

    def save(state: TrainState) -> None:
        where = folder / runs.CHECKPOINTS
        checkpoint.save(where, jax.device_get(state), keep_every=config.keep_every)

    if fresh:
        log(0, *measure.held_out(made, state, splits, mesh))
        save(state)
    update = step.make(
        made, seed=config.seed, order_seed=config.order, augmented=config.augment
    )
    train, size = splits["train"], len(splits["train"]["label"])
    in_one_call = loop.scannable(made, state, train, config.batch_size)
    segment = loop.make_segment(update, mesh, in_one_call)
    bar = Progress(str(folder), config.steps, at)
    with signals.caught() as signal_that_came:
        for boundary in loop.boundaries(at, config):
            indices = data.order.batches(
                config.order, size, config.batch_size, at, config.log_interval
            )
            state, metrics = segment(state, train, indices, boundary - at)
            at, last = boundary, boundary == config.steps
            bad = measure.non_finite(state, metrics)
            if bad:
                bar.close()
                raise RunFailure(_not_finite(bad, config))
            lines = [measure.window(made, state, metrics)]
            if last or at % config.eval_interval == 0:
                lines += measure.held_out(made, state, splits, mesh)
            log(at, *lines)
            bar.update(at, lines)
            signum = signal_that_came()
            due = (config.save_every, config.keep_every or config.save_every)
            if last or signum or any(at % every == 0 for every in due):
                save(state)
                signum = signal_that_came()  # or while it was saved
            if signum:
                bar.close()
                raise Interrupted(
                    signum,
                    f"{folder}: interrupted; step {at} is saved, and the same command"
                    " goes on from there.",
                )
    bar.close()
    return state


def _refuse_lost_checkpoints(folder: Path) -> None:
    lines = runs.read_metrics(folder)
    if lines and lines[-1]["step"] > 0:
        raise RunFailure(
            f"{folder} has metrics up to step {lines[-1]['step']} but no checkpoint to"
            " go on from: bring its checkpoints back, or remove the folder."
        )


def _not_finite(what: str, config: DenseRun | SparseRun) -> str:
    kept = checkpoint.steps(Path(config.workdir) / runs.CHECKPOINTS)
    return (
        f"{config.workdir}: the {what} is not finite; the checkpoint of step"
        f" {max(kept)} is untouched. Try a --learning-rate below"
        f" {config.learning_rate} in another --workdir."
    )
