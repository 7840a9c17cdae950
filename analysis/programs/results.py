"""The files of an analysis: result.json, arrays.npz and figure.png.

Until it is finished, partial.npz holds what an interrupted analysis continues from.
"""

import hashlib
import json
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from landscape import figures, runs
from landscape.files import write_atomically
from landscape.folders import LONGEST_NAME, shortened

FILES = RESULT, ARRAYS, FIGURE = "result.json", "arrays.npz", "figure.png"
PARTIAL = "partial.npz"


def folder(
    program: str,
    words: Sequence[str],
    refs: Sequence[runs.Ref],
    settings: dict[str, Any],
) -> Path:
    """`RUN_A/analysis/<program>-<words>-<other runs>-<short hash>`.

    Args:
      program: its name.
      words: the settings that tell its results apart at a glance.
      refs: the runs; the first is RUN_A.
      settings: all of them; the hash is of these, without data_dir, and of the runs'
        states, so that no two analyses share a folder.

    Raises:
      InputError: a run or a step is not there.
    """
    # The names in the settings may mean other runs tomorrow, or in another folder.
    states = [runs.fingerprint(ref) for ref in refs]
    # Data may move: which they are is in the states.
    settings = {k: v for k, v in settings.items() if k != "data_dir"}
    text = json.dumps(settings | {"states": states}, sort_keys=True)
    short = hashlib.sha256(text.encode()).hexdigest()[:8]
    first, *others = refs
    name = [program, *words]
    if first.step is not None:
        name.append(f"from{first.step}")
    for folder, step in others:
        name.append(folder.name if step is None else f"{folder.name}@{step}")
    # Names of runs may be as long as one of this folder.
    words = shortened("-".join(name), LONGEST_NAME - len(f"-{short}"))
    return first.folder / "analysis" / f"{words}-{short}"


def read(folder: Path) -> dict[str, Any] | None:
    """The result in a folder; None if there is none, or none that can be read."""
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text())
    except ValueError:
        return _damaged(path, None)


def write(
    folder: Path, result: dict[str, Any], arrays: dict[str, np.ndarray], figure: Any
) -> None:
    """Writes all three files; result.json last, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / ARRAYS, **arrays)
    figures.save(figure, folder / FIGURE)
    write_result(folder, result)
    (folder / PARTIAL).unlink(missing_ok=True)


def write_result(folder: Path, result: dict[str, Any]) -> None:
    """Writes result.json, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / RESULT, json.dumps(result, indent=2) + "\n")


def keep(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Replaces the partial result of an analysis; a kill leaves the old one."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / PARTIAL, lambda file: np.savez(file, **arrays))


def kept(folder: Path) -> dict[str, np.ndarray]:
    """The partial result in a folder; empty if there is none that can be read."""
    path = folder / PARTIAL
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return dict(arrays)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile):
        return _damaged(path, {})


def _damaged(path: Path, instead: Any) -> Any:
    print(f"{path} is damaged: it is computed again.", file=sys.stderr)
    return instead
