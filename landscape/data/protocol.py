"""Arrays of the user's own, from a function or from files, checked and made a data set.

What they may be is in `docs/add_a_data_set.md`.
"""

import math
import zlib
from typing import Any

import numpy as np

from landscape.data.raw import Raw
from landscape.errors import InputError, with_article
from landscape.tables import counted

TEST_FRACTION = 5
"""Of arrays without a test split one example in this many is held out for it."""
MOST_CLASSES = 10
"""Classes for each one of which there is an example: where more are meant, a function
says so by "num_classes"."""
ALLOWED = (
    "(inputs, labels), ((inputs, labels), (inputs, labels)) of the training and the"
    ' test split, or {"train": (inputs, labels), "test": (inputs, labels)}, perhaps'
    ' with "num_classes" and "highest"'
)
_KEYS = {"train", "test", "num_classes", "highest"}
_CHUNK = 1024  # examples that are looked at together


def raw_of(name: str, found: Any, exact: bool = False) -> Raw:
    """A data set of what a function returned, or files held.

    Args:
      name: of --dataset, for sentences.
      found: `ALLOWED`, or a `Raw`.
      exact: whether its inputs are the same on every machine, as those of files are;
        integers always are.

    Returns:
      inputs [N, H, W, C] or [N, D]; the highest pixel is that of the dtype (uint8: 255)
      where it is not given.

    Raises:
      InputError: it is none of these, or its arrays do not fit.

    >>> raw = raw_of("mine", (np.zeros((10, 8, 8), np.uint8), np.arange(10) % 3))
    >>> raw.train[0].shape, raw.test[0].shape, raw.num_classes, raw.highest
    ((8, 8, 8, 1), (2, 8, 8, 1), 3, 255.0)
    """
    parts = _parts(name, found)
    splits = [
        _split(f"--dataset {name}: the {split} split", *parts[split])
        for split in ("train", "test")
        if split in parts
    ]
    if len(splits) == 1:
        splits = _divided(name, *splits[0])
    (inputs, labels), (others, other_labels) = splits
    kinds = {x.dtype if x.dtype.kind != "f" else "f" for x in (inputs, others)}
    if inputs.shape[1:] != others.shape[1:] or len(kinds) > 1:
        seen = [f"{x.dtype} of shape {x.shape[1:]}" for x in (inputs, others)]
        raise InputError(
            f"--dataset {name}: training and test examples must be alike, not"
            f" {seen[0]} and {seen[1]}."
        )
    classes = _num_classes(name, parts, labels, other_labels)
    highest = _highest(name, parts.get("highest"), inputs.dtype)
    crc = None
    if exact or inputs.dtype.kind in "iub":
        crc = _crc32(others, _crc32(inputs))
    return Raw(splits[0], splits[1], classes, highest, crc)


def _parts(name: str, found: Any) -> dict[str, Any]:
    """Splits by name, and perhaps the number of classes and the highest value."""
    if isinstance(found, Raw):
        found = {k: v for k, v in found._asdict().items() if k in _KEYS}
    if isinstance(found, dict) and {"train", "test"} <= found.keys() <= _KEYS:
        parts = found
    elif _is_pair(found) and all(map(_is_pair, found)):
        parts = {"train": found[0], "test": found[1]}
    elif _is_pair(found) and all(hasattr(array, "shape") for array in found):
        return {"train": found}
    else:
        raise InputError(
            f"--dataset {name} must return {ALLOWED}, not {_shown(found)}."
        )
    for split in ("train", "test"):
        if not _is_pair(parts[split]):
            raise InputError(
                f"--dataset {name}: the {split} split must be (inputs, labels), not"
                f" {_shown(parts[split])}."
            )
    return parts


def _is_pair(found: Any) -> bool:
    return isinstance(found, tuple | list) and len(found) == 2


def _shown(found: Any) -> str:
    if isinstance(found, dict):
        return f"a dict with the keys {', '.join(map(str, found)) or 'none'}"
    if isinstance(found, tuple | list):
        kinds = ", ".join(type(each).__name__ for each in found[:4])
        lists = any(isinstance(each, list) for each in found)
        hint = ": np.asarray makes an array of a list" if lists else ""
        kind = type(found).__name__
        return f"a {kind} of {len(found)} ({kinds or 'nothing'}){hint}"
    if found is None:
        return "None"
    return with_article(type(found).__name__)


