"""One run from its settings to its summary: opened, trained, closed."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from landscape import buckets, figures, models, runs
from landscape.cli import activity, limit_compiled_programs
from landscape.config import RunConfig
from landscape.disk import locks
from landscape.disk.folders import folder_of
from landscape.errors import RunFailure
from landscape.machine import hosts
from landscape.recipes.state import TrainState
from landscape.sparsity import accounting, choices
from landscape.tables import counted
from train.jobs import checks, measure, opening, record, training
from train.jobs.opening import Opened, Start
from train.settings import mask_source
from train.steps import together

FIGURE = "training.png"


def run_all(
    configs: Sequence[RunConfig],
    start_of: Callable[[RunConfig], Start | None] = lambda config: None,
    seeds_at_once: int = 1,
) -> list[dict[str, Any]]:
    """Trains one run after the other as `run_training` does; returns the summaries.

    What can be refused of any is refused before the first of them is trained; a folder
    that another run has come to hold meanwhile is before its own is.

    Args:
      configs: their settings.
      start_of: gives what `run_training` takes as `start`, once those before are done.
      seeds_at_once: runs that differ by their seeds alone are trained side by side, up
        to this many; see `train.steps.together`.
    """
    with buckets.names_shown():
        return _run_all([_here(each) for each in configs], start_of, seeds_at_once)


def _here(config: RunConfig) -> RunConfig:
    """The settings of a run, with folders in buckets named by their copies."""
    names = {
        name: str(folder_of(value))
        for name in ("workdir", *mask_source.KINDS)
        if (value := getattr(config, name, None)) and buckets.copy_of(value)
    }
    return replace(config, **names) if names else config


def _run_all(
    configs: Sequence[RunConfig],
    start_of: Callable[[RunConfig], Start | None],
    seeds_at_once: int,
) -> list[dict[str, Any]]:
    checks.check(configs)
    with activity("reading the data"):
        checks.check_shapes(configs)
    summaries: dict[str | None, dict[str, Any]] = {}
    if any(config.image_size is not None for config in configs):
        # Each seed reads images of its own: there is nothing to share.
        seeds_at_once = 1
    for group in together.groups(configs, seeds_at_once):
        if summaries:
            limit_compiled_programs()
        summaries |= _run(group, start_of)
    return [summaries[config.workdir] for config in configs]


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


def _run(
    group: Sequence[RunConfig], start_of: Callable[[RunConfig], Start | None]
) -> dict[str | None, dict[str, Any]]:
    """The summaries of runs that are trained side by side, by their workdir."""
    folders = [Path(str(config.workdir)) for config in group]
    for folder, config in zip(folders, group, strict=True):
        # Asked again: while earlier runs were trained, the folder may have been filled.
        record.check_same(folder, config)
        if runs.read_summary(folder) is not None:
            record.note_data_dir(folder, config)
    with contextlib.ExitStack() as stack:
        # The others may see later what is finished.
        begun = hosts.from_first(lambda: _unfinished(folders))
        check_of = {i: stack.enter_context(locks.locked(folders[i])) for i in begun}
        # The process that held a lock a moment ago may have finished the run, or left
        # one of other settings.
        for i in begun:
            record.check_same(folders[i], group[i])
        left = hosts.from_first(lambda: [i for i in _unfinished(folders) if i in begun])
        for i in left if not hosts.is_first() else []:
            # As the first process did when it had the lock.
            buckets.fetch(folders[i])
        if left:
            starts = [start_of(group[i]) for i in left]
            opened = opening.open_runs([group[i] for i in left], starts)
            check_locks = [check_of[i] for i in left]
            failures: list[RunFailure] = []
            by_step: dict[int, list[tuple[Opened, Callable[[], None]]]] = {}
            for each, check_lock in zip(opened, check_locks, strict=True):
                at = int(each.state.step)
                by_step.setdefault(at, []).append((each, check_lock))
            for alike in by_step.values():
                at_one_step, their_locks = zip(*alike, strict=True)
                states = training.train(at_one_step, their_locks)
                for each, state in zip(at_one_step, states, strict=True):
                    if isinstance(state, RunFailure):
                        failures.append(state)
                    else:
                        _close(each, state)
            if failures:
                told = [str(failure) for failure in failures]
                if others := len(left) - len(failures):
                    told.append(f"Finished beside it: {counted(others, 'run')}.")
                raise RunFailure(" ".join(told))
    hosts.wait("trained")
    for folder in folders if not hosts.is_first() else []:
        # The next run may take its weights or masks.
        buckets.fetch(folder)
        hosts.await_file(folder / runs.SUMMARY)
    # Last: the runs are finished, whatever becomes of their figures.
    for folder in folders:
        figure = folder / runs.FIGURES / FIGURE
        if hosts.is_first() and not figure.exists():
            with figures.attempt(figure):
                lines = runs.read_metrics(folder)
                figures.save(figures.training({folder.name: [lines]}), figure)
    read = hosts.from_first(lambda: [runs.read_summary(folder) for folder in folders])
    return {config.workdir: own for config, own in zip(group, read, strict=True)}


def _unfinished(folders: Sequence[Path]) -> list[int]:
    return [i for i, f in enumerate(folders) if runs.read_summary(f) is None]


def _close(opened: Opened, state: TrainState) -> dict[str, Any]:
    """Writes the table of layers and last the summary, which marks the run finished."""
    folder, model = opened.folder, opened.components.model
    summary = measure.summary(
        opened.config, opened.components, state, opened.splits, opened.mesh
    )
    summary["seconds"] = record.seconds(folder)
    positions = models.positions(model, opened.input_shape)
    rules = opened.components.objective.rules
    layers = accounting.format_table(state.params, state.masks, positions, rules)
    pattern = getattr(opened.config, "pattern", None)
    # A setting of the masks that were taken: SET and RigL have moved them since.
    if pattern and choices.is_n_of_m(state.masks, state.params, *pattern, rules):
        layers += (
            f"\nPattern: {opened.config.nm} along the flattened inputs (kh kw c_in) of"
            " each output, but in dense layers."
        )
    record.write_text(folder / runs.LAYERS, layers)
    record.write_summary(folder, summary)
    return summary
