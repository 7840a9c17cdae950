"""The words of a command line, told apart: which flag, and which values it gets."""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from landscape.cli.flags import REQUIRED, Flag
from landscape.cli.guesses import meant_by, number
from landscape.config import ONE, SEVERAL
from landscape.errors import InputError, check_choice

_NEGATIVE = re.compile(r"-(\d|\.\d|inf|nan)")


class Given(NamedTuple):
    """A flag as it was typed: its values, or whether it is without `--no-`."""

    flag: Flag
    values: list[str]
    on: bool = True


def tell_apart(flags: Mapping[str, Flag], words: Sequence[str]) -> list[Given]:
    """What a command line gives to which flag, in its order.

    A flag of one value has several where they are typed one after the other and no
    positional value can be meant: the caller decides what that means. One of several
    values that are listed ends at a word that is none of them, where a positional value
    is missing.

    Raises:
      InputError: a flag is not there (with the one that was probably meant), is given
        twice although its values stand after one, lacks a value, or has one too many
        or of a wrong kind.

    >>> from landscape.cli.flags import flags_of
    >>> from landscape.config import DenseRun
    >>> found = tell_apart(flags_of(DenseRun), ["--steps=9", "--widths", "8", "4"])
    >>> [(each.flag.name, each.values) for each in found]
    [('steps', ['9']), ('widths', ['8', '4'])]
    """
    names = [flag for flag in flags.values() if flag.positional]
    found: list[Given] = []
    given: Given | None = None
    for word in words:
        if word.startswith("-") and word != "-" and not _NEGATIVE.match(word):
            given = _flag(flags, word)
            if given.flag.takes != ONE and given.flag in [e.flag for e in found]:
                raise twice(given.flag)
            found.append(given)
        elif given and _takes_more(given, word, names, found):
            given.values.append(word)
        else:
            flag = _positional(names, found, word)
            # More of what a positional flag of several values has.
            given = next((each for each in found if each.flag == flag), None)
            if given is None:
                found.append(given := Given(flag, []))
            given.values.append(word)
    for each in found:
        value_of(each)
    return found


def twice(flag: Flag) -> InputError:
    """A flag of several values that is given twice."""
    return InputError(
        f"--{flag.word} is given twice: its values stand after one --{flag.word}, with"
        " spaces between them."
    )


def _flag(flags: Mapping[str, Flag], word: str) -> Given:
    if not word.startswith("--"):
        raise InputError(
            f"there is no {word}; a value that begins with - is written --FLAG={word}."
        )
    typed, assigned, value = word[2:].partition("=")
    name = typed.replace("_", "-")
    flag = flags.get(name)
    if flag is None and (off := flags.get(name.removeprefix("no-"))):
        flag = off if off.kind is bool and name.startswith("no-") else None
    if flag is None or flag.positional:
        known = [each.word for each in flags.values() if not each.positional]
        raise InputError(f"there is no --{name}{meant_by(name, known)}")
    if flag.kind is bool and assigned:
        raise InputError(
            f"--{flag.word} has no value; --no-{flag.word} is its opposite."
        )
    return Given(flag, [value] if assigned else [], name == flag.word)


def _takes_more(
    given: Given, word: str, names: Sequence[Flag], found: Sequence[Given]
) -> bool:
    """Whether a word is a value of the flag before it, and not a positional one."""
    flag, values = given.flag, given.values
    if flag.takes != ONE:
        before = [each.flag for each in found]
        missing = [f for f in names if f.default is REQUIRED and f not in before]
        listed = not flag.choices or word in flag.choices
        if not listed and missing and _is_misspelt(word, flag.choices):
            check_choice(flag.word, word, flag.choices)
        return listed or not values or not missing
    # After the one value of a flag the name of a run may come.
    most = 0 if flag.kind is bool else 1 if names else len(values) + 1
    return len(values) < most


def _is_misspelt(word: str, choices: Sequence[str]) -> bool:
    """Whether a word is nearly a choice, and no name of a run that is there."""
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.75)
    return bool(near) and not os.path.exists(word.partition("@")[0])


def _positional(names: list[Flag], found: list[Given], word: str) -> Flag:
    """The flag that gets a value without a flag."""
    before = [each.flag for each in found]
    for flag in names:
        if flag.takes != ONE or flag not in before:
            return flag
    before = [each.values[0] for each in found if each.flag in names]
    taken = f", after {' and '.join(before)}" if before else ""
    raise InputError(f"{word!r} is one too many{taken}: a flag begins with --.")


def value_of(given: Given) -> Any:
    """The value that a flag is given; of one that has several values the first.

    Raises:
      InputError: it has none, or one of a wrong kind.
    """
    flag, values = given.flag, given.values
    if flag.kind is bool:
        return given.on
    if flag.takes == SEVERAL:
        return tuple(_read(flag, value) for value in values)
    if not values:
        raise InputError(f"--{flag.word} needs a value.")
    if flag.takes == ONE:
        return _read(flag, values[0])
    if len(values) % 2:
        raise InputError(
            f"--{flag.word} needs pairs of a name and a value, not {' '.join(values)}."
        )
    pairs = zip(values[::2], values[1::2], strict=True)
    return {name: _read(flag, value) for name, value in pairs}


def _read(flag: Flag, text: str) -> Any:
    if flag.optional and text == "None":
        return None
    if flag.kind in (int, float):
        return number(f"--{flag.word}", text, flag.kind, flag.takes == SEVERAL)
    return text
