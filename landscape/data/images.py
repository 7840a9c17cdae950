"""Any image-classification set of tfds, read without TensorFlow.

Everything of tfds is imported on use: it takes a second, and digits and blobs do
without.
"""

import contextlib
import difflib
import io
import shlex
from functools import lru_cache
from os.path import expanduser
from typing import Any

import numpy as np

from landscape.data.raw import Raw
from landscape.errors import InputError
from landscape.registries.data_names import holds_data, path_of
from landscape.registries.methods import DATA_SETS

TEST_SPLITS = ("test", "validation")
CHUNK = 4096  # records in memory at once, beside the pixels


def open_builder(name: str, data_dir: str | None) -> Any:
    """The tfds builder of an image-classification set, prepared or not.

    Raises:
      InputError: no such set (with the nearest name), one that tfds cannot open, or
        one whose examples are not an image and its label.
    """
    import tensorflow_datasets as tfds

    directory = None if data_dir is None else expanduser(data_dir)
    try:
        # Where tfds misses an optional package it prints a banner, beside the error.
        with contextlib.redirect_stdout(io.StringIO()):
            builder = tfds.builder(name, data_dir=directory)
    except tfds.core.registered.DatasetNotFoundError:
        # Its own message is a list of all data sets there are.
        known = [*DATA_SETS, *tfds.list_builders(with_community_datasets=False)]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f": perhaps you meant {near[0]!r}?" if near else "."
        if holds_data(path_of(name, data_dir)):
            hint = f": perhaps you meant the folder '{name}/'?"
        raise InputError(
            f"unknown dataset {name!r}{hint}"
            f" Allowed: {', '.join(DATA_SETS)}, the image-classification sets of tfds,"
            " ./FOLDER of .npy files, FILE.npz and package.module:function."
        ) from None
    except Exception as error:  # each builder is code of its own
        reason, *_ = str(error.__cause__ or error).strip().splitlines() or [repr(error)]
        if "builder name" in reason:
            reason = "it has no such names; a function is package.module:function."
        raise InputError(f"tfds cannot open the dataset {name!r}: {reason}") from error
    _check_features(name, builder.info.features)
    return builder


def _check_features(name: str, features: Any) -> None:
    import tensorflow_datasets as tfds

    is_dict = isinstance(features, tfds.features.FeaturesDict)
    kinds = {key: type(kind) for key, kind in features.items()} if is_dict else {}
    if (kinds.get("image"), kinds.get("label")) != (
        tfds.features.Image,
        tfds.features.ClassLabel,
    ):
        found = ", ".join(f"{key} ({kind.__name__})" for key, kind in kinds.items())
        raise InputError(
            f"dataset {name!r} is not an image-classification set, with an image and a"
            f" label (ClassLabel): its examples hold {found or 'neither'}."
        )
    image = features["image"]
    if image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise InputError(
            f"the images of {name!r} must have 1 or 3 channels of uint8, not"
            f" {image.shape[-1]} of {np.dtype(image.np_dtype)}."
        )


def is_prepared(builder: Any) -> bool:
    """Whether the set is there; tfds' own question prints a warning when it is not."""
    return (builder.data_path / "dataset_info.json").exists()


def prepare_command(name: str, data_dir: str | None) -> str:
    """The command that downloads and prepares a set.

    >>> prepare_command("mnist", "my data")
    "python -m landscape.data.prepare mnist --data-dir 'my data'"
    """
    flag = [] if data_dir is None else ["--data-dir", data_dir]
    return shlex.join(["python", "-m", "landscape.data.prepare", name, *flag])


def open_prepared(name: str, data_dir: str | None) -> Any:
    """The builder of a set that can be read here; none of its examples is read.

    Raises:
      InputError: as `open_builder`; or the set is not prepared, or not as array_record,
        or lacks a train split, or one for testing.
    """
    builder = open_builder(name, data_dir)
    if not is_prepared(builder):
        command = prepare_command(name, data_dir)
        raise InputError(
            f"dataset {name!r} is not prepared here: run `{command}`, or"
            " name the folder that holds it with --data-dir."
        )
    if builder.info.file_format.value != "array_record":
        raise InputError(
            f"dataset {name!r} is prepared here as {builder.info.file_format.value},"
            " not as array_record: choose or prepare another folder,"
            f" `{prepare_command(name, 'DIR')}`."
        )
    splits = builder.info.splits
    for needed in (("train",), TEST_SPLITS):
        if not set(needed) & set(splits):
            raise InputError(
                f"dataset {name!r} has no {' or '.join(needed)} split, only"
                f" {', '.join(splits)}."
            )
    return builder


