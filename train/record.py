"""Writes a run folder: settings, one line a measurement, the summary.

metrics.jsonl holds no wall-clock time and is truncated to the step from which a run
resumes, so it ends byte for byte as that of an uninterrupted run. What depends on the
clock goes to timings.jsonl.
"""

import contextlib
import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

import landscape.config
from landscape import checkpoint, runs
from landscape.config import RunConfig
from landscape.errors import InputError, RunFailure
from landscape.files import write_atomically
from landscape.state import TrainState

# A run may be resumed with other values of these: logging, keeping, placement.
_FREE = {"workdir", "data_dir", "num_devices"} | {
    f"{what}_every" for what in ("log", "eval", "save", "keep")
}


def open_folder(folder: Path, config: RunConfig) -> None:
    """Makes the folder of a run, if it is not there, and writes its settings.

    Raises:
      InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}.") from None
    # Also where it is there: the settings that are free may have changed.
    _write(folder / runs.CONFIG, landscape.config.to_dict(config))


def check_same(folder: Path, config: RunConfig) -> None:
    """Raises InputError if the folder is a file or holds a run with other settings."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        raise InputError(f"{nearest} is a file; {folder} must be a folder.")
    if not (folder / runs.CONFIG).exists():
        if folder.exists() and any(p.suffix != ".part" for p in folder.iterdir()):
            raise InputError(
                f"{folder} is not empty, and what it holds is no run: choose another"
                " --workdir."
            )
        return
    there, here = (
        json.loads(json.dumps(landscape.config.to_dict(settings)))
        for settings in (runs.read_config(folder), config)
    )
    odd = [
        f"{key} {there.get(key)!r} there, {here.get(key)!r} here"
        for key in sorted((there.keys() | here.keys()) - _FREE)
        if there.get(key) != here.get(key)
    ]
    if odd:
        raise InputError(
            f"{folder} holds a run with other settings ({'; '.join(odd)}): choose"
            " another --workdir, or remove that folder."
        )


def truncate_metrics(folder: Path, step: int | None) -> None:
    """Drops the lines of metrics.jsonl on steps after `step` (None: all lines).

    Of timings.jsonl only a line cut short by a kill goes: the time was spent.
    """
    lines = runs.read_metrics(folder)
    kept = [line for line in lines if step is not None and line["step"] <= step]
    spent = runs.read_lines(folder / runs.TIMINGS)
    for name, rest in ((runs.METRICS, kept), (runs.TIMINGS, spent)):
        write_text(folder / name, "".join(json.dumps(line) + "\n" for line in rest))


class Recorder:
    """Records what a training measures, when, and its states.

    Attributes:
      folder: the run folder.
      keep_every: see `landscape.checkpoint.save`.
    """

    def __init__(self, folder: Path, keep_every: int | None):
        self.folder, self.keep_every = folder, keep_every
        self._logged = time.perf_counter()

    def log(self, step: int, *lines: dict[str, Any]) -> None:
        """Adds lines to metrics.jsonl, and to timings.jsonl the time since the last."""
        before, self._logged = self._logged, time.perf_counter()
        append(self.folder, runs.METRICS, *lines)
        spent = {"step": step, "seconds": self._logged - before}
        append(self.folder, runs.TIMINGS, spent)

    def log_end(self, step: int, why: str) -> None:
        """Adds to timings.jsonl why the run ended before its last step."""
        seconds = time.perf_counter() - self._logged
        spent = {"step": step, "seconds": seconds, "ended": why}
        append(self.folder, runs.TIMINGS, spent)

    def save(self, state: TrainState) -> None:
        """Writes a checkpoint."""
        checkpoints = self.folder / runs.CHECKPOINTS
        checkpoint.save(checkpoints, jax.device_get(state), keep_every=self.keep_every)


def append(folder: Path, name: str, *lines: dict[str, Any]) -> None:
    """Adds lines to a .jsonl file, durable when this returns."""
    with _writing(folder / name), open(folder / name, "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def seconds(folder: Path) -> float:
    """Seconds spent on a run, over all its resumptions."""
    return sum(line["seconds"] for line in runs.read_lines(folder / runs.TIMINGS))


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Marks a run as finished."""
    _write(folder / runs.SUMMARY, summary)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a run's numbers."""
    packages = ("jax", "jaxlib", "flax", "optax", "numpy")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version()} | found


def _write(path: Path, values: dict[str, Any]) -> None:
    write_text(path, json.dumps(values, indent=2))


def write_text(path: Path, text: str) -> None:
    """Writes a file as a whole or not at all; a newline is added if there is none."""
    text = text if text.endswith("\n") or not text else text + "\n"
    with _writing(path):
        write_atomically(path, text)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Makes of a full disk, say, one sentence."""
    try:
        yield
    except OSError as error:
        raise RunFailure(
            f"{path} could not be written: {error.strerror}. The same command"
            " resumes from the newest checkpoint."
        ) from error
