"""Which rows of the table of runs are shown, and in which order."""

import fnmatch
import math
import operator
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from analysis.programs.runs import columns as run_columns
from analysis.programs.runs.rows import Row
from landscape.errors import InputError

_ORDERED = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_CONDITION = re.compile(r"([\w -]+?)\s*(!=|<=|>=|==|=|<|>)\s*(.*)", re.DOTALL)


class Filter(NamedTuple):
    """A condition on a column; its words as they were given."""

    column: str
    sign: str
    value: str
    words: str


def parse(words: str) -> Filter:
    """A filter from COLUMN=VALUE, or with !=, <, <=, > or >=.

    Raises:
      InputError: it has no such form, or orders by what is no number.

    >>> parse("sparsity>=0.9")[:3], parse("method = pruning,lottery")[:3]
    (('sparsity', '>=', '0.9'), ('method', '=', 'pruning,lottery'))
    """
    match = _CONDITION.fullmatch(words.strip())
    if match is None:
        raise InputError(
            f"--filter must be COLUMN=VALUE or have one of != < <= > >= in place of =,"
            f" in quotes, as in --filter 'sparsity>0.9', not {words!r}."
        )
    column, sign, value = match.groups()
    if sign in _ORDERED and _number(value) is None:
        raise InputError(f"--filter {words!r} needs a number, not {value!r}.")
    return Filter(column, "=" if sign == "==" else sign, value.strip(), words)


def select(rows: Sequence[Row], filters: Sequence[str]) -> list[Row]:
    """The rows that all filters hold for; a value that is missing passes none but !=.

    Equality is of numbers where both are, else of text, in which * stands for any
    letters; of several values after = with commas between them one is enough.

    Raises:
      InputError: an unknown column, a wrong filter, or no row is left; then with the
        values that the rows have.
    """
    known = columns(rows)
    for condition in map(parse, filters):
        (column,) = run_columns.check([condition.column], known, "--filter")
        left = [row for row in rows if _holds(row, condition._replace(column=column))]
        if not left:
            raise InputError(
                f"no run matches --filter {condition.words!r}:"
                f" {_what_there_is(rows, column)}."
            )
        rows = left
    return list(rows)


def columns(rows: Sequence[Row]) -> list[str]:
    """The names of all columns that any row has, in their order."""
    return list(dict.fromkeys(name for row in rows for name in row.values))


def ordered(rows: list[Any], values: Sequence[Any], descending: bool) -> list[Any]:
    """Rows in the order of their values: numbers, then text; those without come last.

    Equal values keep their order.

    >>> ordered(["a", "b", "c", "d"], [2, None, float("nan"), 10], descending=True)
    ['d', 'a', 'b', 'c']
    """
    keys = [_key(value) for value in values]
    there = [i for i, key in enumerate(keys) if key is not None]
    there.sort(key=lambda i: keys[i], reverse=descending)
    missing = [i for i, key in enumerate(keys) if key is None]
    return [rows[i] for i in (*there, *missing)]


def _key(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if run_columns.is_number(value):
        return (0, value, ())
    return (1, 0, natural(run_columns.plain(value)))


def natural(text: str) -> list[tuple[int, str]]:
    """What a text is sorted by, so that its numbers come in their order.

    >>> sorted(["level-10", "level-9"], key=natural)
    ['level-9', 'level-10']
    """
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _holds(row: Row, condition: Filter) -> bool:
    column, sign, wanted, _ = condition
    if column not in row.values:
        return sign == "!="
    value = row.values[column]
    if sign in _ORDERED:
        return run_columns.is_number(value) and _ORDERED[sign](value, float(wanted))
    equal = any(_equal(value, each.strip()) for each in wanted.split(","))
    return equal == (sign == "=")


def _equal(value: Any, wanted: str) -> bool:
    number = _number(wanted)
    if run_columns.is_number(value) and number is not None:
        return math.isclose(value, number, rel_tol=1e-9)
    return fnmatch.fnmatchcase(run_columns.plain(value).lower(), wanted.lower())


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _what_there_is(rows: Sequence[Row], column: str) -> str:
    values = [row.values[column] for row in rows if column in row.values]
    numbers = [value for value in values if run_columns.is_number(value)]
    name = run_columns.header(column)
    if values and len(numbers) == len(values):
        low, high = min(numbers), max(numbers)
        return f"{name} is {low:g}" + (f" to {high:g}" if high != low else "")
    texts = list(dict.fromkeys(map(run_columns.plain, values)))
    more = f" and {len(texts) - 8} others" if len(texts) > 8 else ""
    return f"{name} is {', '.join(texts[:8])}{more}"
