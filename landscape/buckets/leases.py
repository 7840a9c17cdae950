"""One writer a folder of a bucket: a lease, the object `.lock-NUMBER` in the folder.

Buckets make an object by one process only, and change none by itself. Who finds no
lease makes number 1; who has watched the one with the highest number for as long as a
lease lasts, and it was not renewed, makes the next number, which takes the folder over.
Its holder renews it by making the next number, too: of the two one alone can, however
long one of them sleeps before. No clocks of two machines are compared. A holder on the
same machine that has ended is not waited for.
"""

import contextlib
import glob
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from landscape.buckets import processes
from landscape.buckets.names import name_of
from landscape.buckets.transfer import LEASE, fetch, located
from landscape.errors import InputError, RunFailure
from landscape.machine import hosts


@contextlib.contextmanager
def leased(folder: Path, duration: float) -> Iterator[Callable[[], None]]:
    """Within it this process alone writes a folder in a bucket, and has it fetched.

    Of several processes that run one program the first holds the lease for all; the
    others may not have seen what it has fetched.

    Args:
      folder: the copy.
      duration: seconds without a sign of life after which a lease is taken over.

    Yields:
      A function that raises RunFailure if the lease was removed or taken over.

    Raises:
      InputError: another process, which is named, writes there, or the folder cannot be
        read or written.
    """
    if not hosts.is_first():
        yield lambda: None
        return
    lease = _Lease(str(name_of(folder)), duration)
    with lease:
        # What the process has written that held it before.
        fetch(folder)
        yield lease.check


class _Lease:
    """A lease: taken by `with`, and renewed by a thread until that ends."""

    def __init__(self, name: str, duration: float):
        self.name, self.duration = name, duration
        self.system, self.root = located(name)
        self.token, self.taken = uuid.uuid4().hex, time.time()
        self.number = 0
        self.renewed, self.lost = 0.0, ""
        self.ended, self.renewing = threading.Event(), threading.Lock()
        self.thread = threading.Thread(target=self._renew_in_time, daemon=True)

    def __enter__(self) -> None:
        try:
            self._acquire()
        except InputError:
            raise
        except Exception as error:  # gcsfs and s3fs have errors of their own
            raise InputError(f"{self.name} cannot be written ({error}).") from error
        self.thread.start()

    def __exit__(self, *_) -> None:
        self.ended.set()
        self.thread.join()
        if not self.lost:
            # What cannot be removed is taken over.
            with contextlib.suppress(Exception):
                for number, text in self._read().items():
                    if self._is_own(text):
                        self._drop(number)

    def check(self) -> None:
        """Raises RunFailure if another process has taken the folder over."""
        # Nobody takes over what was renewed within the time that a lease lasts.
        if not self.lost and time.time() - self.renewed > self.duration:
            try:
                self._renew()
            except Exception as error:
                raise RunFailure(
                    f"{self.name} does not answer, for {self.duration:.0f} s now"
                    f" ({error}): the same command resumes from what is saved."
                ) from error
        if self.lost:
            raise RunFailure(f"{self.lost}: nothing more is written.")

    def _acquire(self) -> None:
        dead: set[tuple[int, bytes]] = set()
        # The number follows from what was last found dead: one that another makes after
        # that has the same number, which only one of the two can make.
        while living := (found := self._read()).items() - dead:
            if ended := {each for each in living if processes.has_ended(each[1])}:
                dead |= ended
                continue
            self._watch(dict(living))
            # Those that are there as they were, and not those that were removed.
            dead |= living & self._read().items()
        self.number = max(found, default=0) + 1
        failure = None
        try:
            self._make(self.number)
        except Exception as error:  # what says that it is there differs by library
            failure = error
        now = self._read()
        if failure and self.number not in now:
            raise failure
        own = self._is_own(now.pop(self.number, b""))
        if not own or now.items() - found.items():
            # Another came at the same time.
            if own:
                self._drop(self.number)
            raise self._refusal(self._read())
        for number in found:
            self._drop(number)

    def _watch(self, living: dict[int, bytes]) -> None:
        """Returns when leases were not renewed for long enough, or were removed."""
        print(
            f"{self.name}: waits {self.duration:.0f} s for a sign of life of"
            f" {processes.holder(living)}.",
            file=sys.stderr,
            flush=True,
        )
        end = time.monotonic() + self.duration
        while time.monotonic() < end:
            time.sleep(self.duration / 30)
            found = self._read()
            if any(living.get(number) != text for number, text in found.items()):
                raise self._refusal(found)
            if not found:
                return

    def _refusal(self, found: dict[int, bytes]) -> InputError:
        return InputError(
            f"{self.name} is being written by {processes.holder(found)}: wait until it"
            " ends."
        )

    def _renew_in_time(self) -> None:
        while not self.ended.wait(self.duration / 3):
            # A network that fails for a while; `check` says so if it does for long.
            with contextlib.suppress(Exception):
                self._renew()

    def _renew(self) -> None:
        # The thread, and `check` after the process has slept, may come at once.
        with self.renewing:
            found = self._read()
            own = {number for number, text in found.items() if self._is_own(text)}
            others = found.keys() - own
            if others and max(others) > self.number:
                newest = {max(others): found[max(others)]}
                self.lost = f"{self.name} was taken over by {processes.holder(newest)}"
            elif not own:
                self.lost = f"the lease of {self.name} was removed"
            else:
                # Also one that was made although an error said that it was not.
                self.number = max(own) + 1
                try:
                    self._make(self.number)
                except Exception:
                    self.number = max(own)
                    raise
                for number in own:
                    self._drop(number)

    def _is_own(self, text: bytes) -> bool:
        # Not the whole text: of a renewal that failed the old one may be there.
        return self.token.encode() in text

    def _make(self, number: int) -> None:
        """Makes a lease; raises what the library does if another process has."""
        now = time.time()
        content = {
            "process": os.getpid(), "host": socket.gethostname(),
            "token": self.token, "taken": self.taken, "renewed": now,
            **processes.own(),
        }  # fmt: skip
        text = json.dumps(content).encode()
        self.system.pipe_file(self._path(number), text, mode="create")
        self.renewed = now

    def _drop(self, number: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.system.rm_file(self._path(number))

    def _path(self, number: int) -> str:
        return f"{self.root}/{LEASE}-{number}"

    def _read(self) -> dict[int, bytes]:
        """The content of each lease that is there, by its number."""
        return _leases(self.name)


def is_leased(folder: Path) -> bool:
    """Whether a process writes, or wrote until it was killed, a folder in a bucket.

    Raises:
      InputError: the bucket cannot be read.
    """
    name = name_of(folder)
    try:
        return name is not None and bool(_leases(name))
    except Exception as error:  # gcsfs and s3fs have errors of their own
        raise InputError(f"{name} cannot be read ({error}).") from error


def _leases(name: str) -> dict[int, bytes]:
    """The content of each lease of a folder, by its number."""
    system, root = located(name)
    system.invalidate_cache()
    start = f"{root}/{LEASE}-"
    try:
        paths = system.ls(root, detail=False)
        paths = [
            glob.escape(path)
            for path in paths
            if path.startswith(start) and path[len(start) :].isdecimal()
        ]
        contents = system.cat(paths, on_error="return") if paths else {}
    except FileNotFoundError:
        return {}
    found = {}
    for path, content in contents.items():
        # What has been removed meanwhile is not there; another error says nothing.
        if isinstance(content, bytes):
            found[int(path[len(start) :])] = content
        elif not isinstance(content, FileNotFoundError):
            raise content
    return found
