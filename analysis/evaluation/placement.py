"""Examples that an evaluation finds divided among the devices of a mesh."""

from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh

from analysis.evaluation.batch_statistics import BatchStatistics
from landscape.aliases import Batch, Batches
from landscape.derivatives import as_batches, num_examples
from landscape.errors import InputError
from landscape.machine import division
from landscape.one_line import one_line


class Placed(NamedTuple):
    """Batches on the devices of a mesh, as `placed` puts them.

    Attributes:
      parts: their examples divided; those that do not divide are on each device.
      batch_size: examples that have statistics together; None: any.
    """

    parts: list
    batch_size: int | None = None

    __repr__ = one_line


def placed(
    mesh: Mesh, batches: Batches | Placed, statistics: BatchStatistics | None = None
) -> Placed:
    """The batches for many calls of `evaluate`, put on the devices once.

    Args:
      mesh: of the devices.
      batches: as in `evaluate`; with several processes each has all of them.
      statistics: as there.

    Raises:
      InputError: batches that `evaluate` refuses, or placed for other statistics or on
        other devices.

    >>> from landscape.machine import devices
    >>> examples = jax.numpy.arange(5.0)
    >>> placed(devices.make_mesh(1), examples, BatchStatistics(2))
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: batches of 2 do not divide 5 examples, and a smaller \
batch has other statistics: use 4 examples or a batch size that divides them.
    """
    size = None if statistics is None else statistics.batch_size
    if isinstance(batches, Placed):
        if size not in (None, batches.batch_size):
            raise InputError(
                f"examples placed for batches of {batches.batch_size or 'any'} have"
                f" no statistics of {size}."
            )
        if any(division.mesh_of(part) not in (None, mesh) for part in batches.parts):
            raise InputError("the examples are placed on the devices of another mesh.")
        return batches
    if size is not None and size % mesh.size:
        raise InputError(
            f"batches of {size} examples do not divide among {mesh.size} devices."
        )
    parts = []
    for batch in as_batches(batches):
        if statistics is not None:
            statistics.check(batch)
        whole = num_examples(batch) // (size or mesh.size) * (size or mesh.size)
        for part in (_part(batch, 0, whole), _part(batch, whole, None)):
            if not num_examples(part):
                continue
            if size is not None and num_examples(part) >= size:
                part = jax.tree.map(lambda x: _by_device(x, mesh.size, size), part)
            parts.append(division.put(mesh, part))
    return Placed(parts, size)


def _part(batch: Batch, start: int, stop: int | None) -> Batch:
    return jax.tree.map(lambda x: x[start:stop], batch)


def _by_device(x: Any, num_devices: int, size: int) -> Any:
    """Batches of `size` in the order in which `chunk_of` finds each one's examples.

    >>> division.chunk_of(_by_device(jax.numpy.arange(8), 2, 4), 4, 4, 2).tolist()
    [4, 5, 6, 7]
    """
    apart = x.reshape(-1, num_devices, size // num_devices, *x.shape[1:])
    return apart.swapaxes(0, 1).reshape(x.shape)
