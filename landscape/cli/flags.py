"""The flags of a program, read off the fields of its dataclass.

Every field is a flag: its type says what it takes, the docstring under it what it
means, `GROUPS` where it is shown (see `landscape.cli.flag_groups`), and `CHOICES` what
is allowed (see `landscape.errors.check_choices`).
"""

import ast
import contextlib
import dataclasses
import inspect
import itertools
import textwrap
import typing
from typing import Any, NamedTuple

from landscape.cli.flag_groups import groups_of
from landscape.cli.marks import POSITIONAL, Named
from landscape.config import ONE, kind_of
from landscape.errors import choices_of

REQUIRED = dataclasses.MISSING


class Flag(NamedTuple):
    """One flag.

    Attributes:
      name: of the field; "" of a flag that is none, as --config.
      word: as typed, without dashes.
      kind, takes, optional: what its field holds; see `landscape.config.Kind`.
      positional: whether its values are given without it.
      default: `REQUIRED` if it has none.
      group: the title under which it is shown.
      choices: the values that are allowed; () if that is no list.
      text: the docstring.
    """

    name: str
    word: str
    kind: type = str
    takes: str = ONE
    optional: bool = False
    positional: bool = False
    default: Any = None
    group: str = ""
    choices: tuple[str, ...] = ()
    text: str = ""


def flags_of(config_class: type, texts: bool = False) -> dict[str, Flag]:
    """The flags of a dataclass, by their words; with `texts` also what they mean.

    >>> @dataclasses.dataclass
    ... class Config:
    ...     learning_rate: float | None = None
    >>> flag = flags_of(Config)["learning-rate"]
    >>> flag.kind.__name__, flag.takes, flag.optional
    ('float', 'one', True)
    """
    hints = typing.get_type_hints(config_class, include_extras=True)
    groups, choices = groups_of(config_class), choices_of(config_class)
    docs = texts_of(config_class) if texts else {}
    found = {}
    # Its own come first, then those that it inherits.
    order = [
        n for owner in config_class.__mro__ for n in inspect.get_annotations(owner)
    ]
    fields = [field for field in dataclasses.fields(config_class) if field.init]
    for field in sorted(fields, key=lambda field: order.index(field.name)):
        name = field.name
        hint, positional, word = _unwrapped(hints[name], name.replace("_", "-"))
        kind, takes, optional = kind_of(hint)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        found[word] = Flag(
            name, word, kind, takes, optional, positional, default,
            groups.get(name, "options"), choices.get(name, ()), docs.get(name, ""),
        )  # fmt: skip
    return found


def _unwrapped(hint: Any, word: str) -> tuple[Any, bool, str]:
    """A type without marks, whether one says positional, and the flag's word."""
    if typing.get_origin(hint) is not typing.Annotated:
        return hint, False, word
    inner, *marks = typing.get_args(hint)
    words = [mark.word for mark in marks if isinstance(mark, Named) and mark.word]
    return inner, POSITIONAL in marks, words[-1] if words else word


def texts_of(config_class: type) -> dict[str, str]:
    """The docstrings under the fields of a class and of those that it inherits from.

    Of a class without source (made in an interpreter) there are none.
    """
    found: dict[str, str] = {}
    for owner in reversed(config_class.__mro__):
        if owner is object:
            continue
        tree = None
        with contextlib.suppress(OSError, TypeError, SyntaxError):
            tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
        body = tree.body[0].body if tree else []
        for field, text in itertools.pairwise(body):
            if not isinstance(field, ast.AnnAssign) or not isinstance(text, ast.Expr):
                continue
            if isinstance(text.value, ast.Constant):
                found[field.target.id] = " ".join(str(text.value.value).split())
    return found
