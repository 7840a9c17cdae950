"""Which units of a network are left of the one it came from: `units.json`."""

from typing import Any, NamedTuple

import numpy as np

from landscape.errors import InputError
from landscape.units.removal.plan import Plan
from landscape.units.sites import split

VERSION = 1


class Units(NamedTuple):
    """The units that are left after one or several removals.

    Indices are those of the first network.

    Attributes:
      sizes: by group, its units in the first network.
      layers: by group, the layers that put the units out.
      kept: by group, indices of the units that are left, in order.
      reasons: by group, indices of those that went, by "chosen", "no output" and "no
        input".
      constants: by the layer that read them and by group, the constants that moved, by
        the unit's index.
    """

    sizes: dict[str, int]
    layers: dict[str, tuple[str, ...]]
    kept: dict[str, tuple[int, ...]]
    reasons: dict[str, dict[str, tuple[int, ...]]]
    constants: dict[str, dict[str, dict[int, float]]]


def units_of(plan: Plan) -> Units:
    """What is left after one removal."""
    kept = {g: tuple(np.flatnonzero(~r).tolist()) for g, r in plan.removed.items()}
    constants = {}
    for name, reader in plan.readers.items():
        by_group = {}
        for group, values in split(reader.site, plan.constants[name]).items():
            moved = {int(i): float(values[i]) for i in np.flatnonzero(values)}
            by_group |= {group: moved} if moved else {}
        constants |= {name: by_group} if by_group else {}
    return Units(dict(plan.spec.sizes), plan.layers, kept, plan.reasons, constants)


def compose(first: Units, second: Units) -> Units:
    """What is left after two removals, in the indices of the network before both.

    Raises:
      InputError: the second is not of the network that the first one left.

    >>> def units(of, kept, gone, values):
    ...     moved = {"b": {"a": values}}
    ...     return Units({"a": of}, {"a": ("a",)}, {"a": kept}, {"a": gone}, moved)
    >>> first = units(4, (0, 2, 3), {"chosen": (1,)}, {1: 0.5})
    >>> second = units(3, (0, 2), {"no input": (1,)}, {1: 2.0})
    >>> both = compose(first, second)
    >>> both.kept, both.reasons, both.constants
    ({'a': (0, 3)}, {'a': {'chosen': (1,), 'no input': (2,)}}, \
{'b': {'a': {1: 0.5, 2: 2.0}}})
    """
    left = {group: len(kept) for group, kept in first.kept.items()}
    if left != second.sizes:
        raise InputError(
            f"units of {second.sizes} are not those left by the removal before, {left}."
        )
    names = first.kept
    kept = {g: tuple(names[g][i] for i in ids) for g, ids in second.kept.items()}
    reasons = {g: dict(by_kind) for g, by_kind in first.reasons.items()}
    for group, by_kind in second.reasons.items():
        mine = reasons.setdefault(group, {})
        for kind, ids in by_kind.items():
            new = (names[group][i] for i in ids)
            mine[kind] = tuple(sorted((*mine.get(kind, ()), *new)))
    constants = {n: dict(by_group) for n, by_group in first.constants.items()}
    for layer, by_group in second.constants.items():
        mine = constants.setdefault(layer, {})
        for group, moved in by_group.items():
            new = {names[group][i]: value for i, value in moved.items()}
            mine[group] = mine.get(group, {}) | new
    return Units(first.sizes, first.layers, kept, reasons, constants)


def to_dict(units: Units) -> dict[str, Any]:
    """As JSON has it: one entry a group, one a layer that took constants.

    >>> moved = {"b": {"a": {1: 0.5}}}
    >>> units = Units({"a": 3}, {"a": ("a",)}, {"a": (0, 2)}, {}, moved)
    >>> to_dict(units)["groups"]["a"]
    {'of': 3, 'layers': ['a'], 'kept': [0, 2], 'removed': {}}
    >>> from_dict(to_dict(units)) == units
    True
    """
    groups = {
        group: {
            "of": size,
            "layers": list(units.layers[group]),
            "kept": list(units.kept[group]),
            "removed": {k: list(v) for k, v in units.reasons.get(group, {}).items()},
        }
        for group, size in units.sizes.items()
    }
    constants = {
        layer: {g: {str(i): x for i, x in moved.items()} for g, moved in of.items()}
        for layer, of in units.constants.items()
    }
    return {"format_version": VERSION, "groups": groups, "constants": constants}


def from_dict(values: dict[str, Any]) -> Units:
    """The inverse of `to_dict`, also after a round through JSON.

    Raises:
      InputError: it is of another version.
    """
    if values.get("format_version") != VERSION:
        raise InputError(
            f"units of format version {VERSION} are read, not"
            f" {values.get('format_version')!r}."
        )
    groups, constants = values["groups"], values["constants"]
    return Units(
        {group: it["of"] for group, it in groups.items()},
        {group: tuple(it["layers"]) for group, it in groups.items()},
        {group: tuple(it["kept"]) for group, it in groups.items()},
        {
            group: {kind: tuple(ids) for kind, ids in it["removed"].items()}
            for group, it in groups.items()
            if it["removed"]
        },
        {
            layer: {g: {int(i): x for i, x in moved.items()} for g, moved in of.items()}
            for layer, of in constants.items()
        },
    )
