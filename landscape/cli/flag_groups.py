"""Which flags are shown together by --help, and which go with some methods alone.

A dataclass says in `GROUPS` where among its own fields a group begins, and its title.
One that lists values of --method ("set, rigl") holds flags that no other method uses.
"""

import contextlib
import copy
import dataclasses
import inspect
from collections.abc import Collection, Iterator, Sequence

from landscape.errors import InputError


def groups_of(config_class: type) -> dict[str, str]:
    """The title of every flag's group, by the name of the field.

    A field that a subclass declares again stays where it was.

    >>> @dataclasses.dataclass
    ... class Config:
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
            *others, last = users
            either = f"{', '.join(others)} or {last}" if others else last
            raise InputError(
                f"{flag} goes with --method {either}, not {' '.join(chosen)}."
            )


@contextlib.contextmanager
def grouped(config_class: type) -> Iterator[None]:
    """While this is open, tyro's --help has a box for each group.

    tyro makes boxes of nested classes alone, whose flags have other names: here its
    formatter gets each flag as if it were of a class of the group's name. Where tyro
    has changed, all flags are in one box, as it makes them.
    """
    try:
        from tyro._backends import _tyro_help_formatting as formatting

        usual = formatting.format_help
    except (ImportError, AttributeError):
        yield
        return
    titles = groups_of(config_class)

    def format_help(*rest, args, **more):
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            args = [_titled(each, titles) for each in args]
        return usual(*rest, args=args, **more)

    formatting.format_help = format_help
    try:
        yield
    finally:
        formatting.format_help = usual


def _titled(flag, titles):
    title = titles.get(flag.arg.field.intern_name)
    if title is None:
        return flag
    parser = copy.copy(flag.source_parser)
    for name, value in (("extern_prefix", title), ("description", "")):
        if not hasattr(parser, name):
            raise AttributeError(name)
        object.__setattr__(parser, name, value)  # It is frozen.
    return dataclasses.replace(flag, source_parser=parser)
