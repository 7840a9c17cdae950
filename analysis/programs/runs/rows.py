"""Run folders as rows of a table: what each is, how far, how good; without JAX."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from landscape import config, runs
from landscape.buckets import shown
from landscape.disk import checkpoint_tables
from landscape.disk.folders import folder_of
from landscape.errors import InputError
from landscape.runs import sources
from landscape.tables import counted

SIZES = ("num_params", "sparsity", "sparsity_total", "num_nonzero")
MEASURES = (
    *SIZES, "train_loss", "train_objective", "test_loss", "test_accuracy", "seconds"
)  # fmt: skip
"""Numbers of a summary.json, which may differ between seeds."""

ESSENTIAL = (
    "dataset", "model", "method", "steps", "batch_size", "learning_rate", "schedule",
    "optimizer", "momentum", "weight_decay", "sparsity_target", "distribution",
)  # fmt: skip
"""Settings that say what runs are, whatever they are."""
DEFAULTS = {
    field.name: field.default
    for kind in (config.UnitsRun, config.SparseRun)
    for field in dataclasses.fields(kind)
    if field.default is not dataclasses.MISSING
}
"""Settings -> their defaults, of those that have one."""

_SOURCES = {"mask_from": "masks", "source": "network", "parent": "parent network"}
"""Settings that name another run, and what sources.json calls it."""
_OF_A_SEED = runs.FREE | {"seed", "order_seed", "log_every", "eval_every"}
# Of a network made smaller: what removal left, which differs by seed.
_LEFT_BY_REMOVAL = frozenset({"widths", "masked"})
_NEVER_PICKED = _OF_A_SEED | {"masked"} | _SOURCES.keys()


class Row(NamedTuple):
    """A run folder.

    Attributes:
      folder: the run's.
      values: name of a column -> its value: `run`, `state`, every setting (of
        `sparsity` as `sparsity_target`) and what summary.json has; what the run does
        not have is not there.
      settings: the names of the settings among them, in their order.
      recipe: what runs that differ by seeds alone share.
      finished: whether it has a summary.
    """

    folder: Path
    values: dict[str, Any]
    settings: tuple[str, ...]
    recipe: str
    finished: bool


def rows(folders: Sequence[Path]) -> list[Row]:
    """One row a run folder; what cannot be read says so in its `state`."""
    known: dict[Path, str] = {}
    return [_row(folder, known) for folder in folders]


def find(roots: Iterable[str | Path]) -> list[Path]:
    """The run folders at or below the roots, each once.

    Raises:
      InputError: a root is not a folder.
    """
    found: dict[Path, Path] = {}
    for root in roots:
        root = folder_of(root)
        if not root.is_dir():
            raise InputError(f"{root} is not a folder.")
        for folder in runs.find(root):
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def differing(found: Sequence[Row]) -> list[str]:
    """The settings that differ between runs which have them; not seeds and places."""
    names = dict.fromkeys(name for row in found for name in row.settings)
    return [
        name
        for name in names
        if name not in _NEVER_PICKED and len(_texts(found, name)) > 1
    ]


def common(found: Sequence[Row]) -> dict[str, Any]:
    """The settings, with their values, that are the same in all runs."""
    read = [row for row in found if row.settings]
    names = read[0].settings if read else ()
    return {
        name: read[0].values[name]
        for name in names
        if name not in _NEVER_PICKED
        and all(name in row.settings for row in read)
        and len(_texts(read, name)) == 1
    }


def _texts(found: Sequence[Row], name: str) -> set[str]:
    return {json.dumps(row.values[name]) for row in found if name in row.settings}


def _row(folder: Path, known: dict[Path, str]) -> Row:
    # A name may have bytes that are no text.
    values: dict[str, Any] = {
        "run": shown(str(folder)).encode(errors="replace").decode()
    }
    try:
        settings = runs.read_config(folder)
        summary = runs.read_summary(folder)
        ended = runs.read_end(folder)
    except (InputError, ValueError) as error:
        values["state"] = f"unreadable: {error}"
        return Row(folder, values, (), str(folder.resolve()), False)
    given = config.to_dict(settings)
    del given["format_version"]
    if "sparsity" in given:
        given["sparsity_target"] = given.pop("sparsity")
    numbers = {k: v for k, v in (summary or {}).items() if k != "versions"}
    values |= given | numbers | {"state": _state(folder, settings, summary, ended)}
    recipe = _recipe(folder, known)
    return Row(folder, values, tuple(given), recipe, summary is not None)


def _state(
    folder: Path,
    settings: config.RunConfig,
    summary: dict[str, Any] | None,
    ended: str | None,
) -> str:
    if summary:
        return f"finished, {counted(settings.steps, 'step')}"
    if ended:
        return f"diverged: {ended}"
    if kept := checkpoint_tables.steps(folder / runs.CHECKPOINTS):
        return f"saved at step {max(kept)} of {settings.steps}"
    return "started, nothing saved"


def _recipe(folder: Path, known: dict[Path, str]) -> str:
    """The settings except seeds and places; a run that they name by its own recipe."""
    place = folder.resolve()
    if place not in known:
        # What a damaged run names may name it in return.
        known[place] = str(place)
        settings = config.to_dict(runs.read_config(folder))
        hidden = _OF_A_SEED
        hidden |= _LEFT_BY_REMOVAL if settings["method"] == "units" else frozenset()
        fixed = {k: v for k, v in settings.items() if k not in hidden}
        for name, what in _SOURCES.items():
            if fixed.get(name):
                fixed[name] = _recipe_of_source(folder, fixed[name], what, known)
        known[place] = json.dumps(fixed, sort_keys=True)
    return known[place]


def _recipe_of_source(
    folder: Path, name: str, what: str, known: dict[Path, str]
) -> list[Any]:
    """Recipe and step of a run that another one names, wherever both are now."""
    try:
        ref = runs.parse(name)
        entry = sources.read(folder).get(what)
        beside = entry["run"] if isinstance(entry, dict) and "run" in entry else ""
        places = [folder / beside] if beside else []
        for place in (*places, ref.folder, folder.parent / ref.folder.name):
            if (place / runs.CONFIG).is_file():
                return [_recipe(place, known), ref.step]
    except (InputError, ValueError):
        pass
    return [name, None]