def _split(what: str, inputs: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Inputs [N, H, W, C] or [N, D], and labels [N]."""
    inputs, labels = _array(what, "inputs", inputs), _array(what, "labels", labels)
    if inputs.dtype.kind not in "buif":
        raise InputError(f"{what}: inputs must be numbers, not of {inputs.dtype}.")
    if inputs.ndim not in (2, 3, 4):
        raise InputError(
            f"{what}: inputs must be [N, D], [N, H, W] or [N, H, W, C], not of shape"
            f" {inputs.shape}."
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = ": one-hot labels are labels.argmax(1)" if labels.ndim == 2 else ""
        raise InputError(
            f"{what}: labels must be [N], not of shape {labels.shape}{hint}."
        )
    if len(inputs) != len(labels):
        raise InputError(
            f"{what}: there are {len(inputs)} inputs and {len(labels)} labels."
        )
    if not inputs.size:
        raise InputError(f"{what} is empty: its inputs are of shape {inputs.shape}.")
    if labels.dtype.kind not in "ui":
        raise InputError(
            f"{what}: labels must be integers 0 to K - 1, not of {labels.dtype};"
            " np.unique(labels, return_inverse=True)[1] makes such."
        )
    if labels.min() < 0:
        raise InputError(
            f"{what}: labels must be integers 0 to K - 1, not {labels.min()}."
        )
    _check_finite(what, inputs)
    return inputs[..., None] if inputs.ndim == 3 else inputs, labels


def _array(what: str, which: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
    except Exception as error:  # lists of unequal length, tensors on a device
        raise InputError(f"{what}: its {which} are no array: {error}.") from error
    if array.dtype == object:
        raise InputError(
            f"{what}: {which} must be an array of numbers, not of objects (of several"
            " shapes, perhaps)."
        )
    return array


def _check_finite(what: str, inputs: np.ndarray) -> None:
    if inputs.dtype.kind != "f":
        return
    for start in range(0, len(inputs), _CHUNK):
        bad = ~np.isfinite(inputs[start : start + _CHUNK]).reshape(
            len(inputs[start : start + _CHUNK]), -1
        ).all(1)
        if bad.any():
            raise InputError(
                f"{what}: inputs must be finite; example {start + bad.argmax()} is not."
            )


def _divided(name: str, inputs: np.ndarray, labels: np.ndarray) -> list:
    """A training and a test split, always the same: one that followed a seed would
    leak into the runs that it is compared with."""
    held_out = len(labels) // TEST_FRACTION
    if not held_out:
        raise InputError(
            f"--dataset {name}: of {len(labels)} examples none is left for a test"
            f" split, a {TEST_FRACTION}th: there must be {TEST_FRACTION} or more."
        )
    # RandomState, not Generator: NumPy froze its stream for good.
    at = np.random.RandomState(0).permutation(len(labels))
    parts = np.sort(at[held_out:]), np.sort(at[:held_out])
    return [(inputs[part], labels[part]) for part in parts]


def _num_classes(name: str, parts: dict, *labels: np.ndarray) -> int:
    largest = max(int(each.max()) for each in labels)
    given = parts.get("num_classes")
    if given is None:
        size, seen = sum(map(len, labels)), len(np.unique(np.concatenate(labels)))
        # Of many more classes than are there, most would be outputs of nothing.
        if largest < 1 or largest >= min(size, MOST_CLASSES * seen):
            there = counted(seen, "class", "classes")
            raise InputError(
                f"--dataset {name}: the labels of {counted(size, 'example')} are of"
                f" {there}, and the largest is {largest}: labels must be 0 to K - 1 of"
                " K >= 2 classes; np.unique(labels, return_inverse=True)[1] makes such."
            )
        return largest + 1
    if not isinstance(given, int | np.integer) or given < max(2, largest + 1):
        raise InputError(
            f'--dataset {name}: "num_classes" must be an integer above the largest'
            f" label, {largest}, and at least 2, not {given!r}."
        )
    return int(given)


def _highest(name: str, given: Any, dtype: np.dtype) -> float | None:
    if given is None:
        known = {"b": 1.0, "u": float(np.iinfo(dtype).max) if dtype.kind == "u" else 0}
        return known.get(dtype.kind)
    number = isinstance(given, int | float | np.integer | np.floating)
    if not number or not 0 < given < math.inf:
        raise InputError(
            f'--dataset {name}: "highest" must be the value of a fully lit pixel,'
            f" positive and finite, not {given!r}."
        )
    return float(given)


def _crc32(array: np.ndarray, before: int = 0) -> int:
    # Little-endian, row by row: the same for the same numbers.
    plain = array.dtype.newbyteorder("<")
    for start in range(0, len(array), _CHUNK):
        part = np.ascontiguousarray(array[start : start + _CHUNK], plain)
        before = zlib.crc32(part.data, before)
    return before
