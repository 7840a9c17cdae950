"""A data set by its settings, to be read in time (--image-size)."""

import functools
import os
from pathlib import Path

import numpy as np

from landscape.config import TrainConfig
from landscape.data import images
from landscape.data.streaming import sources
from landscape.data.streaming.batches import Stream
from landscape.data.streaming.sources import Source
from landscape.data.streaming.splits import DEVIATION, MEAN, StreamedSplit
from landscape.errors import InputError
from landscape.registries.data_names import is_arrays, path_of


@functools.lru_cache(maxsize=2)
def open_sources(name: str, data_dir: str | None) -> dict[str, Source]:
    """The train and test splits of a data set; of its images one is read at most.

    Raises:
      InputError: there is no such folder or prepared set of tfds.
    """
    if is_arrays(name):
        return sources.of_folder(Path(path_of(name, data_dir)))
    builder = images.open_prepared(name, data_dir)
    train = sources.of_builder(builder, "train")
    test = sources.of_builder(builder, images.test_split(builder))
    if _label(test, 0) < 0 and "validation" in builder.info.splits:
        # ImageNet's test split has no labels.
        test = sources.of_builder(builder, "validation")
    return {"train": train, "test": test}


def _label(source: Source, index: int) -> int:
    try:
        return source.read(index)[1]
    except ValueError as error:
        raise InputError(f"{source.name_of(index)} cannot be read: {error}.") from error


def split_of(source: Source, config: TrainConfig) -> StreamedSplit:
    """A split of the settings' image size, normalised as they say.

    standardize is by ImageNet's mean and deviation, whatever the data set: its own are
    not known without reading all of it.
    """
    workers = config.workers or available_cores()
    stream = Stream(source, config.image_size, False, config.order, workers, {})
    mean, deviation = np.float32(MEAN) * 255, np.float32(DEVIATION) * 255
    if config.inputs == "scale":
        mean, deviation = np.zeros(3, np.float32), np.full(3, 255, np.float32)
    return StreamedSplit(stream, mean, deviation)


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
