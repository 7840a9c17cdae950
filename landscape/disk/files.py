"""Files that are there as a whole or not at all, also after a kill; reading them."""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from landscape import buckets
from landscape.errors import InputError, RunFailure
from landscape.machine import hosts


def write_atomically(
    path: Path, write: bytes | str | Callable[[BinaryIO], None]
) -> None:
    """Replaces a file; whatever interrupts it leaves the old one, or none.

    The new one is written beside it, with the suffix .part, flushed to the disk and
    renamed; from the copy of a folder in a bucket it is sent there. The folder must
    exist.

    Args:
      path: the file.
      write: its content, or a function that writes it to an open binary file.

    Raises:
      OSError: it could not be written; what was there before is untouched.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "a.txt", "text\\n")
    ...     write_atomically(Path(folder) / "b", lambda file: file.write(b"bytes"))
    ...     [(path.name, path.read_text()) for path in sorted(Path(folder).iterdir())]
    [('a.txt', 'text\\n'), ('b', 'bytes')]
    """
    if not hosts.is_first():
        return
    if isinstance(write, str):
        # The copy of a folder in a bucket is elsewhere tomorrow.
        write = buckets.shown(write).encode()
    partial = path.with_name(path.name + ".part")
    try:
        with open(partial, "wb") as file:
            if isinstance(write, bytes):
                file.write(write)
            else:
                write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        buckets.send(path)
    except OSError:
        # A disk that is full needs the room.
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


@contextlib.contextmanager
def writing(path: Path, kept: str) -> Iterator[None]:
    """Within it an `OSError`, of a full disk say, becomes one sentence.

    Args:
      path: what is written.
      kept: a sentence on what is not lost, and how to continue.

    Raises:
      RunFailure: instead of the `OSError`.
    """
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise RunFailure(f"{path} could not be written: {why}. {kept}") from error


def check_writable(folder: Path, instead: str) -> None:
    """Refuses a folder, there or not, in which no file can be written; leaves nothing.

    Of several processes the first, which alone writes, tries.

    Args:
      folder: it is made later, with its parents.
      instead: what the caller can do, in words.

    Raises:
      InputError: says what the operating system says.

    >>> check_writable(Path("/dev/null/new"), "choose another --workdir")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: /dev/null/new cannot be written (Not a directory): \
choose another --workdir.
    """
    if not hosts.is_first():
        return
    try:
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        # Disks without files that have no name show it to the other processes.
        with tempfile.TemporaryFile(dir=nearest, suffix=".part") as file:
            file.write(bytes(4096))
        buckets.check_writable(folder)
    except OSError as error:
        why = error.strerror or error
        raise InputError(f"{folder} cannot be written ({why}): {instead}.") from None


def make_parent(path: Path) -> None:
    """Makes the folder of a file, and says on stderr that it is new, if it is."""
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
        print(f"made the folder {path.parent}", file=sys.stderr)


def read_json(path: Path, otherwise: str) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
      path: of a file that is there.
      otherwise: what the caller can do about one that is damaged, in words.

    Raises:
      InputError: names the file and says why it cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.json"
    ...     path.write_text('{"step": 3}')
    ...     read_json(path, "remove it")
    11
    {'step': 3}
    """
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}): {otherwise}.") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} holds no object of JSON: {otherwise}.")
    return found


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects in the whole lines of a .jsonl file; none if there is no such file.

    Raises:
      InputError: names the first line that is not JSON.
    """
    lines = path.read_bytes().splitlines(True) if path.exists() else []
    found = []
    for number, line in enumerate(lines, 1):
        if line.endswith(b"\n"):
            try:
                found.append(json.loads(line))
            except ValueError as error:
                raise InputError(
                    f"line {number} of {path} is not JSON ({error}): remove that line."
                ) from None
    return found
