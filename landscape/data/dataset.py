"""A data set by its settings: read, split, subset, normalised, cached for later runs.

Everything is NumPy on the host: loading touches no device.
"""

import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from landscape.config import TrainConfig
from landscape.data import streaming
from landscape.data.counts import check_batch_size, check_kind, check_split
from landscape.data.raw import Raw, settings_of
from landscape.one_line import one_line
from landscape.registries.methods import data_row, resolve

Split = dict[str, np.ndarray]
CHUNK = 128  # examples in float64 at once


class Normalisation(NamedTuple):
    """How inputs are made of what is stored: (x - mean) / deviation.

    Attributes:
      mean, deviation: float64, [C] of images, [] of vectors.
      highest: the value of a fully lit pixel; None for inputs without a range.
    """

    mean: np.ndarray
    deviation: np.ndarray
    highest: float | None

    __repr__ = one_line


class Dataset(NamedTuple):
    """What a run trains on and is evaluated on.

    Each split is `dict(image, label, weight)` of read-only arrays: inputs float32
    [N, H, W, C] or [N, D], labels int32 [N], weights float32 [N], all 1.

    Attributes:
      name: as in the settings.
      num_classes: labels are 0 to num_classes - 1.
      input_shape: of one example, (H, W, C) or (D,).
      train: what is trained on, after --num-validation and --num-train.
      validation: the examples held out, or None.
      test: the set's own test split, never touched by the other settings.
      normalisation: of all splits; None if it is not known.
      inputs_crc32: of all inputs as they are stored, see `landscape.data.raw`.
    """

    name: str
    num_classes: int
    input_shape: tuple[int, ...]
    train: Split
    validation: Split | None
    test: Split
    normalisation: Normalisation | None = None
    inputs_crc32: int | None = None

    __repr__ = one_line


def load(config: TrainConfig) -> Dataset:
    """The data set that the settings describe; the same settings are read once.

    The validation split is drawn first, then the training subset out of the rest, both
    by the data seed: the validation split is the same for any --num-train, and a
    smaller subset lies within a larger one. All splits are then normalised with the
    statistics of the examples that are trained on, after both draws:

        standardize: (x - mean) / std, by channel of images, one pair for vectors;
        scale:       x / (value of a fully lit pixel).

    Raises:
      InputError: the data set is unknown or not prepared; the training split has fewer
        examples than are asked for or than a batch; the settings need images.

    >>> data = load(TrainConfig(dataset="digits", num_validation=97, num_train=1000))
    >>> [len(s["label"]) for s in (data.train, data.validation, data.test)]
    [1000, 97, 500]
    >>> data.input_shape, abs(float(data.train["image"].mean())) < 1e-6
    ((8, 8, 1), True)
    """
    check_kind(config)
    if config.image_size is not None:
        return _streamed(config)
    row = data_row(config.dataset)
    dataset = _load(
        config.dataset,
        row.read,
        settings_of(config),
        config.num_validation,
        config.num_train,
        config.inputs,
        config.data_seed,
    )
    check_batch_size(config, len(dataset.train["label"]))
    # The arrays are read-only and shared; the dicts around them are the caller's own.
    copies = (s and dict(s) for s in (dataset.train, dataset.validation, dataset.test))
    return Dataset(*dataset[:3], *copies, *dataset[6:])


def _streamed(config: TrainConfig) -> Dataset:
    """The same with splits that are read in time; no image is read here."""
    found = streaming.open_sources(config.dataset, config.data_dir)
    drawn = config.num_validation, config.num_train, config.data_seed
    whole = found["train"]
    train, held_out = _draw(config.dataset, whole.size, *drawn)
    parts = {"train": whole, "validation": None, "test": found["test"]}
    if not isinstance(train, slice):
        parts["train"] = streaming.subset(whole, train)
    if config.num_validation:
        parts["validation"] = streaming.subset(whole, held_out)
    check_batch_size(config, parts["train"].size)
    splits = {k: v and streaming.split_of(v, config) for k, v in parts.items()}
    mean, deviation = splits["train"].mean, splits["train"].deviation
    shape = (config.image_size, config.image_size, 3)
    return Dataset(
        config.dataset,
        whole.num_classes,
        shape,
        **splits,
        normalisation=Normalisation(
            mean.astype(np.float64), deviation.astype(np.float64), 255.0
        ),
    )


@lru_cache(maxsize=2)
def _load(
    name: str,
    read: str,
    settings: tuple,
    num_validation: int,
    num_train: int | None,
    inputs: str,
    seed: int,
) -> Dataset:
    raw = resolve(read)(*settings)
    train, validation = _draw(name, len(raw.train[1]), num_validation, num_train, seed)
    pixels, labels = raw.train
    mean, std = _statistics(raw, pixels[train], inputs)

    def split(inputs: np.ndarray, labels: np.ndarray) -> Split:
        image = _normalise(inputs, mean, std)
        weight = np.ones(len(labels), np.float32)
        arrays = dict(image=image, label=labels.astype(np.int32), weight=weight)
        for array in arrays.values():
            array.setflags(write=False)
        return arrays

    return Dataset(
        name,
        raw.num_classes,
        pixels.shape[1:],
        split(pixels[train], labels[train]),
        split(pixels[validation], labels[validation]) if num_validation else None,
        split(*raw.test),
        Normalisation(_of_channels(mean), _of_channels(std), raw.highest),
        raw.inputs_crc32,
    )


def _draw(
    name: str, size: int, num_validation: int, num_train: int | None, seed: int
) -> tuple[np.ndarray | slice, np.ndarray]:
    """Which of `size` examples to train on and which to hold out, in file order."""
    check_split(name, size, num_validation, num_train)
    if num_validation == 0 and num_train is None:
        return slice(None), np.empty(0, int)
    generator = np.random.default_rng([seed, zlib.crc32(b"split")])
    at = generator.permutation(size)
    validation, rest = at[:num_validation], at[num_validation:]
    return np.sort(rest[:num_train]), np.sort(validation)


def _statistics(
    raw: Raw, train: np.ndarray, inputs: str
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each entry, [H, W, C] or [D], in float64.

    Equal within a channel of images, and over all entries of vectors. What is constant
    has standard deviation 1 here, so it becomes 0.
    """
    shape = train.shape[1:]
    if inputs == "scale":
        return np.zeros(shape), np.full(shape, float(raw.highest))
    # By position first: NumPy is slow where the last axis is three channels.
    shared = (0, 1) if len(shape) == 3 else 0
    mean = _mean(train, lambda part: part).mean(shared)
    mean = np.broadcast_to(mean, shape).copy()
    variance = _mean(train, lambda part: np.square(part - mean)).mean(shared)
    std = np.sqrt(np.where(variance > 0, variance, 1.0))
    return mean, np.broadcast_to(std, shape).copy()


def _of_channels(values: np.ndarray) -> np.ndarray:
    """[C] of [H, W, C], [] of [D]: the entries that differ."""
    return values[(0,) * min(2, values.ndim)]


def _mean(x: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Mean over examples of `of(x)`, in float64, a chunk at a time."""
    chunks = (x[i : i + CHUNK] for i in range(0, len(x), CHUNK))
    return sum(of(chunk).sum(0, dtype=np.float64) for chunk in chunks) / len(x)


def _normalise(x: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """(x - mean) / std in float64, rounded to float32 once."""
    out = np.empty(x.shape, np.float32)
    for i in range(0, len(x), CHUNK):
        out[i : i + CHUNK] = (x[i : i + CHUNK] - mean) / std
    return out
