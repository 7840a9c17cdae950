"""A data set in a folder of .npy files, or in one .npz file."""

import os
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from landscape.data.protocol import raw_of
from landscape.data.raw import Raw
from landscape.errors import InputError
from landscape.registries.data_names import path_of

NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x", "y"),
)
"""What the arrays may be called: Keras' names, MedMNIST's, and without a test split."""


@lru_cache(maxsize=1)
def read(name: str, data_dir: str | None) -> Raw:
    """The data set of a folder or a file, checked; .npy files are memory-mapped.

    Args:
      name: as a run keeps it, see `landscape.registries.data_names`.
      data_dir: the folder that it is in.

    Raises:
      InputError: it is not there, lacks an array, or cannot be read; or its arrays do
        not fit, see `landscape.data.protocol`.
    """
    path = Path(path_of(name, data_dir))
    try:
        if name.endswith(".npz"):
            with np.load(path, allow_pickle=False) as file:
                found = {key: file[key] for key in _complete(path, file.files)}
        else:
            there = [each[:-4] for each in os.listdir(path) if each.endswith(".npy")]
            found = {
                key: np.load(path / f"{key}.npy", mmap_mode="r", allow_pickle=False)
                for key in _complete(path, there)
            }
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(
            f"--dataset {path}: there is no such {_kind(name)}; if a run had it and it"
            f" has moved, --data-dir names the folder that holds {name} now."
        ) from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise InputError(
            f"--dataset {path} cannot be read as arrays of numbers: {reason}."
        ) from error
    arrays = list(found.values())
    pairs = arrays if len(arrays) == 2 else [tuple(arrays[:2]), tuple(arrays[2:])]
    return raw_of(str(path), tuple(pairs), exact=True)


def _kind(name: str) -> str:
    return "file" if name.endswith(".npz") else "folder"


def _complete(path: Path, there: list[str]) -> tuple[str, ...]:
    """The first of `NAMES` of which all are there."""
    for names in NAMES:
        if set(names) <= set(there):
            return names
    # The row that is nearest to what is there.
    nearest = max(NAMES[:2], key=lambda names: len(set(names) & set(there)))
    missing = [name for name in nearest if name not in there]
    others = ", or ".join(" ".join(n) for n in NAMES if n != nearest)
    if (path / "train").is_dir() and not there:
        raise InputError(
            f"--dataset {path} holds no .npy files: a folder of images by class needs"
            " --image-size, the size that they are cropped to."
        )
    raise InputError(
        f"--dataset {path} holds no {missing[0]}, only"
        f" {', '.join(sorted(there)[:8]) or 'other files'}: it needs"
        f" {' '.join(nearest)} (or {others})."
    )
