"""Where an analysis leaves what it found: result.json, arrays.npz and figure.png."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from landscape import figures, runs

RESULT = "result.json"


def folder(program: str, run_a: str, run_b: str, settings: dict[str, Any]) -> Path:
    """`RUN_A/analysis/<program>-<settings>-<RUN_B>-<short hash>`.

    The hash is of all settings, so that no two analyses share a folder.
    """
    text = json.dumps(settings, sort_keys=True)
    short = hashlib.sha256(text.encode()).hexdigest()[:8]
    words = [settings["kind"]]
    if settings["kind"] != "line":
        words.append(settings["subspace"])
    place, step = runs.parse(run_a)
    other, other_step = runs.parse(run_b)
    name = [program, *words]
    name += [f"from{step}"] if step is not None else []
    name += [other.name + (f"@{other_step}" if other_step is not None else ""), short]
    return place / "analysis" / "-".join(name)


def read(folder: Path) -> dict[str, Any] | None:
    """The result that lies there; None if there is none."""
    path = folder / RESULT
    return json.loads(path.read_text()) if path.exists() else None


def write(
    folder: Path, result: dict[str, Any], arrays: dict[str, np.ndarray], figure: Any
) -> None:
    """Writes all three files; result.json last, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "arrays.npz", **arrays)
    figures.save(figure, folder / "figure.png")
    partial = folder / f"{RESULT}.part"
    partial.write_text(json.dumps(result, indent=2) + "\n")
    os.replace(partial, folder / RESULT)
