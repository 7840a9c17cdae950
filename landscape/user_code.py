"""Models, data sets and methods of the user's own: `package.module:name`.

They are looked for from the working directory, as `python -m` does. A name is checked,
and the files behind it are hashed, without importing anything.
"""

import ast
import importlib
import keyword
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from landscape.errors import InputError


def is_user_code(name: str) -> bool:
    """Whether a name means code of the user's own.

    >>> is_user_code("my_models:cnn"), is_user_code("lenet5")
    (True, False)
    """
    return ":" in name


def check_name(flag: str, name: str) -> None:
    """Refuses what is no `package.module:name`.

    Raises:
      InputError: names the flag, what is allowed, and the value seen.

    >>> check_name("--model", "my_models:cnn")
    >>> check_name("--model", "my_models.py:cnn")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: --model my_models.py:cnn: name the module without \
.py, as in my_models:cnn.
    """
    module, _, attribute = name.partition(":")
    if module.endswith(".py"):
        shorter = module.removesuffix(".py").strip("./").replace("/", ".")
        raise InputError(
            f"{flag} {name}: name the module without .py, as in {shorter}:{attribute}."
        )
    if not all(map(_is_name, (*module.split("."), attribute))):
        raise InputError(f"{flag} must be package.module:name, not {name!r}.")


def _is_name(word: str) -> bool:
    return word.isidentifier() and not keyword.iskeyword(word)


def arguments(flag: str, words: Sequence[str]) -> dict[str, Any]:
    """The keyword arguments that `KEY=VALUE` words mean.

    A value is a number, True, False, None, a string, or a list, tuple or dict of them,
    as Python writes them; what is none of these is a string.

    Raises:
      InputError: a word is no KEY=VALUE, or a key comes twice.

    >>> arguments("--model-args", ["depth=3", "rate=1e-3", "name=small", "sizes=[1,2]"])
    {'depth': 3, 'rate': 0.001, 'name': 'small', 'sizes': [1, 2]}
    """
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not _is_name(key):
            raise InputError(f"{flag} must be KEY=VALUE, as in depth=3, not {word!r}.")
        if key in found:
            raise InputError(f"{flag} names {key} twice.")
        try:
            found[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found[key] = text
    return found


def resolve(flag: str, name: str) -> Callable:
    """What `package.module:name` means; imports the module.

    Raises:
      InputError: there is no such module or name, or the module fails as it is
        imported.

    >>> resolve("--model", "math:sqrt")(9.0)
    3.0
    """
    check_name(flag, name)
    module, _, attribute = name.partition(":")
    here = os.getcwd()
    if not {here, ""} & set(sys.path):
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever a stranger's module raises
        raise InputError(
            f"{flag} {name} cannot be imported from {here}: {type(error).__name__}:"
            f" {error}."
        ) from error
