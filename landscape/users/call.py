"""A call of a function of the user's own, with KEY=VALUE arguments and settings."""

import inspect
from collections.abc import Sequence
from typing import Any

from landscape.users.code import arguments, call, resolve


def call_named(
    flag: str,
    name: str,
    given: Sequence[Any],
    args_flag: str,
    words: Sequence[str],
    offered: dict[str, Any],
) -> Any:
    """What `package.module:name` returns.

    Args:
      flag, name: how the function is named.
      given: its first arguments.
      args_flag, words: KEY=VALUE arguments.
      offered: settings, for those of its parameters that have these names and are not
        among the words.

    Raises:
      InputError: it cannot be imported, is no function, does not take these arguments,
        or raises.

    >>> call_named("--dataset", "math:pow", (2.0, 3.0), "--data-args", (), {"seed": 1})
    8.0
    """
    function, named = resolve(flag, name), arguments(args_flag, words)
    try:
        taken = {*inspect.signature(function).parameters}
    except (TypeError, ValueError):  # some functions of C have none
        taken = set()
    named |= {k: v for k, v in offered.items() if k in taken - named.keys()}
    return call(flag, name, function, *given, **named)
