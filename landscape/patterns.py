"""Layers named by patterns."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from landscape.errors import InputError, check_choice


def matching(names: Sequence[str], layers: str | Sequence[str] | None) -> set[str]:
    """The leaves that `layers` name: patterns (`fnmatch`) of leaves or what holds them.

    Raises:
      InputError: a pattern names nothing; the nearest name is in the message.

    >>> names = ["Block_0/Conv_0/kernel", "Block_1/Conv_0/kernel", "Dense_0/kernel"]
    >>> sorted(matching(names, ["Block_1", "Dense_*"]))
    ['Block_1/Conv_0/kernel', 'Dense_0/kernel']
    """
    if layers is None:
        return set(names)
    patterns = [layers] if isinstance(layers, str) else layers
    if not isinstance(patterns, Iterable) or not patterns:
        raise InputError(f"layers must be one pattern of names or several: {layers!r}.")
    found = set()
    for pattern in map(str, patterns):
        hits = {
            name
            for name in names
            if any(fnmatchcase(part, pattern) for part in _holders(name))
        }
        if not hits:
            every = {part for name in names for part in _holders(name)}
            check_choice("layer", pattern, every)
        found |= hits
    return found


def _holders(name: str) -> list[str]:
    """The leaf's own name, and those of all that it is in."""
    parts = name.split("/")
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]
