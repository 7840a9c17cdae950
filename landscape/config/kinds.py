"""What a field of settings holds, read off its type, and whether a value is that."""

import types
import typing
from typing import Any, NamedTuple

from landscape.errors import InputError

ONE, SEVERAL, PAIRS = "one", "several", "pairs"
_NAMES = {
    bool: ("true or false", "true or false"), int: ("an integer", "integers"),
    float: ("a number", "numbers"), str: ("text", "texts"),
}  # fmt: skip


class Kind(NamedTuple):
    """What a field holds.

    Attributes:
      of: each value: bool, int, float or str.
      takes: ONE value, SEVERAL, or PAIRS of a name and a value.
      optional: whether it may be None.
    """

    of: type
    takes: str = ONE
    optional: bool = False


def kind_of(hint: Any) -> Kind:
    """What the type of a field says.

    >>> kind_of(float | None)
    Kind(of=<class 'float'>, takes='one', optional=True)
    >>> kind_of(tuple[int, ...]).takes, kind_of(dict[str, float]).takes
    ('several', 'pairs')
    """
    optional = False
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        parts = [part for part in typing.get_args(hint) if part is not type(None)]
        optional, hint = len(parts) < len(typing.get_args(hint)), parts[0]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is dict:
        return Kind(parts[1], PAIRS, optional)
    if origin in (tuple, list):
        return Kind(parts[0], SEVERAL, optional)
    return Kind(hint, ONE, optional)


def of_kind(what: str, kind: Kind, value: Any) -> Any:
    """A value that a file holds, as a field holds it: a list becomes a tuple.

    An integer is a number, and stays one.

    Args:
      what: names it in the refusal.
      kind: of the field.
      value: as JSON, TOML or YAML read it.

    Raises:
      InputError: it is of another kind.

    >>> of_kind("widths", Kind(int, SEVERAL), [8, 4])
    (8, 4)
    >>> of_kind("widths", Kind(int, SEVERAL), "8")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: widths must be a list of integers, not '8'.
    """
    one, many = _NAMES[kind.of]
    if value is None and kind.optional:
        return None
    if kind.takes == SEVERAL:
        if not isinstance(value, list | tuple) or not all(
            _is(kind.of, v) for v in value
        ):
            raise InputError(f"{what} must be a list of {many}, not {value!r}.")
        return tuple(value)
    if kind.takes == PAIRS:
        named = isinstance(value, dict) and all(isinstance(k, str) for k in value)
        if not named or not all(_is(kind.of, v) for v in value.values()):
            raise InputError(f"{what} must be names with {many}, not {value!r}.")
        return value
    if not _is(kind.of, value):
        quoted = " (in quotes)" if kind.of is str else ""
        raise InputError(f"{what} must be {one}{quoted}, not {value!r}.")
    return value


def _is(kind: type, value: Any) -> bool:
    # True is an int in Python, and no number in a file.
    return type(value) is kind or (kind is float and type(value) is int)
