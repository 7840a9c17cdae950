"""What a folder in a bucket is called, and where its copy on this machine is."""

import atexit
import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from landscape.errors import InputError, Interrupted, RunFailure

PACKAGES = {"gs": "gcsfs", "s3": "s3fs", "memory": "fsspec"}
"""What reads and writes the buckets of a scheme; `memory` ends with the process."""

_URL = re.compile("([A-Za-z][A-Za-z0-9+.-]*):(/+)")
_PREFIX = "sparse-landscape-buckets-"
# The folder of all copies, once there is one.
_home: list[Path] = []


def copy_of(name: str) -> Path | None:
    """Where the copy of a folder in a bucket is; None for a name on this machine.

    Raises:
      InputError: the name is of a bucket, and not spelled as one.

    >>> copy_of("runs/pruned") is None
    True
    >>> shown(f"in {copy_of('memory://b/runs/pruned')}/analysis")
    'in memory://b/runs/pruned/analysis'
    >>> copy_of("gs:/b/runs")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: 'gs:/b/runs' is no name of a folder: perhaps you meant\
 'gs://b/runs'?
    """
    match = _URL.match(name)
    if not match and (start := name.partition(":"))[1] and start[0] in PACKAGES:
        raise InputError(
            f"{name!r} is no name of a folder: perhaps you meant"
            f" '{start[0]}://{start[2]}'?"
        )
    if not match:
        return None
    scheme, slashes = match.groups()
    rest = name[match.end() :].strip("/")
    if scheme not in PACKAGES:
        # What is no URL may be a folder of that name.
        if slashes == "/":
            return None
        allowed = ", ".join(f"{each}://" for each in PACKAGES if each != "memory")
        raise InputError(
            f"{name!r}: folders are on this machine, or in buckets of {allowed}, not of"
            f" {scheme}://."
        )
    if slashes != "//":
        raise InputError(
            f"{name!r} is no name of a folder: perhaps you meant '{scheme}://{rest}'?"
        )
    parts = PurePosixPath(rest).parts
    if not parts or ".." in parts or parts != tuple(rest.split("/")):
        raise InputError(
            f"{name!r} must be {scheme}://BUCKET/FOLDER, without empty names, . and .."
        )
    return _made_home().joinpath(scheme, *parts)


def name_of(path: Path) -> str | None:
    """The name in its bucket of a copy, or of what is in one; None for other paths."""
    if not _home or not path.is_relative_to(_home[0]):
        return None
    scheme, *parts = path.relative_to(_home[0]).parts
    return f"{scheme}://{'/'.join(parts)}"


def shown(text: str) -> str:
    """A text in which copies of folders in buckets are called by their names there."""
    if not _home or str(_home[0]) not in text:
        return text
    schemes = "|".join(PACKAGES)
    return re.sub(f"{re.escape(str(_home[0]))}/({schemes})/", r"\1://", text)


@contextlib.contextmanager
def names_shown() -> Iterator[None]:
    """Within it what is raised for a user has the names that `shown` gives."""
    try:
        yield
    except (InputError, RunFailure, Interrupted) as error:
        error.args = tuple(shown(str(each)) for each in error.args)
        raise


def _made_home() -> Path:
    if not _home:
        made = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        # Where a disk has no such locks, what a kill leaves stays.
        with contextlib.suppress(OSError):
            _locked(made)
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        for old in made.parent.glob(f"{_PREFIX}*"):
            _remove_of_the_dead(old)
        _home.append(made)
    return _home[0]


def _remove_of_the_dead(home: Path) -> None:
    """Removes the copies of a process that was killed."""
    with contextlib.suppress(OSError):
        # One that was made just now may not be locked yet.
        if time.time() - home.stat().st_mtime < 60:
            return
        descriptor = _locked(home)
        shutil.rmtree(home, ignore_errors=True)
        os.close(descriptor)


def _locked(home: Path) -> int:
    """Locks a folder for as long as this process lives; OSError if it is locked."""
    descriptor = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