def test_split(builder: Any) -> str:
    """The split that a prepared set is tested on: test, or validation without one."""
    return next(name for name in TEST_SPLITS if name in builder.info.splits)


@lru_cache(maxsize=1)
def read(name: str, data_dir: str | None) -> Raw:
    """Both splits of a prepared set, in the order of its records.

    Args:
      name: as tfds knows it, with a configuration if it has some: emnist/letters.
      data_dir: where the prepared sets are; None is tfds' own default.

    Raises:
      InputError: the set is unknown, not prepared, not one of image classification,
        lacks a train or a test split, or has images of several sizes or of pixels
        that do not fit a byte.
    """
    builder = open_prepared(name, data_dir)
    classes = builder.info.features["label"].num_classes
    train, test = (
        _read_split(builder, name, split) for split in ("train", test_split(builder))
    )
    if train[0].shape[1:] != test[0].shape[1:]:
        raise _several_sizes(name, train[0].shape[1:3], test[0].shape[1:3])
    for _, labels in (train, test):
        if labels.min() < 0 or labels.max() >= classes:
            raise InputError(
                f"dataset {name!r} has labels outside 0 to {classes - 1}: it is not"
                " labelled."
            )
    return Raw(train, test, classes, highest=255)


def _read_split(builder: Any, name: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [N, H, W, C] and labels int32 [N].

    tfds' own decoding takes twice as long and asks for OpenCV, whose JPEG pixels need
    not be PIL's; threads gain nothing, because the work is Python around the decoder.
    """
    import tensorflow_datasets as tfds
    from PIL import Image
    from tensorflow_datasets.proto import tf_example_pb2

    source = builder.as_data_source(
        split=split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES
    )
    channels = builder.info.features["image"].shape[-1]
    mode = {1: "L", 3: "RGB"}[channels]
    pixels, labels, size = [], [], None
    for start in range(0, len(source), CHUNK):
        chunk = range(start, min(start + CHUNK, len(source)))
        for record in source.__getitems__(list(chunk)):
            feature = tf_example_pb2.Example.FromString(record).features.feature
            image = Image.open(io.BytesIO(feature["image"].bytes_list.value[0]))
            size = size or image.size
            if image.size != size:
                raise _several_sizes(name, size[::-1], image.size[::-1])
            if image.mode != mode:
                image = of_bytes(name, image).convert(mode)
            pixels.append(image.tobytes())
            labels.append(feature["label"].int64_list.value[0])
    if not pixels:
        raise InputError(f"the {split} split of dataset {name!r} is empty.")
    width, height = size
    images = np.frombuffer(b"".join(pixels), np.uint8)
    return images.reshape(-1, height, width, channels), np.asarray(labels, np.int32)


def of_bytes(name: str, image: Any) -> Any:
    """An image of 8 bits a channel: of grey 16 bits the high byte, as TensorFlow does.

    Of 16-bit colour Pillow itself reads the high bytes.
    """
    from PIL import Image

    # Older versions of Pillow open a grey PNG of 16 bits as 32.
    if image.mode.startswith("I;16") or (image.mode, image.format) == ("I", "PNG"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode[0] in "IF":
        raise InputError(
            f"the images of {name!r} must have 8 bits a channel, or 16 in grey PNG"
            f" files, not those of a {image.format} file of mode {image.mode}."
        )
    return image


def _several_sizes(name: str, one: tuple[int, int], other: tuple[int, int]):
    first, second = ("x".join(map(str, size)) for size in (one, other))
    return InputError(
        f"the images of {name!r} must all have one size, not {first} and {second}:"
        " --image-size N reads them in time, cropped to NxN."
    )
