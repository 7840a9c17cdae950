"""A run folder: what a training leaves behind, read back in one call.

    run = landscape.runs.load("runs/pruned")        # or runs/pruned@2000, @init

The folder holds config.json, sources.json, metrics.jsonl, timings.jsonl, checkpoints/,
summary.json and layers.txt once it is finished, figures/ and analysis/. It is where
`train` and `analysis` meet. A program parses RUN@STEP once, into a `Ref`; everything
below takes that.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from landscape import buckets, checkpoint_tables, config, sources
from landscape.aliases import Masks
from landscape.data import Dataset
from landscape.data import load as load_data
from landscape.errors import InputError
from landscape.files import read_json, read_lines
from landscape.folders import folder_of
from landscape.one_line import one_line
from landscape.refs import Ref, parse
from landscape.tables import counted

# What only reads JSON does without JAX.
if TYPE_CHECKING:
    import flax.linen as nn

    from landscape import recipe
    from landscape.objective import Objective
    from landscape.state import TrainState

CONFIG, METRICS, TIMINGS = "config.json", "metrics.jsonl", "timings.jsonl"
SUMMARY, LAYERS = "summary.json", "layers.txt"
CHECKPOINTS, FIGURES = "checkpoints", "figures"
EXPORTED = ".zip"
# Of what summary.json holds, what is printed of a finished run.
_SUMMARISED = (
    "method", "sparsity", "num_nonzero", "train_loss", "test_accuracy", "seed"
)  # fmt: skip


FREE = frozenset(
    "workdir data_dir num_devices workers remat log_every eval_every save_every"
    " keep_every tensorboard profile".split()
)
"""Settings that may be others when a run resumes: placement, logging and keeping."""

# Settings that came later and are in the fingerprints all the same.
_IN_ALL = frozenset({"init_zeros"})


class Run(NamedTuple):
    """A run, loaded.

    Attributes:
      config: its settings.
      model: the Flax Linen module.
      objective: the loss that was trained, its data and L2 terms apart
        (`landscape.objective.Objective`).
      state: the `TrainState` of the step asked for, NumPy arrays.
      masks: those of the state, True = kept.
      data: the data set, normalised as in training; None if it was not asked for.
    """

    config: config.RunConfig
    model: nn.Module
    objective: Objective
    state: TrainState
    masks: Masks
    data: Dataset | None

    def __repr__(self) -> str:
        """Name, method, network, data, step and sparsity, in one line."""
        # Here, as settings are read without JAX.
        from landscape import trees
        from landscape.sparsity import masks

        settings, params = self.config, self.state.params
        removed = 100 * masks.sparsity(self.masks, params, self.objective.rules)
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
      data: the data set; None if it was not asked for.
      shapes: the `TrainState` as `jax.ShapeDtypeStruct`s.
    """

    config: config.RunConfig
    components: recipe.Components
    data: Dataset | None
    shapes: TrainState

    __repr__ = one_line


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


def describe(
    folder: Path, *, data: bool = True, data_dir: str | None = None
) -> Description:
    """Settings, functions, data and the shapes of the state; touches no device.

    Args:
      folder: the run's.
      data, data_dir: as in `load`.

    Raises:
      InputError: the folder is not a run's, or its data set is not there or another.
    """
    from landscape import recipe
    from landscape.initial_state import abstract_state

    settings = read_config(folder)
    if data_dir is not None:
        settings = dataclasses.replace(settings, data_dir=data_dir)
    sources.tell_changed_code(folder, settings)
    known = sources.read(folder).get("data")
    dataset = None
    # A run of before does not tell the shapes of its data.
    if data or known is None:
        dataset = load_data(settings)
        sources.check_data(folder, dataset)
        known = sources.describe_data(dataset)
    shape = tuple(known["input_shape"])
    components = recipe.make(settings, shape, known["num_classes"])
    shapes = abstract_state(components, shape)
    return Description(settings, components, dataset if data else None, shapes)


def step_of(ref: Ref, settings: config.RunConfig | None = None) -> int:
    """The step that a `Ref` means; touches no device.

    `settings` are the run's, if they have been read already.

    Raises:
      InputError: the run is missing or, without a step, not finished; or the step was
        not kept, or has been deleted.
    """
    folder, step = ref
    settings = settings or read_config(folder)
    kept = checkpoint_tables.steps(folder / CHECKPOINTS)
    if step is None and read_summary(folder) is None:
        raise InputError(
            f"{folder} is not finished: repeat its training command, or name one of"
            f" the steps it has reached, as {folder}@{max(kept, default=0)}."
        )
    there = ", ".join(map(str, kept)) or "none"
    if step is None and settings.steps not in kept:
        raise InputError(
            f"the checkpoint of the last step of {folder}, {settings.steps}, has been"
            f" deleted; those there: {there}."
        )
    step = settings.steps if step is None else step
    if step not in kept:
        raise InputError(f"step {step} of {folder} was not kept; those kept: {there}.")
    return step


def fingerprint(ref: Ref) -> str:
    """A hash of a run's settings, but for `FREE` ones, and of a checkpoint's digest.

    A copy of the run has the same, wherever it and its sources are; one with other
    settings, another step, or a byte of difference in a leaf or a file of the
    checkpoint has another.

    Raises:
      InputError: as in `step_of`.
    """
    settings = read_config(ref.folder)
    digest = checkpoint_tables.digest(ref.folder / CHECKPOINTS, step_of(ref, settings))
    fields = config.to_dict(settings) | dict.fromkeys(FREE | {"mask_from"})
    # What they give is part of the state, as the masks are.
    fields |= dict.fromkeys(fields.keys() & {"source", "parent"})
    # A setting that came later leaves the fingerprints of before as they were.
    later = {k: v for k, v in config.ADDED.items() if k not in _IN_ALL}
    fields = {
        k: v
        for k, v in fields.items()
        if k not in later or (k not in FREE and v != later[k])
    }
    text = json.dumps([fields, digest], sort_keys=True).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def load(name: str | Ref, *, data: bool = True, data_dir: str | None = None) -> Run:
    """Loads `RUN` (its last state), `RUN@STEP` or `RUN@init`, or a `Ref`.

    Also FILE.zip, the sparse export of a run, without the state of its optimizer.

    Args:
      name: of the run.
      data: whether its data set is loaded as well.
      data_dir: where that is now; default: where the run had it.

    Raises:
      InputError: no such run, not finished (name a step to load one that is not), no
        such step, or a data set that is not there or another.
      checkpoint.CheckpointError: no sound checkpoint.
    """
    with buckets.names_shown():
        ref = parse(name)
        if isinstance(name, str) and buckets.copy_of(name):
            # In a notebook the same name means the run as it is now.
            buckets.fetch(ref.folder)
        return _load(ref, data, data_dir)


def _load(ref: Ref, data: bool, data_dir: str | None) -> Run:
    from landscape import checkpoint

    if ref.folder.suffix == EXPORTED and ref.folder.is_file():
        from landscape import export

        return export.read_run(ref.folder, data=data, data_dir=data_dir)
    settings = read_config(ref.folder)
    # What can be refused is, before the data set is read.
    step = step_of(ref, settings)
    found = describe(ref.folder, data=data, data_dir=data_dir)
    state, _ = checkpoint.restore(ref.folder / CHECKPOINTS, found.shapes, step)
    model, objective = found.components.model, found.components.objective
    return Run(found.config, model, objective, state, state.masks, found.data)


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
    """Why a run ended before its last step, if it said so and has not gone on since."""
    lines = read_lines(folder / TIMINGS)
    return lines[-1].get("ended") if lines else None
