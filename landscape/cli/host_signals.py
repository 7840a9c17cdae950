"""A signal to one of several processes ends all of them, where their work is saved."""

import contextlib
from collections.abc import Callable, Iterator

from landscape.cli.interrupts import noted_signals, sentence
from landscape.errors import Interrupted
from landscape.machine import hosts

_came: Callable[[], int | None] | None = None
"""Tells the signal that came to this process; None: signals act at once."""


@contextlib.contextmanager
def ending_together() -> Iterator[None]:
    """Within it a signal to one of several processes ends all at `end_if_signalled`.

    And at its own end. A single process ends at once, as usual.

    Raises:
      Interrupted: a signal came, to any of them.
    """
    global _came
    if not hosts.are_several() or _came is not None:
        yield
        return
    with noted_signals() as _came:
        try:
            yield
            end_if_signalled()
        finally:
            _came = None


def end_if_signalled() -> None:
    """Ends all processes if a signal came to one of them within `ending_together`.

    Raises:
      Interrupted: with the sentence that `say_if_interrupted` was given last.
    """
    if _came is None:
        return
    if signum := hosts.largest(_came() or 0):
        raise Interrupted(signum, sentence())
