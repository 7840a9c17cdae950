"""A run folder: what a training left behind, read back in one call.

    run = landscape.runs.load("runs/pruned")        # or runs/pruned@2000, @init

The folder holds config.json, metrics.jsonl, timings.jsonl, checkpoints/, summary.json
and layers.txt once it is finished, figures/ and analysis/. It is where `train` and
`analysis` meet.
"""

import difflib
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn

from landscape import checkpoint, config, data, recipe
from landscape.data import Dataset
from landscape.errors import InputError
from landscape.initial_state import abstract_state
from landscape.objective import Objective
from landscape.state import TrainState

CONFIG, METRICS, TIMINGS = "config.json", "metrics.jsonl", "timings.jsonl"
SUMMARY, LAYERS = "summary.json", "layers.txt"
CHECKPOINTS, FIGURES = "checkpoints", "figures"


class Run(NamedTuple):
    """A run, loaded.

    Attributes:
      config: its settings.
      model: the Flax Linen module.
      objective: the loss that was trained, its data and L2 terms apart
        (`landscape.objective.Objective`).
      state: the `TrainState` of the step asked for, NumPy arrays.
      masks: those of that step, True = kept.
      data: the data set, normalised as in training.
    """

    config: config.DenseRun | config.SparseRun
    model: nn.Module
    objective: Objective
    state: TrainState
    masks: Any
    data: Dataset


def parse(name: str) -> tuple[Path, int | None]:
    """Splits `RUN@STEP` into folder and step; `@init` is step 0, no step is the last.

    >>> parse("runs/pruned@init")
    (PosixPath('runs/pruned'), 0)
    >>> parse("runs/pruned")
    (PosixPath('runs/pruned'), None)
    """
    folder, at, step = name.rpartition("@")
    if not at or "/" in step:
        return Path(name), None
    if step == "init":
        return Path(folder), 0
    if not step.isdecimal():
        raise InputError(f"{name!r}: the step after @ must be a number or init.")
    return Path(folder), int(step)


def read_config(folder: Path) -> config.DenseRun | config.SparseRun:
    """The settings of a run.

    Raises:
      InputError: the folder is not a run's, or of another version of this code.
    """
    path = folder / CONFIG
    try:
        return config.from_dict(json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        beside = [str(path.parent) for path in folder.parent.glob(f"*/{CONFIG}")]
        near = difflib.get_close_matches(str(folder), beside, n=1)
        hint = f"; perhaps you meant {near[0]!r}?" if near else "."
        raise InputError(
            f"{folder} is not a run folder: no {CONFIG} in it{hint}"
        ) from None
    except InputError as error:
        raise InputError(f"{folder}: {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None


def describe(folder: Path) -> tuple[Any, recipe.Components, Dataset, TrainState]:
    """Settings, functions, data and the shapes of the state; touches no device."""
    settings = read_config(folder)
    dataset = data.load(settings)
    made = recipe.make(settings, dataset.input_shape, dataset.num_classes)
    return settings, made, dataset, abstract_state(made, dataset.input_shape)


def step_of(name: str) -> int:
    """The step that `RUN`, `RUN@STEP` or `RUN@init` means; touches no device.

    Raises:
      InputError: the run is missing or, without a step, not finished; or the step was
        not kept.
    """
    folder, step = parse(name)
    settings = read_config(folder)
    kept = checkpoint.steps(folder / CHECKPOINTS)
    if step is None and read_summary(folder) is None:
        raise InputError(
            f"{folder} is not finished: repeat its training command, or name one of"
            f" the steps it has reached, as {folder}@{max(kept, default=0)}."
        )
    step = settings.steps if step is None else step
    if step not in kept:
        raise InputError(
            f"step {step} of {folder} was not kept; those kept:"
            f" {', '.join(map(str, kept)) or 'none'}."
        )
    return step


def fingerprint(name: str) -> str:
    """What tells a state of a run from any other: of its settings and its checkpoint.

    A run that was trained anew in the same folder has another; a copy has the same.

    Raises:
      InputError: as in `step_of`.
    """
    folder, _ = parse(name)
    step = step_of(name)
    settings = config.to_dict(read_config(folder)) | {"workdir": None}
    digest = checkpoint.digest(folder / CHECKPOINTS, step)
    text = json.dumps([settings, digest], sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def load(name: str) -> Run:
    """Loads `RUN` (its last state), `RUN@STEP` or `RUN@init`.

    Raises:
      InputError: no such run, not finished (name a step to load one that is not), no
        such step, or a data set that is not there.
      checkpoint.CheckpointError: no sound checkpoint.
    """
    folder, _ = parse(name)
    step = step_of(name)
    settings, made, dataset, like = describe(folder)
    state, _ = checkpoint.restore(folder / CHECKPOINTS, like, step)
    return Run(settings, made.model, made.objective, state, state.masks, dataset)


def find(root: Path) -> list[Path]:
    """All run folders at or below `root`, in the order of their names."""
    return sorted(path.parent for path in Path(root).rglob(CONFIG))


def read_summary(folder: Path) -> dict[str, Any] | None:
    """What a finished run came to; None if it is not finished."""
    path = folder / SUMMARY
    return json.loads(path.read_text()) if path.exists() else None


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; a line cut short by a kill is left out."""
    return read_lines(folder / METRICS)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a .jsonl file; none if there is no such file."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]
