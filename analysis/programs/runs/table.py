"""The table of runs as text, CSV and JSON."""

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from analysis.programs.runs import columns as run_columns
from analysis.programs.runs import means as run_means
from analysis.programs.runs import rows as run_rows
from analysis.programs.runs.means import Group
from analysis.programs.runs.rows import MEASURES, Row
from landscape.tables import format_table

MOST_PICKED = 4
"""Settings that differ which a text table shows unasked."""


def columns(rows: Sequence[Row], asked: Sequence[str] = ()) -> tuple[list[str], str]:
    """The columns of a text table, and a sentence on settings that it has no room for.

    Args:
      rows: of the table.
      asked: names of columns that are shown as well.
    """
    shown = {*run_columns.FIRST, *run_columns.NUMBERS, "sparsity_target", *asked}
    differ = [name for name in run_rows.differing(rows) if name not in shown]
    picked, more = differ[:MOST_PICKED], differ[MOST_PICKED:]
    middle = [name for name in asked if name not in run_columns.FIRST]
    middle = [name for name in middle if name not in run_columns.NUMBERS]
    names = [*run_columns.FIRST, *picked, *middle, *run_columns.NUMBERS, "state"]
    left = f"Settings that differ as well (--columns): {', '.join(more)}."
    return list(dict.fromkeys(names)), left if more else ""


def every_column(rows: Sequence[Row], asked: Sequence[str] = ()) -> list[str]:
    """The columns of a file: those of the text, every number, all that differs."""
    numbers = [name for name in MEASURES if any(name in row.values for row in rows)]
    differ = run_rows.differing(rows)
    first = [*run_columns.FIRST, "order_seed", "steps", "sparsity_target"]
    names = [*first, *differ, *asked, *numbers, "state"]
    return list(dict.fromkeys(names))


def text(rows: Sequence[Row], names: Sequence[str]) -> str:
    """One row a run."""
    cells = [
        [run_columns.text(name, row.values.get(name)) for name in names] for row in rows
    ]
    return format_table(list(map(run_columns.header, names)), cells)


def text_of_means(groups: Sequence[Group], names: Sequence[str]) -> str:
    """One row of each group: mean +- standard deviation (n - 1) over its seeds."""
    names = ["seeds" if name == "seed" else name for name in names]
    return format_table(
        list(map(run_columns.header, names)),
        [[cell(group, name) for name in names] for group in groups],
    )


def cell(group: Group, name: str) -> str:
    """What a group has in a column, as text."""
    if name == "seeds":
        return str(group.seeds)
    if name in group.numbers:
        return run_columns.text_of_seeds(name, group.numbers[name])
    if name not in group.values and any(name in row.values for row in group.rows):
        return "differ"
    return run_columns.text(name, group.values.get(name))


def records(rows: Sequence[Row], names: Sequence[str]) -> list[dict[str, Any]]:
    """The table as values: name of a column -> value."""
    return [{name: row.values.get(name) for name in names} for row in rows]


def records_of_means(
    groups: Sequence[Group], names: Sequence[str]
) -> list[dict[str, Any]]:
    """The same of groups: of a number the mean, and its deviation in `NAME_sd`."""
    found = []
    for group in groups:
        record: dict[str, Any] = {}
        for name in names:
            values = group.numbers.get(name, [])
            if name in ("seed", "order_seed"):
                record["seeds"] = group.seeds
            elif name in MEASURES:
                record[name] = run_means.mean(values) if values else None
                record[f"{name}_sd"] = run_means.deviation(values)
            else:
                record[name] = group.values.get(name)
        found.append(record)
    return found


def as_csv(found: Sequence[dict[str, Any]]) -> str:
    """Records as CSV with a header; what is missing is empty.

    >>> as_csv([{"run": "a,b", "seed": 1, "nm": None, "widths": (8, 4)}])
    'run,seed,nm,widths\\n"a,b",1,,8 4\\n'
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(found[0])
    for record in found:
        values = record.values()
        writer.writerow(["" if v is None else run_columns.plain(v) for v in values])
    return file.getvalue()


def as_json(found: Sequence[dict[str, Any]]) -> str:
    """Records as a JSON list of objects; a number that is not finite is null.

    >>> as_json([{"train_loss": float("nan")}])
    '[\\n {\\n  "train_loss": null\\n }\\n]\\n'
    """
    finite = [
        {
            name: None if isinstance(v, float) and not math.isfinite(v) else v
            for name, v in record.items()
        }
        for record in found
    ]
    return json.dumps(finite, indent=1) + "\n"
