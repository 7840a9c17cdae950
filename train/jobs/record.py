"""Writes a run folder: settings, one line a measurement, the summary.

metrics.jsonl holds no wall-clock time and is truncated to the step from which a run
resumes, so it ends byte for byte as that of an uninterrupted run. What depends on the
clock goes to timings.jsonl.
"""

import dataclasses
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import landscape.config
from landscape import buckets, data, runs
from landscape.config import RunConfig
from landscape.data import Dataset
from landscape.disk import locks
from landscape.disk.files import check_writable, read_lines, write_atomically, writing
from landscape.errors import InputError, RunFailure, typed
from landscape.machine import hosts
from landscape.needs import has_effect
from landscape.runs import sources
from train.jobs import telemetry
from train.settings import mask_source

_RESUMES = "The same command resumes from what is saved."


def open_folder(folder: Path, config: RunConfig) -> None:
    """Makes the folder of a run, if it is not there, and writes its settings.

    Raises:
      InputError: it cannot be made.
    """
    if not hosts.is_first():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}.") from None
    # Also where it is there: the settings that are free may have changed.
    settings = landscape.config.to_dict(config)
    for name in ("data_dir", *mask_source.KINDS):
        # The working directory is another one tomorrow.
        if settings.get(name):
            settings[name] = _absolute(settings[name])
    _write(folder / runs.CONFIG, settings)


def note_data_dir(folder: Path, config: RunConfig) -> None:
    """Writes into the settings of a finished run where its data set is now.

    One that cannot be written is left as it is, with a sentence on stderr.

    Raises:
      InputError: the data set is not there, or another.
    """
    stored = runs.read_config(folder)
    here = config.data_dir and _absolute(config.data_dir)
    if here and here != stored.data_dir:
        settings = dataclasses.replace(stored, data_dir=here)
        sources.check_data(folder, data.load(settings))
        try:
            open_folder(folder, settings)
        except RunFailure as failure:
            # Its own sentence is of a run that is not finished.
            print(
                f"{folder / runs.CONFIG} still names another --data-dir"
                f" ({failure.__cause__}): name it to each command that needs the data.",
                file=sys.stderr,
            )


def write_sources(folder: Path, config: RunConfig, dataset: Dataset) -> None:
    """Writes what a run is made from; see `landscape.runs.sources`."""
    found = {"data": sources.describe_data(dataset)}
    if code := sources.describe_code(config):
        found[sources.CODE] = code
    for name, kind in mask_source.KINDS.items():
        if getattr(config, name, None):
            found[kind] = mask_source.describe(getattr(config, name), folder)
    _write(folder / sources.SOURCES, found)


def check_same(folder: Path, config: RunConfig) -> None:
    """Refuses a folder in which a run of these settings cannot be written.

    Raises:
      InputError: it is a file, holds a run with other settings or what is no run, or no
        file can be written there (of a finished run none is).
    """
    nearest = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    if not nearest.is_dir():
        raise InputError(f"--workdir {nearest} is a file, not a folder.")
    if not (folder / runs.CONFIG).exists():
        if folder.exists() and any(map(_not_ours, folder.iterdir())):
            raise InputError(
                f"{folder} is not empty, and what it holds is no run: choose another"
                " --workdir."
            )
        check_writable(folder, "choose another --workdir")
        return
    both = runs.read_config(folder), config
    there, here = (
        json.loads(json.dumps(landscape.config.to_dict(settings))) for settings in both
    )
    for name, kind in mask_source.KINDS.items():
        if not (there.get(name) and here.get(name)):
            continue
        if not mask_source.is_same(here[name], there[name], folder, kind):
            raise InputError(
                f"{folder} holds a run that took its {kind} from another run, or"
                f" another state of it, than {here[name]}: {there[name]} then."
            )
        there[name] = here[name]
    odd = [
        f"{key} {typed(there[key])} there, {typed(here[key])} here"
        # Of a run of another kind what both have, its method among it.
        for key in sorted((there.keys() & here.keys()) - runs.FREE)
        # What had no effect may be left out now.
        if there[key] != here[key] and any(has_effect(each, key) for each in both)
    ]
    if odd:
        raise InputError(
            f"{folder} holds a run with other settings ({'; '.join(odd)}): choose"
            " another --workdir, or remove that folder."
        )
    if runs.read_summary(folder) is None:
        check_writable(folder, "a copy of it elsewhere resumes with its --workdir")


