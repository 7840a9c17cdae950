"""Analyses below RUN/analysis/: their figures, and what their programs print."""

import importlib
from pathlib import Path
from typing import Any, NamedTuple

from analysis.programs import results
from analysis.programs.text import short_names
from analysis.reports import pictures
from analysis.reports.pictures import Picture
from analysis.reports.texts import Table, blocks
from landscape.disk import locks
from landscape.disk.files import read_json
from landscape.errors import InputError

PROGRAMS = {
    "path": "Path",
    "paths": "Paths",
    "surface": "Surface",
    "spectrum": "Spectrum",
    "saliency": "Saliency",
    "units": "Units",
    "sparsity": "Sparsity",
}
"""Programs whose results a page shows -> how it calls one."""


class Analysis(NamedTuple):
    """A result.

    Attributes:
      program: its name.
      title: what it is, and of which runs.
      folder: where it is.
      blocks: what the program prints of it; empty if that cannot be read.
      picture: its figure; None if that cannot be read.
      problems: what is missing or damaged, in sentences.
      unfinished: that it is running or was interrupted, in a sentence; or "".
    """

    program: str
    title: str
    folder: Path
    blocks: list[str | Table]
    picture: Picture | None
    problems: list[str]
    unfinished: str = ""


def find(run: Path) -> list[Path]:
    """The folders below RUN/analysis/, in the order of their names."""
    home = run / "analysis"
    return sorted(path for path in home.glob("*") if path.is_dir())


def is_of_a_program(folder: Path) -> bool:
    """Whether a result is of one of `PROGRAMS`, as its name says."""
    return folder.name.partition("-")[0] in PROGRAMS


def read(folder: Path, run: str) -> Analysis:
    """A result as a page shows it; whatever is wrong with it is a problem.

    Args:
      folder: of the result.
      run: what the page calls the run that it is below.
    """
    program = folder.name.partition("-")[0]
    place = f"{run}/analysis/{folder.name}"
    title = f"{PROGRAMS[program]}: {run}"
    if not (folder / results.RESULT).exists():
        if why := _unfinished(folder):
            return Analysis(program, title, folder, [], None, [], f"{place} {why}.")
        why = f"has no {results.RESULT}: the command that made it computes it again"
        return Analysis(program, title, folder, [], None, [f"{place} {why}."])
    problems, text, picture = [], [], None
    try:
        result = read_json(folder / results.RESULT, "the same command computes it")
        between = " to " if program == "path" else ", "
        title = f"{PROGRAMS[program]}: {between.join(_names(result, run))}"
        text = blocks(_describe(program, result))
    except InputError as error:
        problems.append(str(error))
    except Exception as error:  # of a result that another version of its program wrote
        problems.append(
            f"{place}/{results.RESULT} cannot be put into words ({_kind(error)})."
        )
    alt = " ".join(block for block in text[:3] if isinstance(block, str))
    kinds = [Path(results.FIGURE).with_suffix(kind) for kind in pictures.SUFFIXES]
    figure = next((each for each in kinds if (folder / each).exists()), kinds[0])
    try:
        picture = pictures.read(folder / figure, alt or title)
    except FileNotFoundError:
        problems.append(f"{place} has no {figure}: the same command draws it.")
    except (OSError, ValueError, SyntaxError) as error:
        problems.append(
            f"{place}/{figure} is damaged ({_kind(error)}): remove it, and the same"
            " command draws it."
        )
    return Analysis(program, title, folder, text, picture, problems)


def _unfinished(folder: Path) -> str:
    """Why there is no result yet; "" if nothing says that there will be one."""
    command = results.command_of(folder)
    if locks.is_held(folder):
        return f"is being computed{f' by {command}' if command else ''}"
    if command or (folder / results.PARTIAL).exists():
        resuming = command or "the command that began it"
        return f"is not finished: {resuming} resumes it"
    return ""


def _describe(program: str, result: dict[str, Any]) -> str:
    """What a program prints of its result."""
    if program == "paths":
        from analysis import path

        return path.several(result)
    module = importlib.import_module(f"analysis.{program}")
    return module.describe(result)


def _names(result: dict[str, Any], run: str) -> list[str]:
    """The runs of a result; the first is the one that it is found below, `run`."""
    pairs = result.get("paths") or [result]
    named = [
        name
        for each in pairs
        for key in ("runs", "run", "others", "run_a", "run_b")
        for name in _listed(each.get(key))
    ]
    if not named:
        return [run]
    first, *others = short_names(list(dict.fromkeys(named)))
    _, at, step = first.rpartition("@")
    return [f"{run}@{step}" if at else run, *others]


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [name for name in values if isinstance(name, str)]


def _kind(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
