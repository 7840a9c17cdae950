"""A split of a data set that is read in time, and looks like one that is in memory.

`split["image"][:100]` are the first images, decoded, cropped to their centre and
normalised; `len(split["label"])` reads nothing. So an analysis of the first examples
works as of any other data set. Training reads batches of `split.stream`.
"""

import concurrent.futures
import math

import numpy as np

from landscape.data.streaming.batches import Stream, batch
from landscape.errors import InputError
from landscape.machine import hosts

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels scaled to [0, 1], by channel: what standardises streams."""
LARGEST = 2**33
"""Bytes of pixels that are read into memory at once, or a third of what is free where
that is more: they are read as bytes first, and a copy of them may go to a device."""


class StreamedSplit(dict):
    """dict(image, label, weight) of `Column`s.

    Attributes:
      stream: the images as they are stored, for evaluation: cropped to their centre.
      mean, deviation: float32 [3], of pixels from 0 to 255.
    """

    def __init__(self, stream: Stream, mean: np.ndarray, deviation: np.ndarray):
        self.stream, self.mean, self.deviation = stream, mean, deviation
        # What was read last: image, label and weight are asked for one by one.
        self._part, self._found = None, {}
        size = (stream.size, stream.size, 3)
        super().__init__(
            image=Column(self, "image", size, np.dtype(np.float32)),
            label=Column(self, "label", (), np.dtype(np.int32)),
            weight=Column(self, "weight", (), np.dtype(np.float32)),
        )

    def read(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Some examples, normalised, in memory.

        Raises:
          InputError: they are larger than the memory that is meant for it.
        """
        key = indices.tobytes()
        if key == self._part:
            return self._found
        count, size = len(indices), self.stream.size
        if (nbytes := 4 * 3 * size**2 * count) > LARGEST and nbytes > (most := _most()):
            raise InputError(
                f"{count:,} images of {size}x{size} are {nbytes / 2**30:.1f} GiB, more"
                " than is read into memory at once: --num-examples must be at most"
                f" {most * count // nbytes:,}."
            )
        with concurrent.futures.ThreadPoolExecutor(self.stream.workers) as pool:
            found = batch(pool, self.stream, indices, 0)
        image = found["image"].astype(np.float32)
        # In place: another array of them all may not fit.
        image -= self.mean
        image /= self.deviation
        self._part, self._found = key, found | {"image": image}
        return self._found


def _most() -> int:
    """Bytes that this process may take, beside the others of its host."""
    from landscape.machine import devices

    free = devices.own_host_memory() or 0
    return max(LARGEST, free // 3 // hosts.count_here())


class Column:
    """One entry of all examples of a split; parts are read when they are taken.

    Attributes:
      shape, dtype: of the array that the whole would be.
    """

    def __init__(
        self, split: StreamedSplit, name: str, shape: tuple[int, ...], dtype: np.dtype
    ):
        self._split, self._name = split, name
        self.shape, self.dtype = (split.stream.source.size, *shape), dtype

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the whole."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, part: slice | np.ndarray) -> np.ndarray:
        indices = np.arange(len(self))[part]
        if indices.ndim != 1:
            raise TypeError(
                "of a split that is read in time a slice or an array of"
                " indices is taken"
            )
        return self._split.read(indices)[self._name]
