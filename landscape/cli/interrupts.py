"""Ctrl-C and SIGTERM end a program with status 130 and 143, whatever it is doing.

Python calls the handler of a signal in the main thread, between two instructions: not
while XLA compiles; and what the handler raises is lost in a callback, or becomes
another error in the middle of an import. So the handler does nothing. The system also
writes the number of the signal to a pipe, and a thread that waits there ends the
process at once. Files are sound whenever a process is killed, so nothing is closed.

In a process that does not call `watch_signals`, a notebook say, signals act as usual.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

from landscape import buckets

_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}

_lock = threading.Lock()
_leaving = threading.Lock()
_watching = False
# The signals that came while the caller of `noted_signals` looks for them.
_noted: list[int] | None = None
_sentence = "interrupted; what was saved is kept."
_at_end: list[Callable[[int], None]] = []


def watch_signals() -> None:
    """Makes Ctrl-C and SIGTERM end this process; a program's first call.

    A signal that the process was started to ignore stays ignored.
    """
    global _watching
    if _watching:
        return
    _watching = True
    read, write = os.pipe()
    os.set_blocking(write, False)
    threading.Thread(target=_watch, args=(read,), daemon=True).start()
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    os.register_at_fork(after_in_child=_as_usual)
    for number in _USUAL:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _nothing)
            # Or system calls of libraries would fail.
            signal.siginterrupt(number, False)


def end(number: int) -> NoReturn:
    """Says what is kept, and ends the process with the status of a signal."""
    for call in _at_end:
        # Who waits for an answer may never get one.
        thread = threading.Thread(target=call, args=(number,), daemon=True)
        thread.start()
        thread.join(timeout=3)
    leave(128 + number, _sentence)


def leave(status: int, sentence: str) -> NoReturn:
    """Says a sentence, and ends the process at once, from any thread."""
    _leaving.acquire()  # For good: a second reason to end is not said.
    bar = "\n" if sys.stderr.isatty() else ""
    _say(bar + sentence)
    # What holds the lock of stdout may never let go of it.
    flush = threading.Thread(target=_flush, daemon=True)
    flush.start()
    flush.join(timeout=1)
    # Without shutting down: threads in which XLA compiles can crash that.
    os._exit(status)


def call_at_end(call: Callable[[int], None]) -> None:
    """From now on a signal that ends the process is first passed to `call`."""
    _at_end.append(call)


@contextlib.contextmanager
def if_interrupted(sentence: str) -> Iterator[None]:
    """Within it `sentence` is what the program says if a signal ends it."""
    before = _sentence
    say_if_interrupted(sentence)
    try:
        yield
    finally:
        say_if_interrupted(before)


def say_if_interrupted(sentence: str) -> None:
    """From now on, within the innermost `if_interrupted`, `sentence` is said."""
    global _sentence
    _sentence = sentence


def sentence() -> str:
    """What is said if a signal ends the program now."""
    return _sentence


@contextlib.contextmanager
def noted_signals() -> Iterator[Callable[[], int | None]]:
    """Within it the first SIGINT or SIGTERM is noted; a second one acts as usual.

    One that came and that the caller has not looked for acts on leaving.

    Yields:
      A function that returns the number of the signal that came, or None.
    """
    global _noted
    came: list[int] = []
    looked: list[int] = []

    def signal_that_came() -> int | None:
        looked[:] = came[:1]
        return came[0] if came else None

    if _watching:
        with _lock:
            _noted = came
        try:
            yield signal_that_came
        finally:
            with _lock:
                _noted = None
        if came and not looked:
            end(came[0])
        return
    with _handlers(came):
        yield signal_that_came
    if came and not looked:
        signal.raise_signal(came[0])


@contextlib.contextmanager
def _handlers(came: list[int]) -> Iterator[None]:
    """Notes the first signal by handlers, which only the main thread may set."""
    previous: dict[int, object] = {}

    def note(number, frame):
        came.append(number)
        restore()

    def restore():
        for number, handler in previous.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        for number in _USUAL:
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, note)
    try:
        yield
    finally:
        restore()


def _nothing(number, frame) -> None:
    """The handler of a signal that `_watch` acts on."""


def _watch(pipe: int) -> None:
    while True:
        number = os.read(pipe, 1)[0]
        # Who has set another handler since, a debugger say, means to handle it.
        if signal.getsignal(number) is not _nothing:
            continue
        with _lock:
            if _noted is None or _noted:
                end(number)
            _noted.append(number)
        _say("interrupted: ends once its state is saved; a second signal ends at once.")


def _as_usual() -> None:
    """In a forked process, which has no thread that watches."""
    global _watching
    _watching = False
    signal.set_wakeup_fd(-1)
    for number, usual in _USUAL.items():
        if signal.getsignal(number) is _nothing:
            signal.signal(number, usual)


def _flush() -> None:
    with contextlib.suppress(Exception):
        sys.stdout.flush()


def _say(text: str) -> None:
    # Not by way of sys.stderr, whose lock the main thread may hold.
    with contextlib.suppress(OSError):
        os.write(2, f"{buckets.shown(text)}\n".encode())
