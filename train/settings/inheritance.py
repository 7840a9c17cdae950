"""The settings that --like RUN brings to a training command; imports no JAX."""

import dataclasses
import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

from landscape import runs
from landscape.config import DenseRun, RunConfig, SparseRun, UnitsRun
from landscape.errors import InputError, typed
from landscape.registries.data_names import located
from landscape.registries.methods import check_model, check_remat
from train.settings import levels

PROGRAMS = {
    DenseRun: "train.dense", SparseRun: "train.sparse", UnitsRun: "train.units"
}  # fmt: skip
"""Which program makes runs of which settings."""
ARGUMENTS = {"dataset": "data_args", "model": "model_args", "method": "method_args"}
"""The arguments of code of the user's own, by the setting that names it."""


def like(name: str, kind: type[RunConfig], without: set[str]) -> dict[str, Any]:
    """The settings of a run, by their names, except those of `without`; says which.

    Those of a level of iterative magnitude pruning are the settings of the command that
    ends at that level.

    Args:
      name: RUN; a step behind @ says nothing.
      kind: of settings, that the program makes.
      without: names that are not taken, beside `workdir`.

    Raises:
      InputError: there is no such run, it is of another kind, or small-dense.
    """
    folder = runs.parse(name).folder
    theirs = runs.read_config(folder)
    if type(theirs) is not kind:
        program = f"python -m {PROGRAMS[type(theirs)]}"
        raise InputError(
            f"--like {name}: {theirs.method} runs are made by {program}, not by"
            f" {PROGRAMS[kind]}."
        )
    if theirs.method == "small-dense":
        raise InputError(
            f"--like {name}: its --widths are those of the small network that was made"
            " of --sparsity and a larger one; name a run of that one."
        )
    if theirs.method == "imp":
        theirs = levels.settings_of_command(folder, theirs)
    found = {
        field.name: getattr(theirs, field.name)
        for field in dataclasses.fields(kind)
        if field.name not in without | {"workdir"}
    }
    _say(_sentence(name, kind, found))
    return found


def fitting(found: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a command inherits, without arguments of what it names otherwise.

    Args:
      found: those of another run, by their names.
      said: what the command says.

    >>> fitting({"model": "m:cnn", "model_args": ("depth=3",)}, {"model": "mlp"})
    {'model': 'm:cnn', 'model_args': ()}
    >>> fitting({"model": "mlp", "widths": (9,)}, {"model": "mlp-bn"})["widths"]
    (9,)
    >>> fitting({"model": "mlp", "widths": (9,)}, {"model": "m:cnn"})["widths"]
    ()
    >>> fitting({"model": "resnet8", "remat": True}, {"model": "lenet"})["remat"]
    False
    """
    found = dict(found)
    for setting, args in ARGUMENTS.items():
        if setting in found and said.get(setting, found[setting]) != found[setting]:
            found[args] = ()
            files = [found[setting], said[setting]]
            # The folder of files of arrays is theirs alone.
            if setting == "dataset" and any(located(f, None)[1] for f in files):
                found["data_dir"] = None
            if setting == "model":
                found |= _left_out(found, said[setting])
    return found


def _left_out(found: Mapping[str, Any], model: str) -> dict[str, Any]:
    """What a model cannot have of another one's settings, as by default; says so."""
    default = {"widths": (), "activation": "relu"}
    left: dict[str, Any] = {}
    if not _allows(check_model, model, **default):
        return left
    for name, value in default.items():
        theirs = {**default, name: found.get(name, value)}
        if not _allows(check_model, model, **theirs):
            left[name] = value
            _say(f"{model} does not have {name} {typed(found[name])}: not taken over.")
    if found.get("remat") and not _allows(check_remat, model):
        left["remat"] = False
        _say(f"{model} has no blocks for remat: not taken over.")
    return left


def _allows(check: Callable[..., Any], model: str, **settings: Any) -> bool:
    try:
        check(model, **settings)
    except InputError:
        return False
    return True


@functools.cache
def _say(sentence: str) -> None:
    """Prints a sentence once, whatever number of points a sweep has."""
    print(sentence, file=sys.stderr)


def _sentence(name: str, kind: type[RunConfig], found: dict[str, Any]) -> str:
    usual = {field.name: _default(field) for field in dataclasses.fields(kind)}
    told = [
        f"{key.replace('_', '-')} {typed(value)}"
        for key, value in sorted(found.items())
        if value != usual[key]
    ]
    rest = "all others as by default" if told else "all as by default"
    return f"--like {name} brings {', '.join([*told, rest])}."


def _default(field: dataclasses.Field) -> Any:
    made = field.default_factory is not dataclasses.MISSING
    return field.default_factory() if made else field.default
