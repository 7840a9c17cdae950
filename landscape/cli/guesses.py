"""What a mistyped flag or number meant: words that other programs use, similar
spellings, and numbers that are written otherwise."""

import difflib
import re
from collections.abc import Iterable

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
    "sparseness": "sparsity",
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


_ONE_PROCESS = "this program runs in one process"
ELSEWHERE = {
    "sparsity": "a dense network has none; python -m train.sparse takes it",
    "seed": "nothing here is random",
    "distributed": _ONE_PROCESS,
    "coordinator": _ONE_PROCESS,
}
"""Flags that a program lacks, and where they are."""


def meant_by(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a flag that is not there: the one that was meant.

    >>> meant_by("lr", ["learning-rate"]), meant_by("stpes", ["steps", "seed"])
    ('; perhaps you meant --learning-rate?', '; perhaps you meant --steps?')
    >>> meant_by("unheard-of", ["steps"]), meant_by("sparsity", ["steps"])
    ('.', ': a dense network has none; python -m train.sparse takes it.')
    """
    known = list(known)
    bare = word.removeprefix("no-")
    near = difflib.get_close_matches(bare, known, n=1, cutoff=0.6)
    # The same word, put together otherwise.
    same = [each for each in known if each.replace("-", "") == bare.replace("-", "")]
    other = [OTHER_WORDS[bare]] if OTHER_WORDS.get(bare) in known else []
    if not (found := [*same, *other, *near]):
        there = ELSEWHERE.get(OTHER_WORDS.get(bare, bare))
        return f": {there}." if there else "."
    why = MEANINGS.get((bare.removeprefix("num-"), found[0]))
    return f"; perhaps you meant --{found[0]}{f' ({why})' if why else ''}?"


def number(what: str, value: str, kind: type, several: bool = False) -> int | float:
    """A number that is written as text.

    Args:
      what: names it in the refusal.
      value: the text.
      kind: int or float.
      several: whether there may be several, with spaces between them.

    Raises:
      InputError: it is none; with what was probably meant.

    >>> number("--steps", "1e3", int)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: --steps must be an integer, not '1e3'; perhaps you \
meant 1000?
    """
    try:
        return kind(value)
    except ValueError:
        allowed = {int: "an integer", float: "a number"}[kind]
        meant = _read(value)
        fits = meant is not None and (kind is float or meant.is_integer())
        hint = f"; perhaps you meant {meant:.12g}?" if fits else "."
        if several and re.fullmatch(r"[\d.]+(,[\d.]+)+", value):
            hint = f"; perhaps you meant {value.replace(',', ' ')}?"
        raise InputError(f"{what} must be {allowed}, not {value!r}{hint}") from None


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
