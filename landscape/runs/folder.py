"""What files a run folder has, its settings, and the runs below a folder."""

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from landscape import config
from landscape.disk.files import read_json
from landscape.disk.folders import folder_of
from landscape.errors import InputError
from landscape.tables import counted

CONFIG, METRICS, TIMINGS = "config.json", "metrics.jsonl", "timings.jsonl"
SUMMARY, LAYERS = "summary.json", "layers.txt"
CHECKPOINTS, FIGURES = "checkpoints", "figures"
EXPORTED = ".zip"


def read_config(folder: Path) -> config.RunConfig:
    """The settings of a run.

    Raises:
      InputError: the folder is not a run's, or of another version of this code.
    """
    path = folder / CONFIG
    if not path.exists():
        raise InputError(f"{folder} is not a run folder{_instead(folder)}.")
    found = read_json(path, "bring it back from a copy of the run")
    try:
        return config.from_dict(found)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _instead(folder: Path) -> str:
    """What is there instead of a run folder, or near it."""
    if folder.is_file():
        return ", but a file"
    inside = [path.parent.name for path in folder.glob(f"*/{CONFIG}")]
    # level-9 comes before level-10.
    inside.sort(
        key=lambda name: [
            int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)
        ]
    )
    if inside:
        names = ", ".join(inside[:5])
        more = f" and {len(inside) - 5} more" if len(inside) > 5 else ""
        # Of levels the last is the sparse network.
        last = folder / inside[-1]
        hint = (
            f"; perhaps you meant {str(last)!r}"
            if last.name.startswith("level-")
            else ""
        )
        return f", but holds {counted(len(inside), 'run')}: {names}{more}{hint}"
    beside = [path.parent.name for path in folder.parent.glob(f"*/{CONFIG}")]
    near = difflib.get_close_matches(folder.name, beside, n=1)
    hint = f"; perhaps you meant {str(folder.with_name(near[0]))!r}" if near else ""
    return f": no {CONFIG} in it{hint}"


def find(root: Path) -> list[Path]:
    """All run folders at or below `root`, in the order of their names."""
    found = files_below(folder_of(root))
    return sorted(folder for folder, names in found if CONFIG in names)


def files_below(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder at or below `root`, with the names of its files.

    Not those inside the checkpoints of runs: there are hundreds of files in each.
    """
    for folder, inside, names in os.walk(root):
        if CONFIG in names and CHECKPOINTS in inside:
            inside.remove(CHECKPOINTS)
        yield Path(folder), names
