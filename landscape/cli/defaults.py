"""Settings that stand in a file: --config FILE gives defaults, and flags win."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from landscape.cli.flags import Flag
from landscape.cli.guesses import meant_by, number
from landscape.config import SEVERAL, Kind, of_kind
from landscape.errors import InputError

CONFIG = Flag(
    "", "config", group="defaults",
    text="File of settings (JSON, TOML, YAML), by the names of flags; flags win.",
)  # fmt: skip
LIKE = Flag(
    "", "like", group="defaults",
    text="Run with these settings, except --workdir; flags and --config win.",
)  # fmt: skip
PRESET = Flag(
    "", "preset", group="defaults",
    text="Published recipe; flags and --config win.",
)  # fmt: skip


def settings_of(path: str, flags: Mapping[str, Flag]) -> dict[str, Any]:
    """The settings in a file, by the names of the fields.

    A key is the name of a flag, with - or _ between its words; a flag of several
    values may have one alone. A number may be text, as YAML reads 1e-3.

    Raises:
      InputError: the file cannot be read, or a key is no flag (with the one that was
        probably meant), or a value is of the wrong kind.

    >>> import tempfile
    >>> from landscape.cli.flags import flags_of
    >>> from landscape.config import DenseRun
    >>> with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
    ...     file.write("learning-rate = 1e-3\\nwidths = [8, 4]") and file.flush()
    ...     settings_of(file.name, flags_of(DenseRun))
    {'learning_rate': 0.001, 'widths': (8, 4)}
    """
    content = _content(path)
    if "format_version" in content:
        raise InputError(
            f"--config {path} holds all settings of a run: a program that trains takes"
            f" them by --like {Path(path).parent}."
        )
    words = {flag.word: flag for flag in flags.values() if flag.name}
    found = {}
    for key, value in content.items():
        word = str(key).replace("_", "-")
        if word not in words:
            raise InputError(
                f"--config {path}: there is no setting {key}{meant_by(word, words)}"
            )
        found[words[word].name] = _value(path, words[word], value)
    return found


def with_origin(
    error: InputError,
    file: Mapping[str, Any],
    below: Mapping[str, Any],
    said: Mapping[str, Any],
) -> InputError:
    """A refusal that says of settings that the user did not type where they are from.

    Args:
      error: the refusal.
      file: settings of --config that were not typed.
      below: those of a preset or another run.
      said: what the command line says, by the names of the settings.

    >>> error = InputError("--warmup must be at most 20, not 99.")
    >>> print(with_origin(error, {}, {"warmup": 99}, {"preset": "small"}))
    --warmup must be at most 20, not 99. That --warmup is of --preset small: type \
another.
    """
    others = [f"--{flag} {said[key]}" for key, flag in _BRINGS.items() if said.get(key)]
    # Which of several brings a setting is not known here.
    where = dict.fromkeys(below, " or ".join(others))
    where |= {name: f"--config {said[CONFIG.word]}" for name in file}
    told = [
        f" That --{word} is of {source}: type another."
        for name, source in where.items()
        if source and _names(error, word := name.replace("_", "-"))
    ]
    return InputError(f"{error}{told[0]}") if told else error


_BRINGS = {
    "preset": "preset", "like": "like", "mask_from": "mask-from", "source": "from"
}  # fmt: skip
"""Fields that name what brings other settings, and their flags."""


def _names(error: InputError, word: str) -> bool:
    """Whether a sentence names a flag."""
    return re.search(rf"--{re.escape(word)}(?![\w-])", str(error)) is not None


def _content(path: str) -> dict[str, Any]:
    readers: dict[str, Callable[[str], Any]] = {
        ".json": json.loads, ".toml": tomllib.loads, ".yaml": _yaml, ".yml": _yaml
    }  # fmt: skip
    suffix = Path(path).suffix.lower()
    if suffix not in readers:
        raise InputError(
            f"--config {path}: the name of the file must end in one of"
            f" {', '.join(readers)}."
        )
    try:
        content = readers[suffix](Path(path).expanduser().read_text())
    except OSError as error:
        raise InputError(f"--config {path}: {error.strerror}.") from None
    except ValueError as error:
        said = " ".join(str(error).split())
        kind = suffix[1:].upper()
        raise InputError(f"--config {path} is no {kind} file: {said}.") from None
    if not isinstance(content, dict):
        raise InputError(f"--config {path} must hold names and values of settings.")
    return content


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ValueError(f"{error.problem} (line {line})") from None
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _value(path: str, flag: Flag, value: Any) -> Any:
    what = f"--config {path}: {flag.word}"
    if flag.takes == SEVERAL and not isinstance(value, list):
        value = [value]
    if isinstance(value, list):
        value = [_number(what, flag.kind, each) for each in value]
    elif isinstance(value, dict):
        value = {name: _number(what, flag.kind, each) for name, each in value.items()}
    else:
        value = _number(what, flag.kind, value)
    return of_kind(what, Kind(flag.kind, flag.takes, flag.optional), value)


def _number(what: str, kind: type, value: Any) -> Any:
    """A number that is text, or with decimals where an integer is meant, as 1e3."""
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and type(value) is float:
        value = str(value)
    if kind in (int, float) and isinstance(value, str):
        return number(what, value, kind)
    return value
