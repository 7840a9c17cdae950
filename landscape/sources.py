"""What a run was made from, known by digests: the file sources.json of its folder.

The data set and the run whose masks or network were taken may move; their digests say
that what is found is what was used. With the shapes of the data, weights load without
it.
"""

import json
import zlib
from pathlib import Path
from typing import Any

from landscape.data import Dataset
from landscape.errors import InputError

SOURCES = "sources.json"


def describe_data(data: Dataset) -> dict[str, Any]:
    """Shapes, and the number of examples and the CRC-32 of the labels of each split.

    Of arrays of the user's own also the CRC-32 of the inputs, where they are the same
    on every machine.

    >>> import numpy as np
    >>> split = {"label": np.zeros(3, np.int32)}
    >>> describe_data(Dataset("few", 2, (5,), split, None, split))["test"]
    {'examples': 3, 'labels_crc32': 2077607535}
    """
    names = ("train", "validation", "test")
    splits = {name: getattr(data, name) for name in names}
    inputs = {} if data.inputs_crc32 is None else {"inputs_crc32": data.inputs_crc32}
    return {
        "input_shape": list(data.input_shape),
        "num_classes": data.num_classes,
        **{name: _describe_split(split) for name, split in splits.items() if split},
        **inputs,
    }


def _describe_split(split: dict[str, Any]) -> dict[str, int]:
    # Labels are whole numbers: the same on every machine, as normalised inputs are not.
    labels = split["label"].astype("<i4")
    return {"examples": len(labels), "labels_crc32": zlib.crc32(labels.tobytes())}


def read(folder: Path) -> dict[str, Any]:
    """The content of sources.json; empty where a run of before has none.

    Raises:
      InputError: it is damaged.
    """
    path = folder / SOURCES
    try:
        return dict(json.loads(path.read_text())) if path.exists() else {}
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): bring it back from a copy of the run, or"
            " remove it."
        ) from None


def check_data(folder: Path, data: Dataset) -> None:
    """Refuses another data set than that of the run in `folder`.

    Raises:
      InputError: the number of examples, or the labels, are others.
    """
    known = read(folder).get("data")
    here = describe_data(data)
    if known is not None and known != here:
        odd = ", ".join(key for key in known | here if known.get(key) != here.get(key))
        raise InputError(
            f"{folder} was trained on other data than the {data.name} that is found"
            f" here (its {odd} differ): --data-dir names where its data are."
        )
