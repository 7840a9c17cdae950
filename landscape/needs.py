"""Settings that have an effect only beside others, and how such are refused.

A dataclass of settings lists them in `NEEDS`, by their fields. A flag that a user gave,
and that has no effect, is a mistake; defaults, and what a file or another run brings,
are not.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from landscape.errors import InputError

NOTHING = (None, False, (), 0)


class Need(NamedTuple):
    """When a setting has an effect.

    Attributes:
      holds: whether it has one, of all settings.
      why: the end of the sentence that refuses it, of all settings.
    """

    holds: Callable[[Any], bool]
    why: Callable[[Any], str]


def only(setting: str, *values: str, of: str | None = None) -> Need:
    """A setting that goes with some values of another one.

    Args:
      setting: the other one, of one value or several.
      values: those with which it has an effect.
      of: the property that has the value, if it is not the field itself.

    >>> need = only("kind", "quadratic", "cubic")
    >>> class Settings:
    ...     kind = ("line",)
    >>> need.holds(Settings), need.why(Settings)
    (False, 'goes with --kind quadratic or cubic, not line')
    """

    def seen(config: Any) -> Sequence[str]:
        value = getattr(config, of or setting)
        return (value,) if isinstance(value, str) else value

    return Need(
        lambda config: bool({*values} & {*seen(config)}),
        lambda config: (
            f"goes with --{_flag(setting)} {either(values)}, not"
            f" {' '.join(seen(config))}"
        ),
    )


def beside(*settings: str) -> Need:
    """A setting that goes with another one, or with one of several.

    >>> need = beside("num_train", "num_validation")
    >>> class Settings:
    ...     num_train, num_validation = None, 0
    >>> need.holds(Settings), need.why(Settings)
    (False, 'has an effect only with --num-train or --num-validation')
    """
    flags = either([f"--{_flag(name)}" for name in settings])
    return Need(
        lambda config: any(getattr(config, name) not in NOTHING for name in settings),
        lambda config: f"has an effect only with {flags}",
    )


def when(holds: Callable[[Any], bool], why: str) -> Need:
    """A setting that has an effect where a function of all settings says so."""
    return Need(holds, lambda config: why)


def needs_of(config_class: type) -> dict[str, Need]:
    """The needs of the fields of a class, of which it inherits those of its parents."""
    found: dict[str, Need] = {}
    for owner in reversed(config_class.__mro__):
        found |= vars(owner).get("NEEDS", {})
    return found


def has_effect(config: Any, name: str) -> bool:
    """Whether a setting has an effect, of all settings."""
    need = needs_of(type(config)).get(name)
    return need is None or need.holds(config)


def check_needs(configs: Sequence[Any], given: Collection[str]) -> None:
    """Refuses settings that are given, and that have an effect in none of `configs`.

    Args:
      configs: the settings of each point of a sweep, or of one command.
      given: the fields whose flags the user gave.

    Raises:
      InputError: names the flag, and what it goes with.
    """
    for name, need in needs_of(type(configs[0])).items():
        if name in given and not any(map(need.holds, configs)):
            raise InputError(f"--{_flag(name)} {need.why(configs[0])}.")


def either(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> either(["a", "b", "c"]), either(["a"])
    ('a, b or c', 'a')
    """
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _flag(name: str) -> str:
    return name.replace("_", "-")
