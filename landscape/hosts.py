"""Several processes, usually one a host, that run one program together.

All of them run the same code on the same settings; the first alone writes files and
prints. Without `join` there is one process, which is the first, and nothing here loads
JAX or waits.
"""

import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from landscape.errors import InputError, RunFailure

T = TypeVar("T")

PATIENCE = 300
"""Seconds that a process waits for the others to join."""
HEARTBEAT = 30
"""Seconds without a sign of life after which a process is taken for dead: JAX then ends
the others. A process that ends waits as long for them to end, too: where it has failed
alone, and they wait for it, JAX ends all of them after that."""

_index, _count = 0, 1


def join(
    coordinator: str | None = None, count: int | None = None, index: int | None = None
) -> None:
    """Connects this process with the others; before anything asks JAX for a device.

    Args:
      coordinator: HOST:PORT of the first process; None: JAX finds out by the cluster
        that it runs on (TPU pods, SLURM, Open MPI, Kubernetes), as the other two.
      count: number of processes.
      index: of this one.

    Raises:
      InputError: the cluster is not known, or the coordinator does not answer.
    """
    global _index, _count
    import jax

    # It would take SIGTERM away from the program, which tells all processes itself.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            coordinator, count, index,
            initialization_timeout=PATIENCE,
            heartbeat_timeout_seconds=HEARTBEAT, shutdown_timeout_seconds=HEARTBEAT,
        )  # fmt: skip
    except Exception as error:  # a ValueError, a RuntimeError of the library behind it
        why = str(error).splitlines()[0]
        where = f"the coordinator {coordinator}" if coordinator else "a cluster"
        raise InputError(
            f"process {index if index is not None else '?'} cannot join {where}"
            f" ({why}): --coordinator HOST:PORT, --num-processes and --process-id say"
            " where the others are."
        ) from error
    _index, _count = jax.process_index(), jax.process_count()
    if not is_first():
        # What the first one prints is enough; failures go to stderr.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (as long as the process)


def is_first() -> bool:
    """Whether this process writes files and prints."""
    return _index == 0


def are_several() -> bool:
    """Whether there are other processes."""
    return _count > 1


def wait(where: str) -> None:
    """Returns when all processes have come to this place of the program."""
    if are_several():
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(where)


def largest(number: int) -> int:
    """The largest of the numbers that the processes have."""
    if not are_several():
        return number
    import numpy as np
    from jax.experimental import multihost_utils

    return int(multihost_utils.process_allgather(np.int32(number)).max())


def check_equal(what: str, text: str) -> None:
    """Refuses to go on where the processes differ.

    Args:
      what: is compared, in words.
      text: that of this process.

    Raises:
      InputError: names the processes whose text is another than the first one's.
    """
    if not are_several():
        return
    import numpy as np
    from jax.experimental import multihost_utils

    digest = np.frombuffer(hashlib.sha256(text.encode()).digest()[:28], np.int32)
    found = multihost_utils.process_allgather(digest)
    odd = [i for i, other in enumerate(found) if (other != found[0]).any()]
    if odd:
        names = ", ".join(map(str, odd))
        raise InputError(f"{what} of process {names} differs from that of process 0.")


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
    outcome: tuple[Any, Exception | None] = (None, None)
    if is_first():
        try:
            outcome = (function(), None)
        except (InputError, RunFailure) as error:
            outcome = (None, error)
    told = _told(pickle.dumps(outcome) if is_first() else b"")
    value, error = outcome if is_first() else pickle.loads(told)
    if error is not None:
        raise error
    return value


_SHORT, _LONG = 2**12, 2**22
"""Bytes that are sent together: each of the two is a program to compile."""


def _gathered(message: bytes) -> list[bytes]:
    """Messages of at most `_SHORT` bytes, of all processes."""
    import numpy as np
    from jax.experimental import multihost_utils

    padded = np.frombuffer(message.ljust(_SHORT, b"\0"), np.uint8)
    return [bytes(row) for row in multihost_utils.process_allgather(padded)]


def _told(message: bytes) -> bytes:
    """The message of the first process, of any length."""
    import numpy as np
    from jax.experimental import multihost_utils

    length = len(message).to_bytes(8, "little")
    head = _gathered(length + message[: _SHORT - 8])[0]
    size, parts = int.from_bytes(head[:8], "little"), [head[8:]]
    for start in range(_SHORT - 8, size, _LONG):
        part = message[start : start + _LONG].ljust(_LONG, b"\0")
        array = np.frombuffer(part, np.uint8)
        parts.append(bytes(multihost_utils.broadcast_one_to_all(array)))
    return b"".join(parts)[:size]
