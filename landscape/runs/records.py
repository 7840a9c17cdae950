"""What a training wrote beside its checkpoints: summary, metrics, and why it ended."""

from pathlib import Path
from typing import Any

from landscape.disk.files import read_json, read_lines
from landscape.errors import InputError
from landscape.runs.folder import METRICS, SUMMARY, TIMINGS

# Of what summary.json holds, what is printed of a finished run.
_SUMMARISED = (
    "method", "sparsity", "num_nonzero", "train_loss", "test_accuracy", "seed"
)  # fmt: skip


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a finished run; None if it is not finished.

    Raises:
      InputError: it is not what a training wrote.
    """
    path = folder / SUMMARY
    if not path.exists():
        return None
    again = "remove it, and the training command of the run writes it again"
    found = read_json(path, again)
    if missing := [name for name in _SUMMARISED if name not in found]:
        raise InputError(f"{path} has no {', '.join(missing)}: {again}.")
    return found


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, by rising step, one a step and split.

    Not those that a kill cut short; of lines that two processes wrote, the first.
    """
    lines: dict[tuple, dict[str, Any]] = {}
    for line in read_lines(folder / METRICS):
        lines.setdefault((line["step"], line.get("split")), line)
    return sorted(lines.values(), key=lambda line: line["step"])


def read_end(folder: Path) -> str | None:
    """Why a run ended early, if it recorded that and has not resumed since."""
    lines = read_lines(folder / TIMINGS)
    return lines[-1].get("ended") if lines else None
