"""The command line of a config: the inverse of `landscape.cli.parse`."""

import dataclasses
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from landscape.errors import InputError
from landscape.needs import has_effect


def command(
    program: str,
    config: Any,
    *,
    positional: Sequence[str] = (),
    always: Sequence[str] = (),
    default: Any | None = None,
) -> str:
    """The shell command that makes `config`: flags for what is not as by default.

    Args:
      program: its module.
      config: an instance of the program's dataclass.
      positional: names of the fields that are given without a flag: paths.
      always: names of the fields that are named whatever they are.
      default: replaces the defaults of the fields, as in `landscape.cli.parse`.

    Returns:
      One line, quoted for a shell; settings without an effect are left out.

    >>> from landscape.config import SparseRun
    >>> run = SparseRun(widths=(9, 8), model="mlp", augment=True, workdir="my runs")
    >>> command("train.sparse", run, always=["method"])
    "python -m train.sparse --augment --model mlp --widths 9 8 --workdir 'my runs' \
--method pruning"
    """
    words = ["python", "-m", program]
    default = _made_of_defaults(type(config)) if default is None else default
    for name in positional:
        # Else a name that begins with - is read as a flag.
        values = _values(getattr(config, name))
        words += [f"./{v}" if v.startswith("-") else v for v in values]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in positional or not field.init:
            continue
        needed = value != _default_of(field, default) and has_effect(config, field.name)
        if field.name in always or needed:
            words += _flag(field.name, value)
    return shlex.join(words)


def this_program() -> str:
    """The module that this process runs; "" if it runs none, as a notebook.

    >>> this_program() in ("", "pytest")
    True
    """
    spec: Any = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name.removesuffix(".__main__") if spec else ""


def _made_of_defaults(kind: type) -> Any | None:
    """A config in which settings that follow from others have their values, too; None
    if there is none without arguments."""
    try:
        return kind()
    except (TypeError, InputError):
        return None


def _default_of(field: dataclasses.Field, default: Any | None) -> Any:
    if default is not None:
        return getattr(default, field.name)
    made = field.default_factory is not dataclasses.MISSING
    return field.default_factory() if made else field.default


def _flag(name: str, value: Any) -> list[str]:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    values = _values(value)
    if len(values) == 1 and values[0].startswith("-"):
        # Else it is read as a flag of its own.
        return [f"--{flag}={values[0]}"]
    return [f"--{flag}", *values]


def _values(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [str(part) for pair in value.items() for part in pair]
    if isinstance(value, list | tuple):
        return [str(part) for part in value]
    return [str(value)]
