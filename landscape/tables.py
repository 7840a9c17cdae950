"""Plain-text tables, and numbers with their spread."""

import math
from collections.abc import Sequence


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; numbers and percentages to the right.

    What is not printable, as a line break in the name of a run, is shown as a mark.

    >>> print(format_table(["run", "loss"], [["pruned", "0.5"], ["lottery", "12"]]))
    run      loss
    -------  ----
    pruned    0.5
    lottery    12
    """
    rows = [[_printable(cell) for cell in row] for row in rows]
    lines = [list(header), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    columns = zip(*rows, strict=True)
    right = [all(map(_is_number, column)) for column in columns] or [False] * len(
        header
    )
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def spread(values: Sequence[float], spec: str = ".3g") -> str:
    """Mean and standard deviation (of a sample: n - 1) over seeds, as `1.5 +- 0.71`.

    A value that is not finite is shown, never left out.

    >>> spread([1.0, 2.0])
    '1.5 +- 0.707'
    >>> spread([0.25])
    '0.25'
    """
    if not values:
        return "-"
    if not all(map(math.isfinite, values)):
        return ", ".join(f"{value:{spec}}" for value in values)
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return f"{mean:{spec}}"
    variance = math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)
    return f"{mean:{spec}} +- {math.sqrt(variance):{spec}}"


def _printable(cell: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in cell)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun, in the singular for one.

    >>> counted(1, "step"), counted(3000, "step"), counted(2, "leaf", "leaves")
    ('1 step', '3,000 steps', '2 leaves')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def in_bytes(size: int) -> str:
    """A number of bytes in MiB or GiB.

    >>> in_bytes(46 * 2**20), in_bytes(3 * 2**29)
    ('46 MiB', '1.5 GiB')
    """
    unit, name = (2**30, "GiB") if size >= 2**30 else (2**20, "MiB")
    return f"{size / unit:.2g} {name}" if size < 10 * unit else f"{size // unit} {name}"


def _is_number(cell: str) -> bool:
    try:
        float(cell.split("+-")[0].replace(",", "").rstrip(" %") or 0)
    except ValueError:
        return cell in ("", "-")
    return True
