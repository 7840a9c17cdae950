"""Several processes, usually one a host, that run one program together.

All of them run the same code on the same settings; the first alone writes files and
prints. Without `landscape.machine.joining.join` there is one process, which is the
first, and nothing here loads JAX or waits.

What they tell each other goes through the key-value store of JAX's coordination
service, which process 0 holds: it needs no device, and nothing is compiled for it.
"""

import collections
import os
import pickle
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from landscape.errors import InputError, RunFailure
from landscape.machine.hosts_disagreement import differences

T = TypeVar("T")

OWN = frozenset({"workdir", "data_dir", "output", "workers", "tensorboard", "profile"})
"""Settings that may be others in each process: places, and what one does alone."""
CACHED = 65
"""Seconds within which a host sees what another has written: NFS remembers for up to 60
that a file is not there."""

FOREVER = 7 * 24 * 3600 * 1000
"""Milliseconds that a process waits for one that lives."""

_index, _count = 0, 1
_names: list[str] = [socket.gethostname()]
_used: collections.Counter[str] = collections.Counter()


def enter(index: int, count: int, names: list[str]) -> None:
    """Says which of several processes this one is; see `landscape.machine.joining`."""
    global _index, _count, _names
    _index, _count, _names = index, count, names
    if not is_first():
        # What the first one prints is enough; failures go to stderr.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (as long as the process)


def _state() -> Any:
    # Private to JAX, which has no other way to the store; orbax takes it, too.
    from jax._src import distributed

    return distributed.global_state


def client() -> Any:
    """The connection to the coordination service of JAX; after `join`."""
    return _state().client


def place() -> tuple[int, int]:
    """The number of this process, and how many there are, as JAX has found out."""
    return _state().process_id, _state().num_processes


def address() -> str:
    """HOST:PORT of process 0."""
    return _state().coordinator_address


def index() -> int:
    """The number of this process."""
    return _index


def count() -> int:
    """How many processes there are."""
    return _count


def name_of(index: int) -> str:
    """A process as a sentence calls it."""
    return f"process {index} on {_names[index]}"


def count_here() -> int:
    """How many processes there are on this host."""
    return _names.count(_names[_index])


def is_first() -> bool:
    """Whether this process writes files and prints."""
    return _index == 0


def are_several() -> bool:
    """Whether there are other processes."""
    return _count > 1


def _key(what: str) -> str:
    """A key that is used once; the same in all processes, which run the same code."""
    _used[what] += 1
    return f"landscape/{_used[what]}/{what}"


def wait(where: str) -> None:
    """Returns when all processes have come to this place of the program."""
    if are_several():
        client().wait_at_barrier(_key(where), FOREVER)


def from_first(function: Callable[[], T]) -> T:
    """What a function returns, or raises, in the first process, which alone calls it.

    For what depends on files that the first process writes: the others may see them
    later, or not at all.

    Args:
      function: returns what `pickle` takes; it may raise InputError or RunFailure.

    >>> from_first(lambda: 3)
    3
    """
    if not are_several():
        return function()
    key = _key("from_first")
    if not is_first():
        value, error = pickle.loads(_received(key))
        if error is not None:
            raise error
        return value
    try:
        value = function()
    except (InputError, RunFailure) as error:
        _send(key, pickle.dumps((None, error)))
        raise
    _send(key, pickle.dumps((value, None)))
    return value


PART = 2**20
"""Bytes of one message to the store."""


def _send(key: str, message: bytes) -> None:
    starts = range(0, len(message), PART)
    client().key_value_set(key, str(len(starts)))
    for i, start in enumerate(starts):
        part = message[start : start + PART]
        client().key_value_set_bytes(f"{key}/{i}", part)


def _received(key: str) -> bytes:
    count = int(client().blocking_key_value_get(key, FOREVER))
    parts = (f"{key}/{i}" for i in range(count))
    return b"".join(client().blocking_key_value_get_bytes(p, FOREVER) for p in parts)


def await_file(path: Path) -> None:
    """Returns when this process sees a file, or folder, that process 0 has written.

    Raises:
      InputError: it does not within the time for which disks remember.
    """
    until = time.monotonic() + CACHED
    while are_several() and not path.exists():
        if time.monotonic() > until:
            raise InputError(
                f"{name_of(_index)} does not see {path}, which {name_of(0)} has: the"
                " folder must be on a disk that all hosts share."
            )
        time.sleep(0.2)


def largest(number: int) -> int:
    """The largest of the numbers that the processes have."""
    if not are_several():
        return number
    import numpy as np
    from jax.experimental import multihost_utils

    return int(multihost_utils.process_allgather(np.int32(number)).max())


def gathered(value: T) -> list[T]:
    """The values of all processes, in their order; `pickle` takes them.

    >>> gathered("one process")
    ['one process']
    """
    if not are_several():
        return [value]
    key = _key("gathered")
    client().key_value_set_bytes(f"{key}/{_index:06}", pickle.dumps(value))
    client().wait_at_barrier(key, FOREVER)
    found = client().key_value_dir_get_bytes(f"{key}/")
    return [pickle.loads(told) for _, told in sorted(found)]


def check_equal(what: str, values: Mapping[str, Any]) -> None:
    """Raises InputError where the processes differ.

    Args:
      what: is compared, in words.
      values: those of this process, by their names.

    Raises:
      InputError: in all of them: names the first process that differs from process 0,
        and by which values.
    """
    mine, *others = gathered(values)
    for index, theirs in enumerate(others, 1):
        if odd := differences(theirs, mine):
            raise InputError(
                f"{name_of(index)} has other {what} than {name_of(0)}: {odd}."
            )
