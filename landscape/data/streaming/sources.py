"""Where encoded images are: a folder of them by class, or a prepared set of tfds."""

import concurrent.futures
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from landscape.errors import InputError
from landscape.one_line import one_line

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".ppm", ".tif", ".tiff")
TEST_NAMES = ("test", "val", "validation")
MEASURED = 1000
"""Files of a folder, at most, whose sizes tell it from another one: asking for those of
a million takes minutes on a shared disk."""


class Source(NamedTuple):
    """One split of a data set whose images are read one at a time.

    Attributes:
      size: number of examples.
      num_classes: labels are 0 to num_classes - 1.
      read: from the index of an example to the bytes of its file, and its label;
        ValueError where a prepared set holds no such record.
      name_of: from the index to what it is called in a sentence.
      files_crc32: CRC-32 of the names of its files, and of the sizes of those of a
        prepared set, or of `MEASURED` images; the same on hosts with one data set.
    """

    size: int
    num_classes: int
    read: Callable[[int], tuple[bytes, int]]
    name_of: Callable[[int], str]
    files_crc32: int | None = None

    __repr__ = one_line


def of_folder(folder: Path) -> dict[str, Source]:
    """The splits of FOLDER/train/CLASS/FILE and FOLDER/test/CLASS/FILE (or val).

    Classes are numbered in the order of their names. Files are sorted by the path below
    the split and then shuffled, always alike, so that the first examples are of all
    classes: the order of the file system does not count. Hidden files, and files whose
    suffix is none of an image, are left out.

    Raises:
      InputError: there is no such split, a class holds no image, or the splits have
        different classes.
    """
    if not folder.is_dir():
        raise InputError(f"--dataset {folder}: there is no such folder.")
    test = next((name for name in TEST_NAMES if (folder / name).is_dir()), None)
    if not (folder / "train").is_dir() or test is None:
        raise InputError(
            f"{folder} must hold the folders train and test (or val), each with one"
            " folder of images for each class."
        )
    classes = {split: _classes(folder / split) for split in ("train", test)}
    if classes["train"] != classes[test]:
        odd = ", ".join(sorted(set(classes["train"]) ^ set(classes[test])))
        raise InputError(
            f"{folder / 'train'} and {folder / test} hold different classes: {odd}."
        )
    return {
        "train": _of_files(folder / "train", classes["train"]),
        "test": _of_files(folder / test, classes["train"]),
    }


def _classes(split: Path) -> list[str]:
    names = sorted(
        path.name
        for path in split.iterdir()
        if path.is_dir() and not path.name.startswith(".")
    )
    if not names:
        raise InputError(f"{split} holds no folder of a class.")
    return names


def _of_files(split: Path, classes: list[str]) -> Source:
    files, labels = [], []
    for label, name in enumerate(classes):
        found = sorted(
            path
            for path in (split / name).rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
        if not found:
            raise InputError(f"the folder of a class, {split / name}, holds no image.")
        files += found
        labels += [label] * len(found)
    at = np.random.default_rng(zlib.crc32(b"folder")).permutation(len(files))

    def read(index: int) -> tuple[bytes, int]:
        return files[at[index]].read_bytes(), labels[at[index]]

    names = [str(path.relative_to(split)) for path in files]
    sizes = [str(files[i].stat().st_size) for i in at[:MEASURED]]
    return Source(
        len(files),
        len(classes),
        read,
        lambda index: str(files[at[index]]),
        zlib.crc32("\n".join(names + sizes).encode()),
    )


def of_builder(builder: Any, split: str) -> Source:
    """A split of a prepared tfds builder (array_record); needs no TensorFlow.

    Raises:
      InputError: a file of it is missing, or holds another number of examples.
    """
    import tensorflow_datasets as tfds
    from tensorflow_datasets.proto import tf_example_pb2

    shards = [Path(path) for path in builder.info.splits[split].filepaths]
    missing = [path for path in shards if not path.exists()]
    if missing:
        raise InputError(
            f"{missing[0]} is missing: it is one of the {len(shards)} files of the"
            f" {split} split of {builder.info.full_name}."
        )
    lengths = builder.info.splits[split].shard_lengths
    _check_lengths(shards, lengths)
    records = builder.as_data_source(
        split=split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    classes = builder.info.features["label"].num_classes

    ends = np.cumsum(lengths)

    def read(index: int) -> tuple[bytes, int]:
        try:
            record = records.__getitems__([index])[0]
            feature = tf_example_pb2.Example.FromString(record).features.feature
            image = feature["image"].bytes_list.value[0]
            return image, feature["label"].int64_list.value[0]
        except Exception as error:  # Of damaged bytes the readers raise many kinds.
            shard = shards[int(np.searchsorted(ends, index, "right"))]
            reason = str(error).split("\n")[0].split(";")[0]
            raise ValueError(f"its record in {shard}: {reason}") from error

    def name_of(index: int) -> str:
        return f"example {index} of the {split} split of {builder.info.full_name}"

    names = "\n".join(f"{path.name} {path.stat().st_size}" for path in shards)
    crc = zlib.crc32(names.encode())
    return Source(len(records), classes, read, name_of, crc)


def _check_lengths(shards: list[Path], lengths: list[int]) -> None:
    """Raises InputError unless each file is whole: its index is at its end."""
    from array_record.python import array_record_module

    def problem(shard: Path, length: int) -> str | None:
        try:
            reader = array_record_module.ArrayRecordReader(str(shard))
            found = reader.num_records()
            reader.close()
        except RuntimeError as error:
            return f"{shard} is damaged: {str(error).splitlines()[0]}"
        if found != length:
            return f"{shard} holds {found:,} examples instead of {length:,}"
        return None

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for found in pool.map(problem, shards, lengths):
            if found:
                raise InputError(f"{found}: bring it back from a copy.")


def subset(source: Source, indices: np.ndarray) -> Source:
    """Some of the examples of a source, in the order of their indices."""
    return source._replace(
        size=len(indices),
        read=lambda i: source.read(int(indices[i])),
        name_of=lambda i: source.name_of(int(indices[i])),
    )
