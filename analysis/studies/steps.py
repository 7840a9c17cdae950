"""Which of how many steps a study is at."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class Steps:
    """Says on stderr, as each step of a study begins, which of how many it is.

    Args:
      total: number of steps.

    >>> import contextlib
    >>> with contextlib.redirect_stderr(sys.stdout):
    ...     steps = Steps(3)
    ...     steps.begin("training")
    ...     list(steps.each("seed", [0, 1]))
    step 1 of 3: training
    step 2 of 3: seed 0
    step 3 of 3: seed 1
    [0, 1]
    """

    def __init__(self, total: int):
        self._total, self._begun = total, 0

    def begin(self, what: str) -> None:
        """Says that the next step begins."""
        self._begun += 1
        text = f"step {self._begun} of {self._total}: {what}"
        print(text, file=sys.stderr, flush=True)

    def each(self, what: str, values: Iterable[T]) -> Iterator[T]:
        """The values, a step each."""
        for value in values:
            self.begin(f"{what} {value}")
            yield value
