"""Moves files between the copy of a folder and its bucket, by fsspec.

Each function does nothing for a path that is in no copy. What goes wrong comes as an
`OSError` with a short text: the caller knows what is lost by it.
"""

import contextlib
import errno
import functools
import glob
import importlib.util
import logging
import re
import textwrap
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from landscape.buckets.names import PACKAGES, name_of
from landscape.errors import InputError

LEASE = ".lock"
"""How the names of leases begin; they are never copied."""
LATER = re.compile(r"/\d+/state/")
"""What is below such a folder, arrays of a checkpoint, is fetched when it is read."""

TRACES = "profile"
"""The folder of a run whose files no program reads: they stay in the bucket."""

TOGETHER = 64
"""Files that are fetched at once, and are in memory until they are written."""

# The versions of files in the bucket, those that copies hold and those last seen there;
# and what was fetched.
_versions: dict[Path, str] = {}
_seen: dict[Path, str] = {}
_fetched: set[Path] = set()


def fetch(path: Path, *, again: bool = True) -> None:
    """Makes the copy of a folder, or of a file, what is in the bucket now.

    Args:
      path: of the copy.
      again: also if this process has fetched it, or a folder that it is in, before.

    Raises:
      InputError: it cannot be read; says why.
    """
    name = name_of(path)
    if name is None or (not again and _fetched & {path, *path.parents}):
        return
    try:
        with _said(name):
            system, root = located(name)
            system.invalidate_cache()
            listed = system.find(root, detail=True)
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}).") from None
    # What a console makes for an empty folder is an object with a slash at its end.
    names = [each for each in listed if not each.endswith("/")]
    there = {path / each[len(root) :].strip("/"): each for each in names}
    there = {p: each for p, each in there.items() if not p.name.startswith(LEASE)}
    versions = {copy: str(listed[each]) for copy, each in there.items()}
    _seen.update(versions)
    here = [each for each in (path, *path.rglob("*")) if each.is_file()]
    for copy in here:
        if versions.get(copy) != _versions.get(copy, ""):
            copy.unlink()
    for folder in sorted(path.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    left_out = {each.parent / TRACES for each in there if each.name == "config.json"}
    wanted = {
        copy: each
        for copy, each in there.items()
        if not copy.exists()
        and not LATER.search(f"/{copy.relative_to(path)}")
        and left_out.isdisjoint(copy.parents)
    }
    try:
        _download(name, wanted)
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}).") from None
    _fetched.add(path)


def fetch_file(path: Path) -> None:
    """Fetches a file of a copy that is not there yet; OSError if it cannot be had."""
    name = name_of(path)
    if name is None or path.exists():
        return
    with _said(name):
        system, root = located(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".part")
        system.get_file(root, str(partial))
        partial.replace(path)
        _versions[path] = _seen.get(path, "")


def send(path: Path, to: Path | None = None) -> None:
    """Writes a file, or all files of a folder, to the bucket.

    Of a folder what is in inner ones goes first: a checkpoint is one once the table of
    its digests is there.

    Args:
      path: in a copy.
      to: where else in the copy it is to be, before long.

    Raises:
      OSError: it could not be written as a whole.
    """
    if name_of(path) is None or not path.exists():
        return
    files = [each for each in (path, *path.rglob("*")) if each.is_file()]
    for file in sorted(files, key=lambda each: (-len(each.parts), each)):
        name = name_of((to or path) / file.relative_to(path))
        with _said(name):
            system, root = located(name)
            system.put_file(str(file), root)


def remove(path: Path) -> None:
    """Removes a file, or all files of a folder, from the bucket.

    Of a folder what is in inner ones goes last.

    Raises:
      OSError: it could not be removed as a whole.
    """
    name = name_of(path)
    if name is None:
        return
    with _said(name):
        system, root = located(name)
        system.invalidate_cache()
        for each in sorted(system.find(root), key=lambda each: (each.count("/"), each)):
            # Not what another process removes meanwhile.
            with contextlib.suppress(FileNotFoundError):
                system.rm_file(each)


def remove_unmarked(folder: Path, mark: str) -> None:
    """Removes folders without a file `mark` from a folder: a kill left parts of them.

    Those whose names are numbers, as of checkpoints; others are the user's.

    Raises:
      OSError: one could not be removed as a whole.
    """
    name = name_of(folder)
    if name is None:
        return
    with _said(name):
        system, root = located(name)
        system.invalidate_cache()
        inside = [each[len(root) :].strip("/") for each in system.find(root)]
    for each in {path.partition("/")[0] for path in inside if "/" in path}:
        if each.isdecimal() and f"{each}/{mark}" not in inside:
            remove(folder / each)


def check_writable(folder: Path) -> None:
    """Raises OSError if no object can be written; leaves none."""
    name = name_of(folder)
    if name is None:
        return
    with _said(name):
        system, root = located(name)
        probe = f"{root}/{LEASE}-{uuid.uuid4().hex}.part"
        system.pipe_file(probe, b"1")
        system.rm_file(probe)


def located(name: str) -> tuple[Any, str]:
    """The file system of fsspec that a name is of, and the path in it."""
    scheme, _, rest = name.partition("://")
    return _system(scheme), _system(scheme)._strip_protocol(f"{scheme}://{rest}")


@functools.cache
def _system(scheme: str) -> Any:
    package = PACKAGES[scheme]
    if importlib.util.find_spec(package) is None:
        raise InputError(
            f"{scheme}:// needs {package}: pip install -e '.[{scheme}]' installs it."
        )
    import fsspec

    # It prints a traceback of what is raised in any case.
    logging.getLogger(package).setLevel(logging.CRITICAL)
    # Others write there, too.
    return fsspec.filesystem(scheme, use_listings_cache=False)


def _download(name: str, wanted: dict[Path, str]) -> None:
    pairs = list(wanted.items())
    with _said(name):
        for start in range(0, len(pairs), TOGETHER):
            _download_together(name, pairs[start : start + TOGETHER])


def _download_together(name: str, pairs: Sequence[tuple[Path, str]]) -> None:
    system, _ = located(name)
    # A star in a name is a star.
    paths = [glob.escape(each) for _, each in pairs]
    contents = system.cat(paths, on_error="return")
    for copy, each in pairs:
        # What has been removed meanwhile is not there.
        content = contents.get(each, FileNotFoundError())
        if isinstance(content, FileNotFoundError):
            continue
        if isinstance(content, Exception):
            raise content
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        _versions[copy] = _seen[copy]


@contextlib.contextmanager
def _said(name: str) -> Iterator[None]:
    """Within it any error, of a library that talks to a bucket, becomes an OSError."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        bucket = "/".join(name.split("/")[:3])
        why = f"there is no bucket {bucket}, or no such file in it"
        raise OSError(errno.ENOENT, why, name) from error
    except PermissionError as error:
        raise OSError(errno.EACCES, f"no permission: {_short(error)}", name) from error
    except Exception as error:  # gcsfs and s3fs have errors of their own
        raise OSError(errno.ECONNABORTED, _short(error), name) from error


def _short(error: Exception) -> str:
    why = textwrap.shorten(str(error), 200).rstrip(".")
    return why or type(error).__name__
