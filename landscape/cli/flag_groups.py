"""Which flags are shown together by --help, and which go with some methods alone.

A dataclass says in `GROUPS` where among its own fields a group begins, and its title.
One that lists values of --method ("set, rigl") holds flags that no other method uses.
"""

import inspect
from collections.abc import Collection, Sequence

from landscape.errors import InputError
from landscape.needs import either


def groups_of(config_class: type) -> dict[str, str]:
    """The title of every flag's group, by the name of the field.

    A field that a subclass declares again stays where it was.

    >>> class Config:
    ...     GROUPS = {"steps": "optimisation"}
    ...     steps: int = 9
    ...     rate: float = 0.1
    >>> groups_of(Config)
    {'steps': 'optimisation', 'rate': 'optimisation'}
    """
    found: dict[str, str] = {}
    for owner in reversed(config_class.__mro__):
        titles, title = vars(owner).get("GROUPS", {}), None
        for name in inspect.get_annotations(owner):
            title = titles.get(name, title)
            if title is not None:
                found.setdefault(name, title)
    return found


def check_used(
    config_class: type,
    words: Sequence[str],
    chosen: Sequence[str],
    methods: Collection[str],
) -> None:
    """Refuses flags that are typed, and that none of the chosen methods uses.

    Args:
      config_class: the dataclass whose fields are the flags.
      words: the command line, without the program.
      chosen: the values of --method.
      methods: all that there are.

    Raises:
      InputError: names the methods that use it.
    """
    titles = groups_of(config_class)
    for word in words:
        flag = word.partition("=")[0].replace("_", "-")
        name = flag.removeprefix("--").replace("-", "_")
        users = titles.get(name, titles.get(name.removeprefix("no_"), "")).split(", ")
        if not word.startswith("--") or not set(users) <= set(methods):
            continue
        if not set(users) & set(chosen):
            raise InputError(
                f"{flag} goes with --method {either(users)}, not {' '.join(chosen)}."
            )