def _not_ours(path: Path) -> bool:
    """Whether a file is not one that a kill leaves before a run has its settings."""
    return path.suffix != ".part" and not path.name.startswith(locks.LEASE)


def truncate_metrics(folder: Path, step: int | None) -> None:
    """Drops the lines of metrics.jsonl on steps after `step` (None: all lines).

    Of timings.jsonl only a line cut short by a kill goes: the time was spent.
    """
    lines = runs.read_metrics(folder)
    kept = [line for line in lines if step is not None and line["step"] <= step]
    spent = read_lines(folder / runs.TIMINGS)
    for name, rest in ((runs.METRICS, kept), (runs.TIMINGS, spent)):
        write_text(folder / name, "".join(json.dumps(line) + "\n" for line in rest))


class Recorder:
    """Records what a training measures, when, and its states.

    Attributes:
      folder: the run folder.
      keep_every: see `landscape.checkpoint.save`.
      check_lock: raises if another process writes the folder; see
        `landscape.disk.locks`.
      events: gets every line, too; see `train.jobs.telemetry`.
    """

    def __init__(
        self,
        folder: Path,
        keep_every: int | None,
        check_lock: Callable[[], None],
        events: telemetry.Events | None = None,
    ):
        self.folder, self.keep_every = folder, keep_every
        self.check_lock, self.events = check_lock, events or telemetry.Events()
        self._logged = time.perf_counter()

    def log(self, step: int, *lines: dict[str, Any]) -> None:
        """Adds lines to metrics.jsonl, and to timings.jsonl the time since the last."""
        self.check_lock()
        before, self._logged = self._logged, time.perf_counter()
        append(self.folder, runs.METRICS, *lines)
        spent = {"step": step, "seconds": self._logged - before}
        append(self.folder, runs.TIMINGS, spent)
        self.events.write(step, lines)

    def log_end(self, step: int, why: str) -> None:
        """Adds to timings.jsonl why the run ended before its last step."""
        seconds = time.perf_counter() - self._logged
        spent = {"step": step, "seconds": seconds, "ended": why}
        append(self.folder, runs.TIMINGS, spent)
        send(self.folder)

    def save(self, state: Any) -> None:
        """Writes a checkpoint of a `landscape.recipes.state.TrainState`."""
        # Not above: what a folder holds is asked before JAX is loaded.
        import jax

        from landscape import checkpoint

        self.check_lock()
        checkpoints = self.folder / runs.CHECKPOINTS
        # Before the checkpoint: a run that resumes drops what is behind it.
        send(self.folder)
        checkpoint.save(checkpoints, jax.device_get(state), keep_every=self.keep_every)


def append(folder: Path, name: str, *lines: dict[str, Any]) -> None:
    """Adds lines to a .jsonl file, durable when this returns."""
    if not hosts.is_first():
        return
    with writing(folder / name, _RESUMES), open(folder / name, "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def send(folder: Path) -> None:
    """Sends what was appended to files of a run in a bucket."""
    if hosts.is_first():
        with writing(folder, _RESUMES):
            for name in (runs.METRICS, runs.TIMINGS, telemetry.EVENTS):
                buckets.send(folder / name)


def seconds(folder: Path) -> float:
    """Seconds spent on a run, over all its resumptions."""
    return sum(line["seconds"] for line in read_lines(folder / runs.TIMINGS))


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Marks a run as finished."""
    _write(folder / runs.SUMMARY, summary)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a run's numbers."""
    packages = ("jax", "jaxlib", "flax", "optax", "numpy")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version()} | found


def _absolute(name: str) -> str:
    return os.path.abspath(os.path.expanduser(name))


def _write(path: Path, values: dict[str, Any]) -> None:
    write_text(path, json.dumps(values, indent=2))


def write_text(path: Path, text: str) -> None:
    """Writes a file as a whole or not at all; a newline is added if there is none."""
    text = text if text.endswith("\n") or not text else text + "\n"
    with writing(path, _RESUMES):
        write_atomically(path, text)
