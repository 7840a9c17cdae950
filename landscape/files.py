"""Files that are there as a whole or not at all, also after a kill."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomically(
    path: Path, write: bytes | str | Callable[[BinaryIO], None]
) -> None:
    """Replaces a file; whatever interrupts it leaves the old one, or none.

    The new one is written beside it, with the suffix .part, flushed to the disk and
    renamed. The folder must exist.

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
    if isinstance(write, str):
        write = write.encode()
    partial = path.with_name(path.name + ".part")
    with open(partial, "wb") as file:
        if isinstance(write, bytes):
            file.write(write)
        else:
            write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
