"""What a mistyped command line meant, said before it is parsed.

tyro refuses what is wrong, and suggests a flag of similar spelling. Here are the words
that other programs use, and numbers that are written otherwise.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Sequence
from typing import Any

from landscape.errors import InputError

OTHER_WORDS = {
    "lr": "learning-rate",
    "bs": "batch-size",
    "wd": "weight-decay",
    "l2": "weight-decay",
    "num-steps": "steps",
    "iterations": "steps",
    "max-steps": "steps",
    "optim": "optimizer",
    "opt": "optimizer",
    "scheduler": "schedule",
    "lr-schedule": "schedule",
    "data": "dataset",
    "network": "model",
    "arch": "model",
    "hidden": "widths",
    "out": "workdir",
    "output-dir": "workdir",
    "dir": "workdir",
    "num-epochs": "steps",
    "epochs": "steps",
    "prune": "sparsity",
    "density": "sparsity",
    "seeds": "num-seeds",
    "zeta": "drop-fraction",
    "alpha": "drop-fraction",
    "drop-rate": "drop-fraction",
    "death-rate": "drop-fraction",
    "delta-t": "update-every",
    "update-frequency": "update-every",
    "t-end": "update-end",
    "end-step": "update-end",
    "n-m": "nm",
    "pruning-fraction": "level-fraction",
    "pruning-rate": "level-fraction",
    "num-levels": "levels",
    "rewind-step": "rewind-to",
    "rewind-steps": "rewind-to",
    "rewinding-steps": "rewind-to",
    "mask": "mask-from",
    "masks": "mask-from",
    "probes": "num-probes",
    "k": "top",
}
"""What other programs call a flag -> its name here."""

MEANINGS = {
    ("epochs", "steps"): "an epoch takes the number of examples over the batch size",
    ("density", "sparsity"): "the fraction that is removed, 1 - density",
}


def check_words(config_class: type, words: Sequence[str]) -> None:
    """Refuses flags that are named or repeated, and numbers that are written, as
    elsewhere.

    Args:
      config_class: the dataclass whose fields are the flags.
      words: the command line, without the program.

    Raises:
      InputError: with the flag or the number that was probably meant; or a flag of
        several values is given twice, of which only the last would count.

    >>> @dataclasses.dataclass
    ... class Config:
    ...     steps: int = 9
    >>> check_words(Config, ["--steps", "1e3"])
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: --steps must be an integer, not '1e3'; perhaps you \
meant 1000?
    """
    hints = typing.get_type_hints(config_class)
    hints = {
        field.name.replace("_", "-"): hints[field.name]
        for field in dataclasses.fields(config_class)
        if field.init
    }
    flag, given = None, set()
    for word in words:
        value = word
        if word.startswith("--"):
            name, assigned, value = word[2:].partition("=")
            flag = name.replace("_", "-")
            if flag not in hints:
                _check_flag(flag, hints)
            elif _is_of_several(hints[flag]) and flag in given:
                raise InputError(
                    f"--{flag} is given twice: its values stand after one --{flag},"
                    " with spaces between them."
                )
            given.add(flag)
            if not assigned:
                continue
        if flag in hints:
            several = _is_of_several(hints[flag])
            _check_number(flag, value, _number_of(hints[flag]), several)
            # After the one number of a flag the name of a run may come.
            if not several:
                flag = None


def _is_of_several(hint: Any) -> bool:
    """Whether a flag takes any number of values."""
    parts = [hint, *typing.get_args(hint)]
    return any(typing.get_origin(part) in (tuple, list, dict) for part in parts)


def _number_of(hint: Any) -> type | None:
    """int or float, of what holds such numbers alone (and None)."""
    parts = typing.get_args(hint)
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) in (
        typing.Union, tuple, list,
    ):  # fmt: skip
        kinds = {_number_of(p) for p in parts if p not in (type(None), Ellipsis)}
        return kinds.pop() if len(kinds) == 1 else None
    return hint if hint in (int, float) else None


def _check_flag(flag: str, fields: dict[str, Any]) -> None:
    meant = OTHER_WORDS.get(flag.removeprefix("no-"))
    for known in fields:
        # The same word, put together otherwise.
        if known.replace("-", "") == flag.replace("-", ""):
            meant = known
    if meant in fields:
        why = MEANINGS.get((flag.removeprefix("num-"), meant))
        raise InputError(
            f"there is no --{flag}; perhaps you meant --{meant}"
            f"{f' ({why})' if why else ''}?"
        )


def _check_number(flag: str, value: str, kind: type | None, several: bool) -> None:
    if kind is None or value == "None":
        return
    try:
        kind(value)
    except ValueError:
        what = {int: "an integer", float: "a number"}[kind]
        meant = _read(value)
        fits = meant is not None and (kind is float or meant.is_integer())
        hint = f"; perhaps you meant {meant:.12g}?" if fits else "."
        if several and re.fullmatch(r"[\d.]+(,[\d.]+)+", value):
            hint = f"; perhaps you meant {value.replace(',', ' ')}?"
        raise InputError(f"--{flag} must be {what}, not {value!r}{hint}") from None


def _read(value: str) -> float | None:
    """A number as people write it: 1e3, 10k, 1,000, 95%, 0,5."""
    text, factor = value.strip(), 1.0
    thousands = re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+(\D.*)?", text)
    # Else a comma is that of decimals.
    text = text.replace(",", "" if thousands else ".")
    for end, size in (("%", 0.01), ("k", 1e3), ("K", 1e3), ("M", 1e6)):
        if text.endswith(end):
            text, factor = text.removesuffix(end), size
    try:
        number = float(text) * factor
    except ValueError:
        return None
    return number if abs(number) < 1e15 else None
