"""A run folder: what a training leaves behind, read back in one call.

    run = landscape.runs.load("runs/pruned")        # or runs/pruned@2000, @init

The folder holds config.json, metrics.jsonl, timings.jsonl, checkpoints/, summary.json
and layers.txt once it is finished, figures/ and analysis/. It is where `train` and
`analysis` meet. A program parses RUN@STEP once, into a `Ref`; everything below takes
that.
"""

import difflib
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn

from landscape import checkpoint, config, data, recipe
from landscape.aliases import Masks
from landscape.data import Dataset
from landscape.errors import InputError
from landscape.initial_state import abstract_state
from landscape.objective import Objective
from landscape.one_line import one_line
from landscape.state import TrainState

CONFIG, METRICS, TIMINGS = "config.json", "metrics.jsonl", "timings.jsonl"
SUMMARY, LAYERS = "summary.json", "layers.txt"
CHECKPOINTS, FIGURES = "checkpoints", "figures"


class Ref(NamedTuple):
    """A state of a run: its folder and its step; step None is the last one.

    >>> str(Ref(Path("runs/pruned"), 0)), str(Ref(Path("runs/pruned")))
    ('runs/pruned@0', 'runs/pruned')
    """

    folder: Path
    step: int | None = None

    def __str__(self) -> str:
        return str(self.folder) + ("" if self.step is None else f"@{self.step}")


class Run(NamedTuple):
    """A run, loaded.

    Attributes:
      config: its settings.
      model: the Flax Linen module.
      objective: the loss that was trained, its data and L2 terms apart
        (`landscape.objective.Objective`).
      state: the `TrainState` of the step asked for, NumPy arrays.
      masks: those of the state, True = kept.
      data: the data set, normalised as in training.
    """

    config: config.RunConfig
    model: nn.Module
    objective: Objective
    state: TrainState
    masks: Masks
    data: Dataset

    def __repr__(self) -> str:
        """Name, method, network, data, step and sparsity, in one line."""
        # Here, as settings are read without JAX.
        from landscape import trees
        from landscape.sparsity import masks

        settings, params = self.config, self.state.params
        removed = 100 * masks.sparsity(self.masks, params)
        return (
            f"Run({settings.workdir}, step {int(self.state.step)}: {settings.method},"
            f" {settings.model} on {settings.dataset}, {trees.size(params):,}"
            f" parameters, sparsity {removed:.2f} %)"
        )


class Description(NamedTuple):
    """What a run is, without its state.

    Attributes:
      config: its settings.
      components: the functions they stand for.
      data: the data set.
      shapes: the `TrainState` as `jax.ShapeDtypeStruct`s.
    """

    config: config.RunConfig
    components: recipe.Components
    data: Dataset
    shapes: TrainState

    __repr__ = one_line


def parse(name: str | Ref) -> Ref:
    """`RUN`, `RUN@STEP` or `RUN@init` (step 0) as a `Ref`; a `Ref` is returned as is.

    A folder whose whole name is `RUN@STEP` is that run.

    >>> parse("runs/pruned@init")
    Ref(folder=PosixPath('runs/pruned'), step=0)
    >>> parse("runs/pruned").step is None
    True

    Raises:
      InputError: what follows the @ is neither a number nor init.
    """
    if isinstance(name, Ref):
        return name
    folder, at, step = str(name).rpartition("@")
    if not at or "/" in step or Path(name).is_dir():
        return Ref(Path(name))
    if step == "init":
        return Ref(Path(folder), 0)
    if not step.isdecimal():
        raise InputError(f"{name!r}: the step after @ must be a number or init.")
    return Ref(Path(folder), int(step))


def read_config(folder: Path) -> config.RunConfig:
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


def describe(folder: Path, settings: config.RunConfig | None = None) -> Description:
    """Settings, functions, data and the shapes of the state; touches no device.

    `settings` are the run's, if they have been read already.

    Raises:
      InputError: the folder is not a run's, or its data set is not there.
    """
    settings = settings or read_config(folder)
    dataset = data.load(settings)
    components = recipe.make(settings, dataset.input_shape, dataset.num_classes)
    shapes = abstract_state(components, dataset.input_shape)
    return Description(settings, components, dataset, shapes)


def step_of(ref: Ref, settings: config.RunConfig | None = None) -> int:
    """The step that a `Ref` means; touches no device.

    `settings` are the run's, if they have been read already.

    Raises:
      InputError: the run is missing or, without a step, not finished; or the step was
        not kept.
    """
    folder, step = ref
    settings = settings or read_config(folder)
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


def fingerprint(ref: Ref) -> str:
    """A hash of a run's settings, but for its folder, and of a checkpoint's digest.

    A copy of the run has the same; one with other settings, another step, or a byte of
    difference in a leaf or a file of the checkpoint has another.

    Raises:
      InputError: as in `step_of`.
    """
    settings = read_config(ref.folder)
    digest = checkpoint.digest(ref.folder / CHECKPOINTS, step_of(ref, settings))
    fields = config.to_dict(settings) | {"workdir": None}
    text = json.dumps([fields, digest], sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def load(name: str | Ref) -> Run:
    """Loads `RUN` (its last state), `RUN@STEP` or `RUN@init`, or a `Ref`.

    Raises:
      InputError: no such run, not finished (name a step to load one that is not), no
        such step, or a data set that is not there.
      checkpoint.CheckpointError: no sound checkpoint.
    """
    ref = parse(name)
    settings = read_config(ref.folder)
    # What can be refused is, before the data set is read.
    step = step_of(ref, settings)
    found = describe(ref.folder, settings)
    state, _ = checkpoint.restore(ref.folder / CHECKPOINTS, found.shapes, step)
    model, objective = found.components.model, found.components.objective
    return Run(settings, model, objective, state, state.masks, found.data)


def find(root: Path) -> list[Path]:
    """All run folders at or below `root`, in the order of their names."""
    return sorted(path.parent for path in Path(root).rglob(CONFIG))


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a finished run; None if it is not finished."""
    path = folder / SUMMARY
    return json.loads(path.read_text()) if path.exists() else None


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl, but for a last line that a kill cut short."""
    return read_lines(folder / METRICS)


def read_end(folder: Path) -> str | None:
    """Why a run ended before its last step, if it said so and has not gone on since."""
    lines = read_lines(folder / TIMINGS)
    return lines[-1].get("ended") if lines else None


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a .jsonl file; none if there is no such file."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]
