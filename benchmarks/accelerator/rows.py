"""Rows of the table, and what the parts are told; imports nothing but Python's own."""

import json
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

PREFIX = "row "
"""Of the lines of a part's output that are rows."""
RESNET50_STEP = 3 * 2 * 4.09e9
"""Floating-point operations of a training step of ResNet-50 for one image of 224x224:
4.09e9 multiply-adds in the forward pass, and twice that in the backward pass."""


class Row(NamedTuple):
    """One measurement.

    Attributes:
      what: is measured.
      result: with its unit.
      compilation: seconds, no part of the result.
      share: of the peak of the device, between 0 and 1.
      memory: the most that this process has held on the device so far, bytes.
      note: sizes, and what went wrong.
    """

    what: str
    result: str
    compilation: float | None = None
    share: float | None = None
    memory: int | None = None
    note: str = ""


class Options(NamedTuple):
    """What a part is told.

    Attributes:
      small: sizes that a CPU can do.
      batch_size, images, seeds: sizes.
      peaks: operations a second in bfloat16 and in float32; None: by the device's name.
      deadline: on the clock of `time.monotonic`.
    """

    small: bool
    batch_size: int
    images: int
    seeds: int
    peaks: tuple[float, ...] | None
    deadline: float

    @classmethod
    def of(cls, flags: Namespace) -> "Options":
        """Those of the command line, the deadline counted from now."""
        peaks = flags.peak_tflops and tuple(1e12 * x for x in flags.peak_tflops)
        return cls(
            flags.small,
            flags.batch_size or (16 if flags.small else 256),
            flags.images or (64 if flags.small else 10_000),
            flags.num_seeds or (2 if flags.small else 8),
            peaks,
            time.monotonic() + flags.child,
        )

    def left(self) -> float:
        """Seconds to the deadline."""
        return self.deadline - time.monotonic()

    def round_up(self, multiple: int) -> int:
        """The number of images, so that `multiple` divides it."""
        return -(-self.images // multiple) * multiple


Case = tuple[str, Callable[[], Row]]


def report(cases: Iterable[Case], options: Options) -> None:
    """Measures one case after the other, and prints each; one that fails says so."""
    for what, case in cases:
        if options.left() <= 0:
            row = Row(what, "not measured", note="no time was left")
        else:
            try:
                row = case()
            except Exception as error:
                row = Row(what, "failed", note=one_line(error))
        print(f"{PREFIX}{json.dumps(row)}", flush=True)


def one_line(error: BaseException, length: int = 160) -> str:
    """The class of an error and the start of what it says."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words if len(words) <= length else f"{words[:length]} ..."


def read(output: str) -> list[Row]:
    """The rows in the output of a part."""
    found = [x for x in output.splitlines() if x.startswith(PREFIX)]
    return [Row(*json.loads(line.removeprefix(PREFIX))) for line in found]


HEADER = "what", "result", "compilation (s)", "of peak", "memory (GiB)", "note"


def markdown(rows: Sequence[Row]) -> str:
    """A table in Markdown.

    >>> print(markdown([Row("step", "2 ms", 1.25, 0.5, 2**30)]).splitlines()[-1])
    | step | 2 ms | 1.2 | 50 % | 1.00 |  |
    """
    cells = [HEADER, ["---"] * len(HEADER)]
    for row in rows:
        known = (
            "-" if row.compilation is None else f"{row.compilation:.1f}",
            "-" if row.share is None else f"{100 * row.share:.2g} %",
            "-" if row.memory is None else f"{row.memory / 2**30:.2f}",
        )
        cells.append([row.what, row.result, *known, row.note.replace("|", "/")])
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
