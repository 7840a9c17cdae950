"""What a compiled program moves between devices, read from its text."""

import re
from typing import NamedTuple

KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
    "collective-broadcast",
    "ragged-all-to-all",
)
# One instruction, synchronous or the start of an asynchronous one: its result, its
# kind, and what follows.
_INSTRUCTION = re.compile(rf"= (.*?) ({'|'.join(KINDS)})(?:-start)?\(")
_ARRAY = re.compile(r"\b([a-z]+)(\d*)\w*\[([\d,]*)\]")


class Collective(NamedTuple):
    """One collective operation.

    Attributes:
      kind: one of `KINDS`.
      nbytes: of its result, on each device.
    """

    kind: str
    nbytes: int

    def sent(self, num_devices: int) -> float:
        """Bytes that each device sends, and receives, if it goes around a ring."""
        share = (num_devices - 1) / num_devices
        if self.kind == "all-reduce":
            return 2 * share * self.nbytes
        if self.kind == "reduce-scatter":
            return (num_devices - 1) * self.nbytes
        if self.kind in ("all-gather", "all-to-all"):
            return share * self.nbytes
        return self.nbytes


def of_program(text: str) -> list[Collective]:
    """The collectives in the text of a compiled program; one in a loop counts once.

    >>> line = "  x = (f32[16,2]{1,0}, bf16[3]{0}) all-reduce(a, b), channel_id=1"
    >>> of_program(line)
    [Collective(kind='all-reduce', nbytes=134)]
    >>> of_program("  x = f32[8]{0} all-reduce(a)")[0].sent(4)
    48.0
    """
    return [
        Collective(kind, sum(map(_nbytes, _ARRAY.findall(shapes))))
        for shapes, kind in _INSTRUCTION.findall(text)
    ]


def _nbytes(array: tuple[str, str, str]) -> int:
    _, bits, shape = array
    size = 1
    for extent in filter(None, shape.split(",")):
        size *= int(extent)
    # A boolean (pred) takes a byte.
    return size * int(bits or 8) // 8
