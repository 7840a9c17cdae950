"""What the name of a folder means, as it is typed on a command line or in a notebook.

Imports nothing heavy: names are checked before anything else.
"""

import os
from pathlib import Path

from landscape import buckets
from landscape.errors import InputError

LONGEST_NAME = 255
"""Bytes in the name of a file or folder, on nearly all file systems."""

_LONGEST_PATH = 3700
"""Bytes in the path of a folder: of Linux' 4096, what is left by the files in it."""


def folder_of(name: str | os.PathLike[str]) -> Path:
    """The folder that a name means: `~` is the home folder, a last slash says nothing.

    Of a folder in a bucket, gs://BUCKET/FOLDER, it is the copy on this machine (see
    `landscape.buckets`), which is fetched once.

    A name that a command line would misread, as `-x`, becomes absolute, so that it can
    be printed as part of a command.

    Raises:
      InputError: the name is empty, too long or not text; or there is no such bucket,
        it cannot be read, or a package for that is missing.

    >>> folder_of("runs/pruned/")
    PosixPath('runs/pruned')
    >>> folder_of("~") == Path.home() and folder_of("./-x").is_absolute()
    True
    """
    text = os.fspath(name)
    if not text or "\0" in text or not _is_text(text):
        raise InputError(
            f"{text!r} is not the name of a folder: it is empty, or not text in UTF-8."
        )
    path = buckets.copy_of(text) or Path(os.path.expanduser(text))
    if str(path)[0] in "-~":
        path = Path(os.path.abspath(path))
    longest = max(path.parts, key=_size, default="")
    if _size(longest) > LONGEST_NAME or _size(os.path.abspath(path)) > _LONGEST_PATH:
        raise InputError(
            f"{shortened(text, 40)!r}... is too long for the name of a folder: a name"
            f" has at most {LONGEST_NAME} bytes, and a path {_LONGEST_PATH}."
        )
    buckets.fetch(path, again=False)
    return path


def shortened(name: str, size: int) -> str:
    """The first `size` bytes of a name, or fewer: no letter is cut in two.

    >>> shortened("aé", 2), shortened("aé", 3)
    ('a', 'aé')
    """
    return name.encode(errors="ignore")[:size].decode(errors="ignore")


def _size(text: str) -> int:
    return len(os.fsencode(text))


def _is_text(name: str) -> bool:
    """Whether a name can be printed: Linux allows bytes that are not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
