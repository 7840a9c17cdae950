"""Columns of the table of runs: their names, headers, and how a value is written."""

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.programs.runs import rows as run_rows
from landscape.cli import OTHER_WORDS
from landscape.errors import InputError
from landscape.tables import spread

FIRST = ("run", "method", "dataset", "model", "seed")
NUMBERS = ("num_params", "sparsity", "train_loss", "test_accuracy")
HEADERS = {
    "dataset": "data",
    "num_params": "parameters",
    "num_nonzero": "non-zeros",
    "sparsity_target": "target sparsity",
}
"""Headers that are not the name itself, its underscores written as spaces."""

_PERCENT = {"sparsity", "sparsity_total", "test_accuracy"}
_SPECS = {
    "num_params": ",.0f", "num_nonzero": ",.0f", "seconds": ".1f",
    "train_loss": ".4f", "train_objective": ".4f", "test_loss": ".4f",
}  # fmt: skip
_MEAN_SPECS = {"num_nonzero": ",.1f", "num_params": ",.1f"}


def header(name: str) -> str:
    """The heading of a column.

    >>> header("num_params"), header("learning_rate")
    ('parameters', 'learning rate')
    """
    return HEADERS.get(name, name.replace("_", " "))


def check(names: Iterable[str], known: Sequence[str], flag: str) -> list[str]:
    """The columns that are meant: by name, by header, or with - or space for _.

    Args:
      names: as they were given.
      known: the columns that there are.
      flag: that names them.

    Raises:
      InputError: a column is none of those known; with the nearest one.

    >>> check(["train-loss", "data"], ["run", "dataset", "train_loss"], "--columns")
    ['train_loss', 'dataset']
    >>> check(["sparseness"], ["sparse_init", "sparsity"], "--filter")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: --filter: no run has a column 'sparseness': perhaps \
you meant 'sparsity'? Columns are sparsity, the other numbers of summary.json and the \
settings in config.json, 2 in all.
    """
    meant = {header(name): name for name in known} | {name: name for name in known}
    found = []
    for name in names:
        words = name.strip().replace("-", "_").replace(" ", "_")
        column = meant.get(words) or meant.get(words.replace("_", " "))
        if column is None:
            other = OTHER_WORDS.get(words.replace("_", "-"), "").replace("-", "_")
            near = difflib.get_close_matches(words, meant, n=1, cutoff=0.5)
            near = [other] if other in meant else near
            hint = f": perhaps you meant {meant[near[0]]!r}?" if near else "."
            shown = [c for c in (*FIRST, *NUMBERS) if c in known]
            raise InputError(
                f"{flag}: no run has a column {name.strip()!r}{hint} Columns are"
                f" {', '.join(shown)}, the other numbers of summary.json and the"
                f" settings in config.json, {len(known)} in all."
            )
        found.append(column)
    return found


def text(name: str, value: Any) -> str:
    """A value as a table has it; "-" for one that is missing or None.

    >>> text("test_accuracy", 0.9741), text("widths", (300, 100)), text("nm", None)
    ('97.41 %', '300 100', '-')
    """
    if value is None or (isinstance(value, list | tuple | dict) and not value):
        return "-"
    if is_number(value) and name in _PERCENT:
        return f"{100 * value:.2f} %"
    if is_number(value) and name in _SPECS:
        return f"{value:{_SPECS[name]}}"
    return f"{value:.6g}" if isinstance(value, float) else plain(value)


def text_of_seeds(name: str, values: Sequence[float]) -> str:
    """Mean and standard deviation of a column's numbers; of a constant size itself.

    >>> text_of_seeds("test_accuracy", [0.97, 0.98])
    '97.50 +- 0.71 %'
    >>> text_of_seeds("num_params", [1200, 1200])
    '1,200'
    """
    if len(set(values)) == 1 and name in run_rows.SIZES:
        return text(name, values[0])
    if name in _PERCENT:
        return spread([100 * value for value in values], ".2f") + " %"
    return spread(values, _MEAN_SPECS.get(name) or _SPECS.get(name, ".4g"))


def plain(value: Any) -> str:
    """A value as a filter names it and a CSV file has it.

    >>> plain((300, 100)), plain(True), plain(None), plain(1e-4), plain({"a": 0.5})
    ('300 100', 'true', 'none', '0.0001', '{"a": 0.5}')
    """
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(map(plain, value))
    return json.dumps(value) if isinstance(value, dict) else str(value)


def is_number(value: Any) -> bool:
    """Whether a value counts as a number: no truth value does."""
    return isinstance(value, int | float) and not isinstance(value, bool)
