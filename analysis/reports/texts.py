"""Printed text as what it is made of: paragraphs and tables."""

import re
from typing import NamedTuple

_RULE = re.compile(r"-+(  -+)*")


class Table(NamedTuple):
    """A table of cells that are text."""

    header: list[str]
    rows: list[list[str]]


def blocks(text: str) -> list[str | Table]:
    """The lines of a text, and the tables in it that `format_table` wrote.

    Every other line is a block of its own.

    >>> from landscape.tables import format_table
    >>> text = "Of two runs:\\n" + format_table(["run", "loss"], [["a b", "0.5"]])
    >>> blocks(text + "\\nThere is no barrier.")
    ['Of two runs:', Table(header=['run', 'loss'], rows=[['a b', '0.5']]), \
'There is no barrier.']
    """
    lines = text.splitlines()
    found: list[str | Table] = []
    i = 0
    while i < len(lines):
        if i + 1 < len(lines) and _RULE.fullmatch(lines[i + 1].rstrip()):
            columns = [match.span() for match in re.finditer("-+", lines[i + 1])]
            end = i + 2
            while end < len(lines) and _is_row(lines[end], columns):
                end += 1
            header, _, *rows = [_cells(line, columns) for line in lines[i:end]]
            found.append(Table(header, rows))
            i = end
        else:
            if lines[i].strip():
                found.append(lines[i].strip())
            i += 1
    return found


def _is_row(line: str, columns: list[tuple[int, int]]) -> bool:
    """Whether a line keeps to the columns: text that follows a table does not."""
    ends = [end for _, end in columns]
    starts = [start for start, _ in columns[1:]] + [None]
    gaps = [line[a:b] for a, b in zip(ends, starts, strict=True)]
    return bool(line.strip()) and not any(gap.strip() for gap in gaps)


def _cells(line: str, columns: list[tuple[int, int]]) -> list[str]:
    return [line[start:end].strip() for start, end in columns]
