"""The files of an analysis: result.json, arrays.npz and figure.png, .pdf or .svg.

Until it is finished, partial.npz holds what an interrupted analysis continues from.
"""

import contextlib
import functools
import hashlib
import json
import shlex
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from analysis.programs import shared_disk
from analysis.programs.options import FORMATS
from landscape import buckets, runs
from landscape.cli import end_if_signalled, say_if_interrupted, say_saved, this_program
from landscape.disk.files import write_atomically, writing
from landscape.disk.folders import LONGEST_NAME, folder_of, shortened
from landscape.errors import InputError, RunFailure
from landscape.machine import hosts

Arrays = dict[str, np.ndarray]

RESULT, ARRAYS, FIGURE = "result.json", "arrays.npz", "figure.png"
FILES = RESULT, ARRAYS, *(f"figure.{name}" for name in FORMATS)
PARTIAL = "partial.npz"
COMMAND = "command.txt"
"""The command that computes it, until it is finished."""
MAY_BE_OTHERS = frozenset("data_dir format others output run run_a run_b runs".split())
"""Settings that a result does not depend on: where data are, where and in which formats
it is written, and what runs are called. Tomorrow the names may mean other runs; their
states do not."""


def folder(
    program: str,
    words: Sequence[str],
    refs: Sequence[runs.Ref],
    settings: dict[str, Any],
) -> Path:
    """`RUN_A/analysis/<program>-<words>-<other runs>-<short hash>`.

    With a setting "output" it is in that folder instead of `RUN_A/analysis`, and has
    the same name.

    Args:
      program: its name.
      words: the settings that tell its results apart at a glance.
      refs: the runs; the first is RUN_A.
      settings: all of them; the hash is of these, without `MAY_BE_OTHERS`, and of the
        runs' states: no two analyses share a folder, and that of a run that was moved
        is found.

    Raises:
      InputError: a run or a step is not there.
    """
    states = [runs.fingerprint(ref) for ref in refs]
    output = settings.get("output")
    fixed = {k: v for k, v in settings.items() if k not in MAY_BE_OTHERS}
    text = json.dumps(fixed | {"states": states}, sort_keys=True)
    short = hashlib.sha256(text.encode()).hexdigest()[:8]
    first, *others = refs
    name = [program, *words]
    if first.step is not None:
        name.append(f"from{first.step}")
    for folder, step in others:
        name.append(folder.name if step is None else f"{folder.name}@{step}")
    # Names of runs may be as long as one of this folder.
    words = shortened("-".join(name), LONGEST_NAME - len(f"-{short}"))
    home = first.folder / "analysis" if output is None else folder_of(output)
    return home / f"{words}-{short}"


def read(folder: Path) -> dict[str, Any] | None:
    """The result in a folder; None if there is none, or one that is damaged.

    Raises:
      InputError: it is there and cannot be read.
    """
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
    return found if isinstance(found, dict) else _damaged(path, None)


def read_whole(folder: Path) -> dict[str, Any] | None:
    """As `read`; None too where its arrays are missing or damaged.

    Raises:
      InputError: as `read`.
    """
    result, path = read(folder), folder / ARRAYS
    if result is None or zipfile.is_zipfile(path):
        return result
    return _damaged(path, None)


def write(folder: Path, result: dict[str, Any], arrays: Arrays | None = None) -> None:
    """Writes the numbers; result.json, which marks them finished, last.

    Of several processes the first does, and all must call this.

    Raises:
      RunFailure: they could not be written.
    """

    def write_all() -> None:
        if arrays is not None:
            _write(folder / ARRAYS, lambda file: np.savez(file, **arrays))
        _write(folder / RESULT, json.dumps(result, indent=2) + "\n")
        (folder / PARTIAL).unlink(missing_ok=True)
        with writing(folder / PARTIAL, "The result is."):
            buckets.remove(folder / PARTIAL)

    hosts.from_first(write_all)


@contextlib.contextmanager
def with_command(folder: Path) -> Iterator[None]:
    """Within it a folder names the command that computes its result.

    After it, too, if a piece of the work was saved but no result.
    """
    if hosts.is_first() and this_program().startswith("analysis."):
        # What is only for messages stops no analysis.
        with contextlib.suppress(OSError):
            words = ["python", "-m", this_program(), *sys.argv[1:]]
            (folder / COMMAND).write_text(shlex.join(words) + "\n")
    try:
        yield
    finally:
        over = (folder / RESULT).exists() or not (folder / PARTIAL).exists()
        if hosts.is_first() and over:
            (folder / COMMAND).unlink(missing_ok=True)


def command_of(folder: Path) -> str:
    """The command that computes a result that is not finished; "" if unknown."""
    try:
        return (folder / COMMAND).read_text().strip()
    except (OSError, ValueError):
        return ""


def keep(folder: Path, arrays: Arrays, what: str | None = None) -> None:
    """Replaces the partial result of an analysis; a kill leaves the old one.

    It may be larger than the result: where a disk does not take it, that is said once,
    and the analysis continues. Of several processes the first writes it; all must call
    this, and end here if a signal has come to one of them.

    Args:
      folder: of the analysis.
      arrays: what it continues from.
      what: they are, in words, said if the program is interrupted; None: what is said
        stays the same.

    Raises:
      Interrupted: a signal came to one of several processes.
    """
    path = folder / PARTIAL
    try:
        hosts.from_first(lambda: _write(path, lambda file: np.savez(file, **arrays)))
    except RunFailure as failure:
        _say_once(f"{failure} The analysis continues without it.")
    else:
        if what is not None:
            say_if_interrupted(
                f"{folder}: interrupted; kept: {what}. The same command resumes from"
                " there."
            )
            say_saved(f"{what} are saved in {folder}")
    end_if_signalled()


def kept(folder: Path) -> Arrays:
    """The partial result in a folder; empty if there is none, or one that is damaged.

    Of several processes all must call this, and read what the first reads.

    Raises:
      InputError: it is there and cannot be read.
    """
    return shared_disk.read(lambda: _kept(folder), folder / PARTIAL)


def _kept(folder: Path) -> Arrays:
    path = folder / PARTIAL
    if not path.exists():
        return {}
    try:
        return read_arrays(path)
    except (ValueError, EOFError, zipfile.BadZipFile):
        return _damaged(path, {})
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None


def read_arrays(path: Path) -> Arrays:
    """The arrays of an .npz file."""
    with path.open("rb") as file, np.load(file) as arrays:
        return dict(arrays)


def read_together(folder: Path) -> Arrays:
    """The arrays of a result; all of several processes read what the first reads."""
    return shared_disk.read(lambda: read_arrays(folder / ARRAYS), folder / ARRAYS)


def _write(path: Path, content: str | Callable[[BinaryIO], None]) -> None:
    with writing(path, "What was saved before is kept."):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content)


@functools.cache
def _say_once(text: str) -> None:
    if hosts.is_first():
        print(text, file=sys.stderr)


def _damaged(path: Path, instead: Any) -> Any:
    print(f"{path} is damaged: it is computed again.", file=sys.stderr)
    return instead
