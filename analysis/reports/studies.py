"""The results of a study: its claims with their verdicts, tables and figures."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from analysis.programs.runs.filters import natural
from analysis.reports import pictures
from analysis.reports.pictures import Picture
from analysis.reports.texts import Table, blocks
from landscape import runs

CLAIMS, RESULT = "claims.txt", "result.json"
VERDICT = "verdict"
"""The header of the column of verdicts."""
VERDICTS = {
    "holds": ("holds", "hold"),
    "DOES NOT HOLD": ("fails", "do not hold"),
    "not decided": ("open", "not decided"),
    "reported": ("reported", "reported"),
}
"""Verdict -> its class in the style sheet, and what is said of several."""


class Study(NamedTuple):
    """The results of a study.

    Attributes:
      name: of its folder.
      folder: where it is.
      settings: name -> value in words, of those that were given.
      quick: whether it was only tried, so that its verdicts mean nothing.
      blocks: the text of its files; of the tables one may have verdicts.
      pictures: its figures.
      problems: what is missing or damaged, in sentences.
    """

    name: str
    folder: Path
    settings: dict[str, str]
    quick: bool
    blocks: list[str | Table]
    pictures: list[Picture]
    problems: list[str]


def find(roots: Iterable[Path]) -> list[Path]:
    """The folders at or below the roots that hold the results of a study, each once."""
    found: dict[Path, Path] = {}
    for root in roots:
        for folder, names in sorted(runs.files_below(root)):
            written = folder == root and RESULT in names and "claims" in _result(folder)
            if CLAIMS in names or written:
                found.setdefault(folder.resolve(), folder)
    return list(found.values())


def read(folder: Path) -> Study:
    """The results in a folder; whatever is wrong with them is a problem."""
    name = folder.resolve().name
    problems: list[str] = []
    text: list[str | Table] = []
    for path in sorted(folder.glob("*.txt"), key=lambda p: (p.name != CLAIMS, p.name)):
        try:
            found = blocks(path.read_text())
            # Tables that have a file of their own are in claims.txt, too.
            text += [block for block in found if block not in text]
        except (OSError, ValueError) as error:
            problems.append(f"{name}/{path.name} cannot be read ({error}).")
    if not any(map(has_verdicts, text)):
        problems.append(
            f"{name}/{CLAIMS} has no table of verdicts: the study writes it again."
        )
    result = _result(folder)
    if not result:
        problems.append(
            f"{name}/{RESULT} is missing or damaged: the study writes it again."
        )
    figures = []
    for path in _figures(folder):
        caption = path.stem.replace("-", " ").replace("_", " ")
        caption = caption[:1].upper() + caption[1:]
        try:
            figures.append(pictures.read(path, f"{name}: {caption}", caption))
        except (OSError, ValueError, SyntaxError) as error:
            problems.append(f"{name}/{path.name} cannot be read ({error}).")
    if not figures:
        problems.append(f"{name} has no figure: the study draws them again.")
    quick = result.get("quick") is True
    return Study(name, folder, _settings(result), quick, text, figures, problems)


def verdicts(study: Study) -> dict[str, int]:
    """Verdict -> how many claims have it."""
    found = [
        row[table.header.index(VERDICT)]
        for table in study.blocks
        if has_verdicts(table)
        for row in table.rows
    ]
    return {verdict: found.count(verdict) for verdict in VERDICTS if verdict in found}


def has_verdicts(block: str | Table) -> bool:
    """Whether a block is the table of the claims."""
    return isinstance(block, Table) and VERDICT in block.header


def split(study: Study) -> tuple[list[str | Table], list[str | Table]]:
    """The table of the claims with the words below it, and the other blocks."""
    place = next((i for i, b in enumerate(study.blocks) if has_verdicts(b)), -1)
    end = place + 1
    while end < len(study.blocks) and isinstance(study.blocks[end], str):
        end += 1
    return study.blocks[:end], study.blocks[end:]


def _figures(folder: Path) -> list[Path]:
    """The figures of a study, each in the first of the formats that a page can hold."""
    found: dict[str, Path] = {}
    for kind in pictures.SUFFIXES:
        for path in folder.glob(f"*{kind}"):
            found.setdefault(path.stem, path)
    return sorted(found.values(), key=lambda path: natural(path.name))


def _result(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / RESULT).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _settings(result: dict[str, Any]) -> dict[str, str]:
    """The flags of a study that were given: what comes before its claims."""
    found = {}
    for name, value in result.items():
        if name == "claims":
            break
        simple = isinstance(value, str | int | float) and not isinstance(value, bool)
        if simple and name not in ("workdir", "data_dir"):
            found[name.replace("_", " ")] = str(value)
    return found
