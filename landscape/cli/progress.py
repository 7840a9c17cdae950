"""A progress bar on a terminal, whose clock always runs; elsewhere a line every 30
seconds."""

import contextlib
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from landscape.machine import hosts

if TYPE_CHECKING:
    from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BETWEEN_TICKS = 1.0
_FIRST = "compiling"
"""The note of a bar until its first unit is done."""
_shown: "weakref.WeakSet[tqdm]" = weakref.WeakSet()
"""The bars on the terminal, as far as they are not closed."""


@contextlib.contextmanager
def activity(text: str) -> Iterator[None]:
    """On a terminal shows `text` and the seconds passed while a block runs.

    For work that cannot say how far it is: loading, compiling. Elsewhere says nothing.

    >>> with activity("compiling the evaluation"):
    ...     pass
    """
    bar = _open_bar(desc=text, total=0, bar_format="{desc} {elapsed}", leave=False)
    try:
        yield
    finally:
        bar.close()


def close_bars() -> None:
    """Ends all bars that are shown, so that a message begins on a line of its own."""
    for bar in list(_shown):
        bar.close()


def _open_bar(**settings: Any) -> "tqdm":
    """A bar that is shown on a terminal alone, and refreshed once a second."""
    # Not above: many a command ends before it shows one.
    from tqdm import tqdm

    hidden = not (sys.stderr.isatty() and hosts.is_first())
    bar = tqdm(disable=hidden, dynamic_ncols=True, **settings)
    if not hidden:
        _shown.add(bar)
        threading.Thread(target=_tick, args=(weakref.ref(bar),), daemon=True).start()
    return bar


def _tick(shown: weakref.ref) -> None:
    """Lets the clock of a bar run while XLA compiles or a long unit is worked on."""
    while (bar := shown()) is not None:
        with bar.get_lock():
            # `close` writes its last line under this lock, after it disables the bar.
            if bar.disable:
                return
            bar.display()
        del bar
        time.sleep(_SECONDS_BETWEEN_TICKS)


class Progress:
    """Shows the progress of long work, its rate, the time left, and its newest numbers.

    Args:
      label: of the work.
      total: number of units.
      initial: units that were done before.
      unit: the name of one.
    """

    def __init__(self, label: str, total: int, initial: int = 0, unit: str = "step"):
        self._label, self._total, self._initial = label, total, initial
        self._unit = unit
        self._started = self._shown = time.monotonic()
        self._numbers: dict[str, float] = {}
        self._bar = _open_bar(total=total, initial=initial, desc=label, unit=unit)
        if not self._bar.disable and initial < total:
            self._bar.set_postfix_str(_FIRST)

    def update(
        self, step: int, lines: Sequence[dict[str, Any]] = (), note: str = ""
    ) -> None:
        """Shows `step`.

        Args:
          step: number of units done, with the initial ones.
          lines: of metrics.jsonl, that were written since the last call.
          note: shown behind the numbers.
        """
        for line in lines:
            self._numbers[f"{line['split']} loss"] = line["loss"]
            self._numbers[f"{line['split']} accuracy"] = line["accuracy"]
        numbers = [f"{k} {v:.3g}" for k, v in self._numbers.items()]
        text = ", ".join([*numbers, note] if note else numbers)
        if not self._bar.disable:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(step - self._bar.n)
            return
        now = time.monotonic()
        if not hosts.is_first():
            return
        if now - self._shown >= _SECONDS_BETWEEN_LINES:
            self._shown = now
            rate = (step - self._initial) / (now - self._started)
            left = f", {(self._total - step) / rate:.0f} s left" if rate > 0 else ""
            print(
                f"{self._label}: {self._unit} {step} of {self._total},"
                f" {rate:.3g} {self._unit}s/s{left}{', ' if text else ''}{text}",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        """Ends the bar as it is."""
        self._bar.close()
