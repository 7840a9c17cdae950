"""Ctrl-C and SIGTERM: noted when they come, acted on when the state is saved."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def caught() -> Iterator[Callable[[], int | None]]:
    """Within it, the first SIGINT or SIGTERM is noted; a second one acts as usual.

    Yields:
      A function that returns the number of the signal that came, or None.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        # Python lets only the main thread handle signals; it keeps its own handlers.
        yield lambda: None
        return
    previous: dict[int, object] = {}

    def note(signum, frame):
        came.append(signum)
        for number, handler in previous.items():
            signal.signal(number, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        previous[number] = signal.signal(number, note)
    try:
        yield lambda: came[0] if came else None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
