"""What differs between two processes, in words."""

import textwrap
from collections.abc import Mapping
from typing import Any

MOST = 3
"""Differences that a sentence names."""
CHECKSUM = "_crc32"
"""Ends the names of checksums."""


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """The values that differ, by their names; "" where none does.

    >>> differences({"steps": 9, "train": {"examples": 4}},
    ...             {"steps": 8, "train": {"examples": 5}})
    'steps 9 instead of 8, train examples 4 instead of 5'
    >>> differences({"a.py": 1}, {"a.py": 1, "b.py": 2})
    'b.py missing instead of 2'
    >>> differences({"train": {"labels_crc32": 1}}, {"train": {"labels_crc32": 2}})
    'other train labels'
    """
    one, other = _flat(theirs), _flat(ours)
    odd = [n for n in sorted(one | other) if one.get(n, _NONE) != other.get(n, _NONE)]
    told = [_told(name, one, other) for name in odd[:MOST]]
    more = [f"{len(odd) - MOST} more"] if odd[MOST:] else []
    return ", ".join(told + more)


class _Missing:
    def __str__(self) -> str:
        return "missing"


_NONE = _Missing()


def _told(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    if name.endswith(CHECKSUM) and {name} <= one.keys() & other.keys():
        # The number says nothing to a reader.
        return f"other {name.removesuffix(CHECKSUM)}"
    values = (_short(values.get(name, _NONE)) for values in (one, other))
    return f"{name} {' instead of '.join(values)}"


def _short(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = " ".join(map(str, value))
    return textwrap.shorten(str(value), 60, placeholder="...")


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name} ")
        else:
            found[f"{before}{name}"] = value
    return found
