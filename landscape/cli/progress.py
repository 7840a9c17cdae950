"""A progress bar on a terminal; elsewhere a line every 30 seconds."""

import sys
import time
from collections.abc import Sequence
from typing import Any

_SECONDS_BETWEEN_LINES = 30.0


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
        # Not above: a program watches for signals before it imports what takes time.
        from tqdm import tqdm

        self._bar = tqdm(
            total=total,
            initial=initial,
            desc=label,
            unit=unit,
            disable=not sys.stderr.isatty(),
            dynamic_ncols=True,
        )

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
