"""Inputs as the bytes that they were made of, in a quarter of the memory."""

from typing import Any, NamedTuple

import numpy as np

from landscape.data.dataset import CHUNK, Normalisation

VALUES = np.arange(256)


class Pixels(NamedTuple):
    """Inputs: example i of `bytes` stands for `table[bytes[i]]`, by channel of images.

    Attributes:
      bytes: uint8 [N, H, W, C] or [N, D].
      table: float32 [256, C] of images, [256] of vectors.
    """

    bytes: Any
    table: Any


def as_bytes(inputs: np.ndarray, normalisation: Normalisation | None) -> Pixels | None:
    """The bytes of normalised inputs; None if they were not whole numbers to 255.

    Each is looked up in the table and must have the same bits as before.

    Args:
      inputs: float32 [N, H, W, C] or [N, D], normalised.
      normalisation: how; None: it is not known.

    >>> how = Normalisation(np.array(100.0), np.array(50.0), 255.0)
    >>> as_bytes(np.float32([[-2.0, 0.0, 3.1]]), how).bytes
    array([[  0, 100, 255]], dtype=uint8)
    >>> as_bytes(np.float32([[0.01]]), how) is None
    True
    """
    if normalisation is None:
        return None
    mean, deviation, _ = normalisation
    values = VALUES.reshape(-1, *(1,) * mean.ndim)
    table = ((values - mean) / deviation).astype(np.float32)
    found = np.empty(inputs.shape, np.uint8)
    for i in range(0, len(inputs), CHUNK):
        part = inputs[i : i + CHUNK]
        whole = np.rint(part * deviation + mean)
        if whole.min() < 0 or whole.max() > 255:
            return None
        found[i : i + CHUNK] = whole
        again = looked_up(table, found[i : i + CHUNK], np)
        if (again.view(np.int32) != part.view(np.int32)).any():
            return None
    return Pixels(found, table)


def looked_up(table: Any, pixels: Any, numpy) -> Any:
    """What bytes stand for.

    Args:
      table, pixels: see `Pixels`.
      numpy: NumPy, or jax.numpy.
    """
    if table.ndim == 1:
        return numpy.take(table, pixels.astype(np.int32), mode="clip")
    # Of a table in one row: XLA looks up single numbers faster than in two axes.
    channels = table.shape[1]
    at = pixels.astype(np.int32) * channels + np.arange(channels, dtype=np.int32)
    return numpy.take(table.reshape(-1), at, mode="clip")
