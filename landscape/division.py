"""Examples divided among the devices of a mesh, each of which keeps its own.

What is computed of them under `jit` is divided likewise, and sums over the examples are
added up over the devices.
"""

from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from landscape import devices
from landscape.aliases import Batch
from landscape.derivatives import num_examples


def cut(mesh: Mesh, batches: list, chunk_size: int | None = None) -> list:
    """The batches in parts that divide by the devices, and what is left of each batch.

    Args:
      mesh: of the devices.
      batches: of which the last may be smaller.
      chunk_size: examples in a part at most, divisible by the devices.

    >>> mesh = devices.make_mesh(1)
    >>> [len(part) for part in cut(mesh, [jnp.ones(5), jnp.ones(2)], 4)]
    [4, 1, 2]
    """
    found = []
    for batch in batches:
        size = num_examples(batch)
        whole = size // mesh.size * mesh.size
        stops = [*range(0, whole, chunk_size or whole or 1), whole, size]
        for start, stop in pairwise(stops):
            if start < stop:
                part = jax.tree.map(lambda x, i=start, j=stop: x[i:j], batch)
                found.append(part)
    return found


def put(mesh: Mesh, part: Batch) -> Batch:
    """A part on the devices: its examples divided, or whole where they do not divide.

    With several processes, each has all of them.
    """
    if num_examples(part) % mesh.size:
        return devices.replicate(mesh, part)
    return jax.tree.map(partial(_divided, mesh), part)


def _divided(mesh: Mesh, x: Any) -> jax.Array:
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    if sharding.is_fully_addressable or not isinstance(x, np.ndarray):
        return jax.device_put(x, sharding)
    # It would compare the whole array over all processes.
    x = x.astype(jnp.result_type(x))
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])
