"""Prints one table of all run folders at or below some folders, or writes it as a file.

    python -m analysis.runs runs/
    python -m analysis.runs runs/ --mean
    python -m analysis.runs runs/ other/ --filter 'sparsity>0.9' method=pruning,nm \
--sort test_accuracy --descending
    python -m analysis.runs runs/ --csv runs.csv --json runs.json

What each run is, how sparse, how good, and whether it is finished. Settings that differ
between the runs are columns.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from landscape.cli import Positional, launch, parse
from landscape.disk.folders import folder_of
from landscape.errors import InputError

STDOUT = "-"


@dataclass(frozen=True)
class Config:
    GROUPS: ClassVar[dict[str, str]] = {"mean": "table", "csv": "output"}

    roots: Positional[tuple[str, ...]] = ("runs",)
    """Folders to look in, at any depth."""
    mean: bool = False
    """One row of all runs that differ by seeds alone: mean +- standard deviation."""
    filter: tuple[str, ...] = ()
    """Show runs for which all of these hold: COLUMN=VALUE, or with !=, <, <=, > or >=,
    in quotes ('sparsity>0.9'). * in VALUE stands for any letters, a comma for or."""
    sort: str | None = None
    """Sort the rows by this column."""
    descending: bool = False
    """Sort from the largest to the smallest."""
    columns: tuple[str, ...] = ()
    """Show these columns as well: settings in config.json, or numbers in
    summary.json."""
    csv: str | None = None
    """Write the table, with all numbers and all settings that differ, as CSV to this
    file; - is standard output. A folder that is missing is made."""
    json: str | None = None
    """Write the same as a JSON list of objects to this file; - is standard output."""

    def __post_init__(self):
        if not self.roots:
            raise InputError("name at least one folder to look in.")
        if self.descending and self.sort is None:
            raise InputError("--descending needs --sort COLUMN.")
        if self.csv == self.json == STDOUT:
            raise InputError("one of --csv and --json can be -, not both.")
        for name in (self.csv, self.json):
            if name not in (None, STDOUT) and folder_of(name).is_dir():
                raise InputError(f"{name} is a folder, not a file to write to.")


def run(config: Config) -> str:
    """Writes the files that are asked for; returns what is printed.

    Raises:
      InputError: there is no such folder, no run in it, none that a filter leaves, or
        no such column.
    """
    from analysis.programs.runs import columns as run_columns
    from analysis.programs.runs import filters as run_filters
    from analysis.programs.runs import means as run_means
    from analysis.programs.runs import rows as run_rows
    from analysis.programs.runs import table as tables

    folders = run_rows.find(config.roots)
    if not folders:
        where = " and ".join(config.roots)
        raise InputError(
            f"{where} holds no run folder; python -m train.sparse makes some."
        )
    rows = run_rows.rows(folders)
    known = run_filters.columns(rows)
    asked = run_columns.check(config.columns, known, "--columns")
    by = run_columns.check([config.sort] if config.sort else [], known, "--sort")
    rows = run_filters.select(rows, config.filter)
    names, left = tables.columns(rows, asked)
    every = tables.every_column(rows, asked)
    if config.mean:
        groups = run_means.groups(rows)
        for column in by:
            keys = [run_means.value(group, column) for group in groups]
            groups = run_filters.ordered(groups, keys, config.descending)
        text = tables.text_of_means(groups, names)
        records = tables.records_of_means(groups, every)
    else:
        for column in by:
            keys = [row.values.get(column) for row in rows]
            rows = run_filters.ordered(rows, keys, config.descending)
        text = tables.text(rows, names)
        records = tables.records(rows, every)
    return _written(config, records) or "\n".join(filter(None, [text, left]))


def _written(config: Config, records: Sequence[dict[str, Any]]) -> str:
    """Writes the files; returns the one for standard output, or ""."""
    from analysis.programs.runs import table as tables
    from landscape.disk.files import (
        check_writable,
        make_parent,
        write_atomically,
        writing,
    )

    printed = ""
    for name, write in ((config.csv, tables.as_csv), (config.json, tables.as_json)):
        if name == STDOUT:
            printed = write(records).removesuffix("\n")
        elif name is not None:
            path = folder_of(name)
            check_writable(path.parent, "choose another file")
            with writing(path, "The runs are as they were."):
                make_parent(path)
                write_atomically(path, write(records))
    return printed


def table(folders: list[Path]) -> str:
    """One row a run folder; what cannot be read says so in its row."""
    from analysis.programs.runs import rows as run_rows
    from analysis.programs.runs import table as tables

    rows = run_rows.rows(folders)
    return tables.text(rows, tables.columns(rows)[0])


def main(config: Config) -> None:
    """Prints the table, and where it was written."""
    print(run(config))
    written = [name for name in (config.csv, config.json) if name not in (None, STDOUT)]
    if written and STDOUT not in (config.csv, config.json):
        print(f"\nWritten to {' and '.join(written)}")


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
