"""Exceptions whose message is all that a program prints; names that are near."""

import difflib
from collections.abc import Iterable
from typing import Any


class InputError(ValueError):
    """A mistake of the caller: programs print it as one sentence and exit with 2."""


def check_choice(what: str, value: str, allowed: Iterable[str]) -> str:
    """Returns `value` if it is allowed, else raises with the nearest allowed name.

    Raises:
      InputError: names `what`, the value seen, the nearest name and all allowed ones.

    >>> check_choice("model", "lenet300", ["lenet300", "lenet5"])
    'lenet300'
    >>> check_choice("model", "lenet30", ["lenet300", "lenet5"])
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: unknown model 'lenet30': perhaps you meant \
'lenet300'? Allowed: lenet300, lenet5.
    >>> check_choice("model", "nets.cnn", ["mlp", "package.module:factory"])
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: unknown model 'nets.cnn': perhaps you meant \
'nets:cnn'? Allowed: mlp, package.module:factory.
    """
    allowed = sorted(allowed)
    if value in allowed:
        return value
    near = difflib.get_close_matches(value, allowed, n=1, cutoff=0.5)
    module, dot, name = value.rpartition(".")
    # One of the user's own, with a dot where a colon is meant.
    if dot and module and name.isidentifier() and any(":" in each for each in allowed):
        near = [f"{module}:{name}"]
    hint = f": perhaps you meant {near[0]!r}?" if near else "."
    raise InputError(f"unknown {what} {value!r}{hint} Allowed: {', '.join(allowed)}.")


def typed(value: Any) -> str:
    """A value as a command line has it, for sentences.

    >>> typed((300, 100)), typed({"Dense_2": 0.8}), typed(()), typed(0.1)
    ('300 100', 'Dense_2 0.8', 'none', '0.1')
    """
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, tuple | list):
        return " ".join(map(str, value)) or "none"
    return str(value)


def with_article(word: str) -> str:
    """A word of code with its article.

    >>> with_article("int"), with_article("list"), with_article("units")
    ('an int', 'a list', 'a units')
    """
    return f"{'an' if word[:1].lower() in 'aeio' else 'a'} {word}"


def choices_of(settings_class: type) -> dict[str, tuple[str, ...]]:
    """The names that the string fields of a class allow, of those that are listed.

    A class lists them in `CHOICES`, a dict from fields to names (or a registry of
    them), and inherits the lists of its parents.

    >>> class Settings:
    ...     CHOICES = {"kind": ("line", "cubic")}
    >>> choices_of(Settings)
    {'kind': ('line', 'cubic')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for owner in reversed(settings_class.__mro__):
        for name, allowed in vars(owner).get("CHOICES", {}).items():
            found[name] = tuple(allowed)
    return found


def check_choices(settings: Any) -> None:
    """Refuses a field whose value is not among those that `CHOICES` lists.

    None is let through; of a tuple each element is checked.

    Raises:
      InputError: as `check_choice`.
    """
    for name, allowed in choices_of(type(settings)).items():
        value = getattr(settings, name)
        several = isinstance(value, tuple)
        what = name.removesuffix("s") if several else name
        for each in value if several else (value,):
            if each is not None:
                check_choice(what.replace("_", " "), each, allowed)


def require(settings: Any, name: str, holds: bool, allowed: str = "at least 1") -> None:
    """Refuses the value of a field of a program's settings, unless it holds.

    Raises:
      InputError: names the flag, what is allowed, and the value seen.
    """
    if not holds:
        flag, value = "--" + name.replace("_", "-"), getattr(settings, name)
        fraction = allowed.startswith(("in [0, 1", "in (0, 1"))
        hint = percent_hint(value) if fraction else ""
        raise InputError(f"{flag} must be {allowed}, not {typed(value)}{hint or '.'}")


def percent_hint(value: float) -> str:
    """The end of a sentence about a fraction that was given in percent; or "".

    >>> percent_hint(95.0), percent_hint(-1), percent_hint(1.5)
    ('; perhaps you meant 0.95?', '', '')
    """
    return f"; perhaps you meant {value / 100:.12g}?" if 2 <= value < 100 else ""


class RunFailure(RuntimeError):
    """A run that cannot continue: programs print it as one sentence and exit with 1."""


class Interrupted(Exception):
    """A signal ended the run after its state was saved; exit status 128 + number."""

    def __init__(self, signum: int, message: str):
        super().__init__(message)
        self.signum = signum
