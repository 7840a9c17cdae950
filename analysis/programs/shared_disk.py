"""Arrays that the first of several processes has written, and all of them read."""

import contextlib
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from landscape import buckets
from landscape.errors import InputError
from landscape.machine import hosts

Arrays = dict[str, np.ndarray]


def read(function: Callable[[], Arrays], path: Path) -> Arrays:
    """What `function` returns in the first process; each calls it for itself.

    They are too large to be told. All processes must call this.

    Args:
      function: reads the arrays; none if there is no file.
      path: of the file.

    Raises:
      InputError: this process reads others, or what `function` raises in the first.

    >>> read(lambda: {"a": np.ones(2)}, Path("a.npz"))
    {'a': array([1., 1.])}
    """
    if not hosts.are_several():
        return function()
    arrays: Arrays = {}

    def read_first() -> int:
        nonlocal arrays
        arrays = function()
        return digest(arrays)

    wanted = hosts.from_first(read_first)
    if not hosts.is_first():
        arrays = _awaited(function, path, wanted)
    # Or the first would replace the file before the others have seen it.
    hosts.wait("read")
    return arrays


def _awaited(function: Callable[[], Arrays], path: Path, wanted: int) -> Arrays:
    """What `function` returns once it has the digest that is wanted."""
    until = time.monotonic() + hosts.CACHED
    while True:
        with contextlib.suppress(OSError):
            buckets.fetch(path)
            arrays = function()
            if digest(arrays) == wanted:
                return arrays
        if time.monotonic() > until:
            raise InputError(
                f"{path} is not what process 0 reads: all processes need the disk that"
                " it is on."
            )
        time.sleep(1)


def digest(arrays: Arrays) -> int:
    """A CRC-32 of names, dtypes, shapes and bytes.

    >>> digest({"a": np.zeros(2)}) == digest({"a": np.zeros(3)})
    False
    """
    kinds = [(name, str(x.dtype), x.shape) for name, x in arrays.items()]
    found = zlib.crc32(repr(kinds).encode())
    for array in arrays.values():
        found = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data, found)
    return found
