"""Names of runs as a page shows them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analysis.programs.runs import columns as run_columns
from analysis.programs.runs import means as run_means
from analysis.programs.runs.means import Group

LONGEST = 40
"""Letters of a label in a figure."""


def shortened(folders: Sequence[Path]) -> dict[Path, str]:
    """The folders' names below the deepest folder that holds them all.

    >>> a, b = Path("runs/x/a"), Path("runs/x/b")
    >>> shortened([a, b]) == {a: "a", b: "b"}, shortened([a]) == {a: "a"}
    (True, True)
    """
    places = [os.path.abspath(folder) for folder in folders]
    above = os.path.commonpath([os.path.dirname(place) for place in places] or ["/"])
    pairs = zip(folders, places, strict=True)
    return {folder: os.path.relpath(place, above) for folder, place in pairs}


def of_group(group: Group, short: dict[Path, str]) -> str:
    """The runs of a group, as a shell writes several names."""
    return run_means.braced([short[row.folder] for row in group.rows])


def labels(
    groups: Sequence[Group], differing: Sequence[str], short: dict[Path, str]
) -> tuple[list[str], dict[str, str]]:
    """What tells groups of runs apart: method, what else differs, the runs' names.

    Returns:
      A label for each group; and, where some are longer than `LONGEST`, what each
      stands for: the labels are then methods with numbers.
    """
    names = ["method", *(n for n in ("dataset", "model") if _differ(groups, n))]
    words = [[run_columns.text(n, g.values.get(n)) for n in names] for g in groups]
    kinds = [", ".join(found) for found in words]
    for found, group, kind in zip(words, groups, kinds, strict=True):
        same = [g for g, other in zip(groups, kinds, strict=True) if other == kind]
        for name in differing:
            if name in group.values and name not in names and _differ(same, name):
                text = run_columns.text(name, group.values[name])
                text = "none" if text == "-" else text
                found.append(f"{run_columns.header(name)} {text}")
    texts = [", ".join(found) for found in words]
    texts = [
        f"{text} ({of_group(group, short)})" if texts.count(text) > 1 else text
        for text, group in zip(texts, groups, strict=True)
    ]
    if all(len(text) <= LONGEST for text in texts):
        return texts, {}
    numbered = [f"{found[0]} {i}" for i, found in enumerate(words, 1)]
    return numbered, dict(zip(numbered, texts, strict=True))


def _differ(groups: Sequence[Group], name: str) -> bool:
    values: list[Any] = [group.values.get(name) for group in groups]
    return any(value != values[0] for value in values)
