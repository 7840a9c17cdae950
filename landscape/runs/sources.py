"""What a run was made from, known by digests: the file sources.json of its folder.

The data set and the run whose masks or network were taken may move; their digests say
that what is found is what was used. With the shapes of the data, weights load without
it. Models, data sets and methods of the user's own are known by the digests of their
files: a changed one is reported when a run is loaded, as an edit may leave the
network as it was, and refused when a training resumes, which would be of two codes.
"""

import functools
import json
import math
import sys
import zlib
from pathlib import Path
from typing import Any

from landscape.data import Dataset, streaming
from landscape.errors import InputError
from landscape.machine.hosts_disagreement import differences
from landscape.registries.data_names import is_function
from landscape.users import files as user_files
from landscape.users.code import is_user_code

SOURCES = "sources.json"
STREAMED = 128
"""Labels that tell a data set which is read in time from another one."""
CODE = "code"
"""The key of the user's own code."""
_SETTINGS = "model", "dataset", "method"


def describe_data(data: Dataset) -> dict[str, Any]:
    """Shapes, and the number of examples and the CRC-32 of the labels of each split.

    Of one that is read in time the CRC-32 of the first labels, and of the names and
    sizes of its files (`Source.files_crc32`).

    Of arrays of the user's own also the CRC-32 of the inputs, where they are the same
    on every machine, and else of what a function makes their mean and deviation.

    >>> import numpy as np
    >>> split = {"label": np.zeros(3, np.int32)}
    >>> describe_data(Dataset("few", 2, (5,), split, None, split))["test"]
    {'examples': 3, 'labels_crc32': 2077607535}
    """
    names = ("train", "validation", "test")
    splits = {name: getattr(data, name) for name in names}
    inputs: dict[str, Any] = {}
    if data.inputs_crc32 is not None:
        inputs["inputs_crc32"] = data.inputs_crc32
    elif is_function(data.name) and data.normalisation is not None:
        # Rounding differs between machines, what another call makes by far more.
        mean, deviation, _ = data.normalisation
        inputs["normalisation"] = [mean.tolist(), deviation.tolist()]
    return {
        "input_shape": list(data.input_shape),
        "num_classes": data.num_classes,
        **{name: _describe_split(split) for name, split in splits.items() if split},
        **inputs,
    }


def _describe_split(split: dict[str, Any]) -> dict[str, int]:
    # Labels are whole numbers: the same on every machine, as normalised inputs are not.
    labels = split["label"]
    streamed = isinstance(split, streaming.StreamedSplit)
    # Of a split that is read in time the first ones, which are read with their images.
    told = labels[:STREAMED] if streamed else labels
    crc = zlib.crc32(told.astype("<i4").tobytes())
    found = {"examples": len(labels), "labels_crc32": crc}
    if streamed:
        found["files_crc32"] = split.stream.source.files_crc32
    return found


def read(folder: Path) -> dict[str, Any]:
    """The content of sources.json; empty where an older run has none.

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
    if known is None:
        return
    odd = [key for key in known | here if not _alike(known.get(key), here.get(key))]
    if odd:
        if odd == ["normalisation"]:
            raise InputError(
                f"{folder} was trained on other inputs than {data.name} returns now:"
                " a function must return the same arrays whenever it is called."
            )
        raise InputError(
            f"{folder} was trained on other data than the {data.name} that is found"
            f" here ({differences(here, known)}): --data-dir names where its data are."
        )


def _alike(known: Any, here: Any) -> bool:
    """Whether two entries are equal, floating-point numbers to rounding.

    Of splits, all that is known: older runs know nothing of files.
    """
    if isinstance(known, dict) and isinstance(here, dict):
        return known.keys() <= here.keys() and all(
            _alike(value, here[key]) for key, value in known.items()
        )
    if isinstance(known, float) and isinstance(here, float):
        return math.isclose(known, here, rel_tol=1e-5, abs_tol=1e-9)
    if isinstance(known, list) and isinstance(here, list):
        return len(known) == len(here) and all(map(_alike, known, here))
    return known == here


def describe_code(config: Any) -> dict[str, Any]:
    """Name, folder and digests of each setting that is code of the user's own.

    By the name of the setting, see `landscape.users.files.Code`; imports nothing.

    Args:
      config: settings of a run.
    """
    found = {}
    for setting, name in _named(config).items():
        code = user_files.digests(name)
        if code is not None:
            found[setting] = code._asdict()
    return found


def check_code(config: Any) -> None:
    """Refuses settings that name code of the user's own which is not there.

    Raises:
      InputError: as `landscape.users.files.check`.
    """
    for setting, name in _named(config).items():
        user_files.check(f"--{setting}", name)


def changed_code(folder: Path, config: Any) -> list[str]:
    """What is other now of the user's code that the run in `folder` was made with.

    Returns:
      A clause for each setting whose files are other; [] where all are as they were.

    Raises:
      InputError: the module is not found, or does not define the name; says where it
        was.
    """
    known = read(folder).get(CODE, {})
    found = []
    for setting, name in _named(config).items():
        then = known.get(setting)
        try:
            user_files.check(f"--{setting}", name)
        except InputError as error:
            if then is None:
                raise
            raise InputError(f"{folder}: {error}{_was_there(then)}") from None
        if then is None or (now := user_files.digests(name)) is None:
            continue
        ours, theirs = now.files, then["files"]
        odd = sorted(k for k in ours | theirs if ours.get(k) != theirs.get(k))
        if odd:
            moved = "" if then["folder"] == now.folder else f" in {now.folder}"
            was = f" of {then['folder']}" if moved else ""
            verb = "has" if len(odd) == 1 else "have"
            found.append(
                f"{', '.join(odd)}{was} (--{setting} {name}) {verb} changed{moved}"
            )
    return found


def tell_changed_code(folder: Path, config: Any) -> None:
    """Says on stderr, in one line and once, which code of the user's has changed.

    Raises:
      InputError: as `changed_code`.
    """
    if odd := changed_code(folder, config):
        _say(f"{folder}: {'; '.join(odd)} since the run was trained.")


def refuse_changed_code(folder: Path, config: Any) -> None:
    """Refuses to resume a run whose code of the user's own has changed.

    Raises:
      InputError: as `changed_code`; or it has changed.
    """
    if odd := changed_code(folder, config):
        raise InputError(
            f"{folder}: {'; '.join(odd)} since the run was started: bring back what was"
            " there to resume it, or choose another --workdir."
        )


def _named(config: Any) -> dict[str, str]:
    """The settings that are code of the user's own."""
    names = {setting: getattr(config, setting) for setting in _SETTINGS}
    tests = {"dataset": is_function}
    return {
        setting: name
        for setting, name in names.items()
        if tests.get(setting, is_user_code)(name)
    }


def _was_there(then: dict[str, Any]) -> str:
    if then["folder"] == str(Path.cwd()):
        return ""
    return (
        f" When the run was trained it was in {then['folder']}: change to that folder,"
        " or add it to PYTHONPATH."
    )


@functools.lru_cache(maxsize=256)
def _say(line: str) -> None:
    """A line on stderr; the same one is not said again."""
    print(line, file=sys.stderr)
