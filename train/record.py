"""Writes a run folder: settings, one line a measurement, the summary.

metrics.jsonl holds no wall-clock time and is cut back to the step that a resumed run
starts from, so it ends byte for byte as that of an unbroken run. What depends on the
clock goes to timings.jsonl.
"""

import contextlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import landscape.config
from landscape import runs
from landscape.config import TrainConfig
from landscape.errors import InputError, RunFailure

# A run may be gone on with under other values of these: logging, keeping, placement.
_FREE = {"workdir", "data_dir", "num_devices"} | {
    f"{what}_every" for what in ("log", "eval", "save", "keep")
}


def open_folder(folder: Path, config: TrainConfig) -> None:
    """Makes the folder of a run, or checks that it is this run's.

    Raises:
      InputError: the folder holds a run with other settings, or is a file.
    """
    check_same(folder, config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}.") from None
    # Also where it is there: the settings that are free may have changed.
    _write(folder / runs.CONFIG, landscape.config.to_dict(config))


def check_same(folder: Path, config: TrainConfig) -> None:
    """Raises InputError if the folder is a file or holds a run with other settings."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        raise InputError(f"{there} is a file; {folder} must be a folder.")
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


def cut(folder: Path, step: int | None) -> None:
    """Drops what metrics.jsonl says of steps after `step` (None: everything).

    Of timings.jsonl only a line cut short by a kill goes: time is spent for good.
    """
    lines = runs.read_metrics(folder)
    kept = [line for line in lines if step is not None and line["step"] <= step]
    spent = runs.read_lines(folder / runs.TIMINGS)
    for name, rest in ((runs.METRICS, kept), (runs.TIMINGS, spent)):
        write_text(folder / name, "".join(json.dumps(line) + "\n" for line in rest))


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
    partial = path.with_name(path.name + ".part")
    with _writing(path):
        with open(partial, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Makes of a full disk, say, one sentence."""
    try:
        yield
    except OSError as error:
        raise RunFailure(
            f"{path} could not be written: {error.strerror}. The same command goes on"
            " from the newest checkpoint."
        ) from error
