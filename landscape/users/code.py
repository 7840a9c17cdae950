"""Models, data sets and methods of the user's own: `package.module:name`.

They are looked for from the working directory, as `python -m` does. What can be told
without importing them is found by `landscape.users.files`.
"""

import ast
import importlib
import inspect
import keyword
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from landscape.errors import InputError, check_choice

_LONGEST = 400


def is_user_code(name: str) -> bool:
    """Whether a name means code of the user's own.

    A version of a data set of tfds follows a colon, too, and begins with a digit.

    >>> [is_user_code(name) for name in ("my_models:cnn", "lenet5", "mnist:3.0.1")]
    [True, False, False]
    """
    _, colon, attribute = name.partition(":")
    return bool(colon) and not attribute[:1].isdigit()


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
    >>> arguments("--model-args", ["with=3"])
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: --model-args with=3: with is a keyword of Python, and \
no argument.
    """
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if keyword.iskeyword(key):
            raise InputError(
                f"{flag} {word}: {key} is a keyword of Python, and no argument."
            )
        if not equals or not _is_name(key):
            raise InputError(f"{flag} must be KEY=VALUE, as in depth=3, not {word!r}.")
        if key in found:
            raise InputError(f"{flag} names {key} twice.")
        try:
            found[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found[key] = text
    return found


def search_here() -> None:
    """Makes the working directory a place that modules are imported from."""
    here = os.getcwd()
    if not {here, ""} & set(sys.path):
        sys.path.insert(0, here)


def resolve(flag: str, name: str) -> Any:
    """What `package.module:name` means; imports the module.

    Raises:
      InputError: there is no such module or name, or the module fails as it is
        imported.

    >>> resolve("--model", "math:sqrt")(9.0)
    3.0
    """
    check_name(flag, name)
    module, _, attribute = name.partition(":")
    search_here()
    try:
        return getattr(importlib.import_module(module), attribute)
    # Whatever a stranger's module raises; a script without `if __name__` may exit.
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{flag} {name} cannot be imported from {os.getcwd()}: {told(error)}"
        ) from error


def call(flag: str, name: str, function: Callable, *given: Any, **keywords: Any) -> Any:
    """Calls a function of the user's own.

    Args:
      flag, name: how it was named.
      function: what that means, see `resolve`.
      given: the arguments that this code gives.
      keywords: those of the user's own, see `arguments`.

    Raises:
      InputError: it does not take these arguments (with the nearest name of those that
        it takes), or it raises.

    >>> def cnn(input_shape, num_classes, depth=2):
    ...     return depth
    >>> call("--model", "my_models:cnn", cnn, (8, 8, 1), 10, depht=3)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: --model my_models:cnn: unknown argument 'depht': \
perhaps you meant 'depth'? Allowed: depth.
    """
    if not callable(function):
        raise InputError(f"{flag} {name} is no function, but {function!r}.")
    try:
        taken = inspect.signature(function)
    except (TypeError, ValueError):  # some functions of C have none
        taken = None
    if taken is not None:
        check_arguments(flag, name, taken, given, keywords)
    try:
        return function(*given, **keywords)
    except (Exception, SystemExit) as error:  # whatever a stranger's function raises
        raise InputError(f"{flag} {name} failed: {told(error)}") from error


def check_arguments(
    flag: str,
    name: str,
    taken: inspect.Signature,
    given: tuple,
    keywords: dict[str, Any],
) -> None:
    """Refuses arguments that a function of the user's own does not take.

    Args:
      flag, name, given, keywords: as of `call`.
      taken: what it takes.

    Raises:
      InputError: names the nearest argument that it takes, or what is missing.
    """
    try:
        taken.bind(*given, **keywords)
        return
    except TypeError as error:
        why = str(error)
    kinds = inspect.Parameter
    own = list(taken.parameters.values())
    by_name = [
        p.name
        for p in own
        if p.kind in (kinds.KEYWORD_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    places = [p.name for p in own if p.kind is kinds.POSITIONAL_OR_KEYWORD]
    free = [word for word in by_name if word not in places[: len(given)]]
    for word in keywords:
        if word not in free and not any(p.kind is kinds.VAR_KEYWORD for p in own):
            if not free:
                beside = ""
                if given:
                    beside = (
                        f" beside the {len(given)} that it is called with: let a"
                        " function of these return what it makes"
                    )
                raise InputError(f"{flag} {name} takes no argument {word!r}{beside}.")
            try:
                check_choice("argument", word, free)
            except InputError as error:
                raise InputError(f"{flag} {name}: {error}") from None
    raise InputError(f"{flag} {name} is called with {len(given)} arguments: {why}.")


def told(error: BaseException) -> str:
    """What a stranger's code raised, in a sentence, with the line that did.

    >>> told(ValueError("no such layer"))
    'ValueError: no such layer.'
    """
    message = " ".join(str(error).split()).rstrip(".")
    # JAX writes a page where a line is wanted.
    message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} ..."
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    # Of what lies on top of it, JAX and Flax, the user knows nothing.
    own = [f for f in frames if not {"site-packages", "importlib"} & {*_parts(f)}]
    own = [f for f in own if f.filename != __file__ and f.filename[:1] != "<"]
    at = f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
    return f"{kind}: {message}{at}." if message else f"{kind}{at}."


def _parts(frame: traceback.FrameSummary) -> list[str]:
    return frame.filename.split(os.sep)
