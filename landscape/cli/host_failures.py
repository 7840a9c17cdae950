"""A process that fails ends the others, and all say which one it was and why.

A process that can still speak tells the others through the coordination service, where
each listens in a thread, and does not wait for them. Of one that is killed, or whose
host is gone, JAX notices within `joining.HEARTBEAT` that it gives no sign of life, or a
collective operation with it fails at once; JAX ends the others by SIGABRT, which here
ends in a sentence and an exit status, too. Who is silent is known by a counter that
each process writes.

Python's own handlers cannot do that: they run after the signal, which abort(3) does not
survive.
"""

import atexit
import contextlib
import ctypes
import itertools
import json
import signal
import socket
import threading
import time
import traceback
from typing import NoReturn

from landscape import buckets
from landscape.cli import interrupts
from landscape.machine import hosts, joining

BEAT = 1
"""Seconds between two signs of life."""
SILENCE = 10
"""Seconds without one after which a process is named as silent; less than HEARTBEAT."""
NOTICED = SILENCE + 5 * BEAT
"""Seconds after which all know of a silent process."""
STATUS = 1
"""Exit status of a process that ends because another one is gone."""

_FAILED, _HEARD, _ALIVE, _SILENT = (
    f"landscape/{word}" for word in ("failed", "heard", "alive", "silent")
)

_silent: list[int] = []
_over = threading.Event()
_kept = "what was saved is kept"


def say_saved(what: str) -> None:
    """From now on `what`, a clause, is said to be saved when another process fails."""
    global _kept
    _kept = what


def join(coordinator: str | None, count: int | None, index: int | None) -> None:
    """As `landscape.machine.joining.join`; and from then on no process fails alone.

    Raises:
      InputError: as there, or a process has no device.
    """
    why = "JAX says above why"
    if index == 0:
        why = f"not all of the {count} processes came within {joining.PATIENCE} s"
    sentence = f"error: {joining.cannot_join(coordinator, index, why)}"
    _on_abort(lambda: (2, sentence))
    joining.join(coordinator, count, index)
    _on_abort(_reason if hosts.are_several() else None)
    # Together: JAX waits there for the others, which may wait for what one reads.
    from landscape.machine import devices

    devices.check()
    if not hosts.are_several():
        return
    interrupts.call_at_end(lambda number: _tell(128 + number, "a signal ended it"))
    listener = threading.Thread(target=_listen, daemon=True)
    listener.start()
    # Before JAX's own end, and that of the interpreter, which no thread may outlive.
    atexit.register(_close, listener)


def _close(listener: threading.Thread) -> None:
    _over.set()
    listener.join(timeout=5)
    _on_abort(None)


def explain(error: Exception) -> NoReturn:
    """Ends this process, and the others, for an error that nothing was made of."""
    text = str(error).splitlines()[0] if str(error) else ""
    of_jax = type(error).__name__ == "JaxRuntimeError"
    if of_jax and "RESOURCE_EXHAUSTED" not in text:
        # A collective operation, perhaps, with a process that is gone.
        until = time.monotonic() + NOTICED
        while time.monotonic() < until and not _silent:
            time.sleep(0.2)
        if _silent:
            fail(STATUS, _gone(_silent))
    traceback.print_exc()
    fail(STATUS, f"{type(error).__name__}: {text}")


def fail(status: int, sentence: str) -> NoReturn:
    """Says why this process ends, and ends it and the others."""
    teller = threading.Thread(target=_tell, args=(status, sentence), daemon=True)
    teller.start()
    teller.join(timeout=5)
    interrupts.leave(status, sentence)


def _tell(status: int, sentence: str) -> None:
    """The first process to tell is the one that all others speak of."""
    client = hosts.client()
    # Copies of folders in buckets are at other places there.
    said = buckets.shown(sentence)
    told = json.dumps({"index": hosts.index(), "status": status, "said": said})
    with contextlib.suppress(Exception):  # Another one has told.
        client.key_value_set(_FAILED, told)
    with contextlib.suppress(Exception):
        if not hosts.is_first():
            client.key_value_set(f"{_HEARD}/{hosts.index()}", "")
            return
        # The store ends with the first process.
        until = time.monotonic() + 3
        while len(client.key_value_dir_get(_HEARD)) < hosts.count() - 1:
            if time.monotonic() > until:
                return
            time.sleep(0.05)


def _listen() -> None:
    """Gives signs of life, and waits for the word that a process has failed."""
    client, seen = hosts.client(), {}
    for beat in itertools.count():
        if _over.is_set():
            return
        try:
            mine = f"{_ALIVE}/{hosts.index()}"
            client.key_value_set(mine, str(beat), allow_overwrite=True)
            told = json.loads(client.blocking_key_value_get(_FAILED, BEAT * 1000))
        except Exception as error:
            if "DEADLINE_EXCEEDED" not in str(error):
                # A connection that fails for a moment; the end of process 0, on which
                # JAX acts; or of the program, which `_over` tells.
                _over.wait(BEAT)
                continue
            with contextlib.suppress(Exception):
                _note_silent(client, seen)
            continue
        if told["index"] != hosts.index():
            # What all refuse, all say themselves.
            time.sleep(0.5)
            fail(
                told["status"],
                f"ends with {hosts.name_of(told['index'])}, which said: {told['said']}",
            )
        return


def _note_silent(client, seen: dict[str, tuple[str, float]]) -> None:
    """Which processes give no sign of life; the first one looks for all."""
    now = time.monotonic()
    if hosts.is_first():
        for name, beat in client.key_value_dir_get(_ALIVE):
            if seen.get(name, ("", 0))[0] != beat:
                seen[name] = beat, now
        found = [
            int(name.rsplit("/", 1)[1])
            for name, (_, since) in seen.items()
            if now - since > SILENCE
        ]
        if found:
            client.key_value_set(_SILENT, json.dumps(found), allow_overwrite=True)
    else:
        found = json.loads(client.key_value_try_get(_SILENT))
    _silent[:] = found


def _gone(silent: list[int]) -> str:
    names = " and ".join(map(hosts.name_of, silent))
    verb = "gives" if len(silent) == 1 else "give"
    return (
        f"stopped: {names} {verb} no sign of life; {_kept}, and the same command in all"
        " processes resumes from there."
    )


def _reason() -> tuple[int, str] | None:
    """Why JAX ends this process; None: for a fault of its own."""
    if not hosts.is_first() and not _answers():
        return STATUS, _gone([0])
    return (STATUS, _gone(_silent)) if _silent else None


def _answers() -> bool:
    """Whether process 0 still listens."""
    try:
        socket.create_connection(joining.split(hosts.address()), timeout=3).close()
    except OSError:
        return False
    return True


def _on_abort(reason) -> None:
    """What a process says, and its status, when JAX aborts it; None: as usual."""
    global _handler
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = ctypes.c_int, ctypes.c_void_p
    libc.signal.restype = ctypes.c_void_p

    def handler(number: int) -> None:
        # Gloo aborts as soon as a connection ends, before a silence is noticed.
        until = time.monotonic() + NOTICED
        while not (found := reason()) and time.monotonic() < until:
            time.sleep(0.2)
        if found:
            interrupts.leave(*found)

    # Kept: the system holds its address alone.
    _handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(handler) if reason else None
    libc.signal(signal.SIGABRT, _handler and ctypes.cast(_handler, ctypes.c_void_p))


_handler = None
