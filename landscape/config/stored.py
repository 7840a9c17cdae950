"""The settings of any run as JSON, the file config.json of its folder."""

import dataclasses
import typing
from typing import Any

from landscape.config.dense import DenseRun
from landscape.config.kinds import kind_of, of_kind
from landscape.config.methods import FAMILIES
from landscape.config.sparse import SparseRun
from landscape.config.units import UnitsRun
from landscape.errors import InputError

FORMAT_VERSION = 1
ADDED = {
    "init_zeros": 0.0,
    "data_args": (),
    "image_size": None,
    "workers": None,
    "precision": "float32",
    "accumulate": 1,
    "remat": False,
    "tensorboard": False,
    "profile": None,
    "model_args": (),
    "method_args": (),
    "initialisation": None,
    "score": "magnitude",
    "score_scale": None,
    "score_examples": None,
    **{f.name: f.default for family in FAMILIES for f in dataclasses.fields(family)},
}
"""Settings that came later, with what they are in a run from before."""
_KINDS = {"dense": DenseRun, "units": UnitsRun}

RunConfig = DenseRun | SparseRun | UnitsRun
"""The settings of one run, as stored in its folder."""


def to_dict(config: RunConfig) -> dict[str, Any]:
    """The JSON form of a run's settings."""
    return {"format_version": FORMAT_VERSION, **dataclasses.asdict(config)}


def from_dict(values: dict[str, Any]) -> RunConfig:
    """The inverse of `to_dict`.

    Raises:
      InputError: the version or a field is not one that this code knows, or a value is
        of another kind.
    """
    values = dict(values)
    version = values.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise InputError(
            f"the run has format version {version}; this code reads {FORMAT_VERSION}."
        )
    kind = _KINDS.get(values.get("method"), SparseRun)
    fields = {f.name for f in dataclasses.fields(kind)}
    values |= {name: v for name, v in ADDED.items() if name in fields - values.keys()}
    if values.keys() != fields:
        odd = ", ".join(sorted(values.keys() ^ fields))
        raise InputError(f"the run's settings do not match this code: {odd}.")
    hints = typing.get_type_hints(kind)
    return kind(
        **{
            f.name: of_kind(f.name, kind_of(hints[f.name]), values[f.name])
            for f in dataclasses.fields(kind)
            if f.init
        }
    )
