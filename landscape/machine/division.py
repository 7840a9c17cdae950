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

from landscape.aliases import Batch
from landscape.machine import devices


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
        size = _size(batch)
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
    if _size(part) % mesh.size:
        return devices.replicate(mesh, part)
    return jax.tree.map(partial(_divided, mesh), part)


def put_all(mesh: Mesh, batch: Batch) -> Batch:
    """As `put`, of examples that are taken by index; the first ones fill the last rows.

    The rows, `size` rounded up to a multiple of the devices, are divided in any case.

    >>> put_all(devices.make_mesh(1), np.arange(3)).tolist()
    [0, 1, 2]
    """
    size = _size(batch)
    if missing := -size % mesh.size:
        rows = np.arange(size + missing) % size
        batch = jax.tree.map(lambda x: x[rows], batch)
    return put(mesh, batch)


def _divided(mesh: Mesh, x: Any) -> jax.Array:
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    if sharding.is_fully_addressable or not isinstance(x, np.ndarray):
        return jax.device_put(x, sharding)
    # It would compare the whole array over all processes.
    x = x.astype(jnp.result_type(x))
    return jax.make_array_from_callback(x.shape, sharding, lambda index: x[index])


def mesh_of(batch: Batch) -> Mesh | None:
    """The mesh of several devices that `put` divided a batch among; None: it did not.

    None, too, inside jit.
    """
    found = None
    for leaf in jax.tree.leaves(batch):
        sharding = getattr(leaf, "sharding", None)
        if isinstance(leaf, jax.core.Tracer) or not isinstance(sharding, NamedSharding):
            return None
        found, spec = sharding.mesh, sharding.spec
        if found.axis_names != ("data",) or found.size == 1 or spec[:1] != ("data",):
            return None
    return found


def chunk_of(x: jax.Array, start: Any, length: int, num_devices: int) -> jax.Array:
    """`length` examples of a divided array, as many of each device: none is moved.

    `start` and `length` are divisible by the devices. For jit.

    >>> chunk_of(jnp.arange(8), 2, 4, 2).tolist()
    [1, 2, 5, 6]
    """
    own = x.reshape(num_devices, -1, *x.shape[1:])
    start, each = start // num_devices, length // num_devices
    own = jax.lax.dynamic_slice_in_dim(own, start, each, axis=1)
    return own.reshape(length, *x.shape[1:])


def chunk(mesh: Mesh, batch: Batch, start: int, length: int) -> Batch:
    """`chunk_of` the arrays of a batch, divided as they are."""
    return _chunk(mesh, batch, start, length)


def first(batch: Batch, count: int) -> Batch:
    """The first examples of a batch; of a divided one on each device.

    >>> first({"image": np.arange(3)}, 2)
    {'image': array([0, 1])}
    """
    if mesh := mesh_of(batch):
        return _first(mesh, batch, count)
    return jax.tree.map(lambda x: x[:count], batch)


@partial(jax.jit, static_argnums=(0, 3))
def _chunk(mesh, batch, start, length):
    cut_leaf = partial(chunk_of, length=length, num_devices=mesh.size)
    return devices.spread(mesh, jax.tree.map(lambda x: cut_leaf(x, start), batch))


@partial(jax.jit, static_argnums=(0, 2))
def _first(mesh, batch, count):
    whole = NamedSharding(mesh, PartitionSpec())
    few = jax.tree.map(lambda x: x[:count], batch)
    return jax.lax.with_sharding_constraint(few, whole)


def _size(batch: Batch) -> int:
    return jnp.shape(jax.tree.leaves(batch)[0])[0]
