"""Tables as a page shows them: cells with what they are sorted by."""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from analysis.programs.runs import columns as run_columns
from analysis.programs.runs import means as run_means
from analysis.programs.runs import rows as run_rows
from analysis.programs.runs import table as run_table
from analysis.reports import names
from analysis.reports.content import Content
from analysis.reports.studies import VERDICT, VERDICTS
from analysis.reports.texts import Table

_ALWAYS = (
    "num_params", "num_nonzero", "sparsity", "train_loss", "test_loss", "test_accuracy"
)  # fmt: skip

_SHORT = 36
"""Letters of a text that stays on one line."""
_FEW = 4
"""Settings that differ which stand before the numbers of a table."""
_TALL = 30
"""Rows of a table that are shown at once."""


class Cell(NamedTuple):
    """A cell.

    Attributes:
      text: what it shows.
      order: what its column is sorted by, a number or a text; "" comes last.
      kind: of its style: "number", "text", "long" (a text that may wrap), or that of
        a verdict.
      title: what is shown on hovering; "" for nothing.
    """

    text: str
    order: str
    kind: str
    title: str = ""


class View(NamedTuple):
    """A table; the first cell of a row is its header.

    Attributes:
      caption: is shown above it; "" for none.
      label: what it is, for those who do not see it.
      kind: of its style: "wide", "printed" or "claims".
      header: text and kind ("number" or "text") of each column.
      rows: of cells.
    """

    caption: str
    label: str
    kind: str
    header: list[tuple[str, str]]
    rows: list[list[Cell]]

    @property
    def tall(self) -> bool:
        """Whether it scrolls in its box."""
        return len(self.rows) > _TALL


def of_runs(content: Content) -> View:
    """Every run, with the settings that differ."""
    columns = _columns(content, means=False)
    rows = []
    for row in content.rows:
        name = _name(content.short[row.folder])._replace(title=str(row.folder))
        cells = [_cell(column, row.values.get(column)) for column in columns]
        rows.append([name, *cells])
    return View("", "Runs", "wide", _header(["run", *columns], rows), rows)


def of_means(content: Content) -> View | None:
    """Mean and deviation over seeds; None if no two runs differ by seeds alone."""
    if all(len(group.rows) == 1 for group in content.groups):
        return None
    columns = _columns(content, means=True)
    rows = []
    for group in content.groups:
        name = names.of_group(group, content.short)
        cells = [_name(name)]
        for column in columns:
            text = run_table.cell(group, column)
            value = group.seeds if column == "seeds" else run_means.value(group, column)
            cells.append(_cell(column, value)._replace(text=shown(text)))
        rows.append(cells)
    caption = "Mean \u00b1 standard deviation (n \u2212 1) over seeds"
    return View(caption, caption, "wide", _header(["runs", *columns], rows), rows)


def of_text(table: Table) -> View:
    """A table that was printed: numbers to the right, verdicts in their colours."""
    header = list(table.header)
    verdict = header.index(VERDICT) if VERDICT in header else -1
    if verdict >= 0 and not header[0]:
        header[0] = "check"
    rows = [
        [
            _printed(text, VERDICTS.get(text, ("",))[0] if i == verdict else "")
            for i, text in enumerate(row)
        ]
        for row in table.rows
    ]
    label, kind = ("Claims", "claims") if verdict >= 0 else ("Table", "printed")
    return View("", label, kind, _header(header, rows), rows)


def of_settings(content: Content) -> tuple[dict[str, str], dict[str, str]]:
    """The settings that all runs share: those worth reading first, and the others."""
    first, rest = {}, {}
    for name, value in run_rows.common(content.rows).items():
        known = run_rows.DEFAULTS.get(name, value)
        chosen = name in run_rows.ESSENTIAL or value != known
        (first if chosen else rest)[run_columns.header(name)] = shown(
            run_columns.text(name, value)
        )
    return first, rest


def _columns(content: Content, means: bool) -> list[str]:
    differ = run_rows.differing(content.rows)
    unequal = [name for name in ("method", "dataset", "model") if name in differ]
    differ = [name for name in differ if name not in (*unequal, "sparsity_target")]
    there = {name for row in content.rows for name in row.values}
    numbers = [name for name in _ALWAYS if name in there]
    state = [] if all(row.finished for row in content.rows) else ["state"]
    seed = "seeds" if means else "seed"
    # What was reached stays in sight where much differs.
    first, rest = differ[:_FEW], differ[_FEW:]
    return [*unequal, seed, *first, *numbers, *state, *rest]


def _cell(name: str, value: Any) -> Cell:
    text = shown(run_columns.text(name, value))
    if run_columns.is_number(value):
        order = repr(value) if math.isfinite(value) else ""
        return Cell(text, order, "number")
    kind = "long" if len(text) > _SHORT else "text"
    return Cell(text, "" if value is None else run_columns.plain(value), kind)


def _name(text: str) -> Cell:
    return Cell(text, text, "long" if len(text) > _SHORT else "text")


def _printed(text: str, kind: str) -> Cell:
    match = re.match(r"-?[\d,]*\.?\d+(e[+-]?\d+)?", text)
    number = match is not None and not re.search(r"[A-Za-z]{2}", text[match.end() :])
    order = match[0].replace(",", "") if number else "" if text == "-" else text
    plain = "long" if len(text) > _SHORT else "text"
    return Cell(shown(text), order, kind or ("number" if number else plain))


def _header(texts: Sequence[str], rows: list[list[Cell]]) -> list[tuple[str, str]]:
    """Headers, each with the kind of most of its column."""
    found = []
    for i, text in enumerate(texts):
        kinds = [row[i].kind for row in rows if row[i].text != "\u2013"]
        kind = "number" if 2 * kinds.count("number") > len(kinds) else "text"
        found.append((run_columns.header(text), kind))
    return found


def shown(text: str) -> str:
    """Text of a program as a page has it.

    >>> shown("1.5 +- 0.7"), shown("-")
    ('1.5 \u00b1\u00a00.7', '\u2013')
    """
    return "\u2013" if text == "-" else text.replace("+- ", "\u00b1\u00a0")
