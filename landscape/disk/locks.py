"""One writer a folder: a lease in the folder that is written, the file `.lock`.

The lease is that of `filelock`. It needs no more of a file system than that a file is
made by one process only, so it holds on shared ones too. A living holder touches it
every 10 seconds; one that died is known on its own host at once, by its process number,
and on others by a lease that nothing touches. Folders in buckets have leases of another
kind, see `landscape.buckets`.
"""

import contextlib
import errno
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import SoftFileLease, Timeout

from landscape import buckets
from landscape.errors import InputError, RunFailure
from landscape.machine import hosts

FILES = LEASE, TAKEN = ".lock", ".lock.json"

DURATION = 30.0
"""Seconds without a sign of life of the holder after which a lease is taken over."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Callable[[], None]]:
    """Within it this process alone writes `folder`, which is made if it is missing.

    Folders that it made and that are empty in the end are removed again.

    Yields:
      A function that raises RunFailure if the lease was removed, or if another process
      has taken the folder over, because this one was stopped for longer than it lasts.

    Raises:
      InputError: another process, which is named, writes there, or the folder cannot be
        written.
      RunFailure: the disk is full.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     with locked(Path(home) / "run"):
    ...         with locked(Path(home) / "run"):  # doctest: +ELLIPSIS
    ...             pass
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: .../run is being written by process ...
    """
    if buckets.name_of(folder):
        with buckets.leased(folder, DURATION) as check:
            yield check
        return
    if not hosts.is_first():
        # The first process holds it for all.
        yield lambda: None
        return
    missing: list[Path] = []
    lease = SoftFileLease(
        folder / LEASE, lease_duration=DURATION, timeout=0, thread_local=False
    )
    try:
        with _in_a_sentence(folder):
            missing += (p for p in (folder, *folder.parents) if not p.exists())
            folder.mkdir(parents=True, exist_ok=True)
            _acquire(lease, folder)
        token = lease.token
        try:
            taken = json.dumps({"token": token, "time": time.time()})
            # A full disk that takes the lease may not take what is only for messages.
            with contextlib.suppress(OSError):
                (folder / TAKEN).write_text(taken + "\n")
            yield lambda: _check(lease, folder, token)
        finally:
            if _taken(folder).get("token") == token:
                (folder / TAKEN).unlink(missing_ok=True)
            lease.release()
    finally:
        with contextlib.suppress(OSError):
            for path in missing:
                path.rmdir()


def check_free(folder: Path) -> None:
    """Raises InputError if another process writes `folder`, as `locked` does.

    Of several processes none looks: they lock a folder together.
    """
    if hosts.are_several():
        return
    if (folder / LEASE).exists() or buckets.is_leased(folder):
        with locked(folder):
            pass


def is_held(folder: Path) -> bool:
    """Whether another process seems to write `folder`; nothing is written to know it.

    >>> is_held(Path("nowhere"))
    False
    """
    if buckets.is_leased(folder):
        return True
    return (folder / LEASE).exists() and _silence(folder) < DURATION


def _acquire(lease: SoftFileLease, folder: Path) -> None:
    with contextlib.suppress(Timeout):
        # Twice at least: the first may only remove the lease of a dead process.
        lease.acquire(timeout=0.2, poll_interval=0.05)
        return
    if _silence(folder) > DURATION:
        print(
            f"{folder}: waits {DURATION:.0f} s for a sign of life of"
            f" {_holder(lease, folder)}.",
            file=sys.stderr,
            flush=True,
        )
        with contextlib.suppress(Timeout):
            lease.acquire(timeout=DURATION + 5)
            return
    if lease.owner is None and os.path.lexists(folder / LEASE):
        # What a crash of the machine left, say: filelock never takes an empty one over.
        raise InputError(
            f"{folder / LEASE} does not say which process writes the folder: remove it"
            " if none does."
        )
    raise InputError(
        f"{folder} is being written by {_holder(lease, folder)}: wait until it ends."
    )


def _check(lease: SoftFileLease, folder: Path, token: str | None) -> None:
    owner = lease.owner
    if owner is None:
        raise RunFailure(
            f"{folder / LEASE} was removed while this process wrote the folder: nothing"
            " more is written."
        )
    if owner.token != token:
        raise RunFailure(
            f"{folder} was taken over by {_holder(lease, folder)}, while this process"
            " was stopped: nothing more is written."
        )


def _holder(lease: SoftFileLease, folder: Path) -> str:
    """Who holds a lease, and for how long."""
    owner = lease.owner
    if owner is None:
        return "another process"
    # Behind the host's name filelock may write the container's number.
    name = f"process {owner.pid} on {owner.hostname.partition('?pidns-')[0]}"
    taken = _taken(folder)
    if taken.get("token") != owner.token:
        return name
    seconds = max(0, round(time.time() - taken["time"]))
    age = f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    return f"{name}, for {age} now"


def _taken(folder: Path) -> dict[str, Any]:
    """What the last holder wrote: its token, and when it took the lease."""
    try:
        return json.loads((folder / TAKEN).read_text())
    except (OSError, ValueError):
        return {}


def _silence(folder: Path) -> float:
    """Seconds since a lease was touched."""
    try:
        return time.time() - (folder / LEASE).stat().st_mtime
    except OSError:
        return 0.0


@contextlib.contextmanager
def _in_a_sentence(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        kind = RunFailure if full else InputError
        raise kind(f"{folder} cannot be written: {error.strerror}.") from None
