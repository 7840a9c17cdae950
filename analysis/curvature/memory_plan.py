"""How the products of an operator are computed: linearised once, or chunk by chunk.

A linearisation stays in memory. Its size is taken from the traced program before
anything is computed, and products go chunk by chunk if it does not fit.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.tree_util import Partial

from landscape import backend, devices
from landscape.aliases import Batch
from landscape.callables import Static
from landscape.derivatives import (
    Product,
    average,
    joinable,
    joined,
    linearized,
    num_examples,
    product_of,
)
from landscape.one_line import one_line

MEMORY = 2**32
"""Bytes that an operator may take on a device that does not report its memory."""

CHUNK = 2**24
"""Bytes of the linearisation of one chunk on a CPU: smaller ones stay in its caches."""

CONVOLUTION_CHUNK = 16
"""Examples in a chunk of convolutions on a CPU, where this was fastest."""


class Plan(NamedTuple):
    """Where the data are, and what is computed from them at which time.

    Attributes:
      batches: the data as products take them.
      chunk_size: examples that are differentiated at a time, in each product; None:
        the batches are linearised once, here.
      scannable: whether products may run inside one compiled loop.
      description: the same in words.
    """

    batches: list
    chunk_size: int | None
    scannable: bool
    description: str

    __repr__ = one_line

    @property
    def scan(self) -> bool:
        """Whether the chunks of a product go in one compiled loop."""
        return self.chunk_size is not None and self.scannable

    def product(self, linearize: Partial, leaves: tuple) -> Product:
        """The mean of the linear maps `linearize(leaves, batch)`."""
        return product_of(linearize, leaves, self.batches, self.chunk_size, self.scan)

    def average(self, function: Partial, leaves: tuple) -> Any:
        """The mean over the data of `function(leaves, batch)`."""
        return average(
            function, self.batches, leaves, chunk_size=self.chunk_size, scan=self.scan
        )


def plan(
    linearize: Partial,
    leaves: tuple,
    batches: list,
    memory: int | None = None,
    chunk_size: int | None = None,
    mesh: Mesh | None = None,
) -> Plan:
    """The plan for the maps `linearize(leaves, batch)` within `memory` bytes a device.

    >>> linearize = Partial(lambda leaves, x: Partial(lambda x, v: (x.mean(0) * v,), x))
    >>> plan(linearize, (), [jnp.ones((4, 256))]).description
    'linearised once, 0.0039 MiB'
    >>> plan(linearize, (), [jnp.ones((4, 256))], memory=2048).description
    'chunks of 1: linearised once it would take 0.0039 MiB, more than 0.002 MiB'
    """
    memory = _memory() if memory is None else memory
    count = 1 if mesh is None else mesh.size
    data = sum(map(_bytes, batches))
    on_device = data <= memory or not any(map(_on_host, batches))
    if on_device:
        if data <= memory and len(joinable(batches)) == len(batches):
            # One batch needs one program, and one call of it.
            batches = [joined(batches)]
        batches = _on_devices(batches, mesh)
    convolves = not backend.scannable(
        linearized, linearize, leaves, _abstract(batches[0])
    )
    scannable = on_device and not convolves
    if chunk_size is not None:
        return Plan(batches, chunk_size, scannable, f"chunks of {chunk_size}")
    # The residuals of a few examples of a convolution fit into the caches of a CPU.
    part_size = CONVOLUTION_CHUNK if convolves and mesh is None else None
    held = sum(_held(linearize, leaves, batch, part_size) for batch in batches)
    held = -(-held // count)
    if held <= memory:
        description = f"linearised once, {in_words(held)}"
        if mesh is not None:
            description += f" on each of {count} devices"
            batches = [part for b in batches for part in _divisible(b, count)]
        elif part_size is not None:
            batches = [part for b in batches for part in _cut(b, part_size)]
        return Plan(batches, None, scannable, description)
    examples = sum(map(num_examples, batches))
    each = held * count / examples
    dense_on_cpu = backend.on_cpu() and not convolves
    # Beside its residuals, a chunk takes about as much while it is computed.
    limit = min(memory // 2, CHUNK) if dense_on_cpu else memory // 2
    max_chunk = CONVOLUTION_CHUNK if convolves else examples
    max_chunk = max(min(max_chunk, int(limit * count / each)), 1)
    largest = max(map(num_examples, batches))
    chunk_size = -(-largest // -(-largest // max_chunk))
    # A chunk that divides is spread over the devices.
    chunk_size = -(-chunk_size // count) * count
    where = "" if on_device else " from the host"
    description = (
        f"chunks of {chunk_size}{where}: linearised once it would take"
        f" {in_words(held)}, more than {in_words(memory)}"
    )
    return Plan(batches, chunk_size, scannable, description)


def sharded(mesh: Mesh | None, linearize: Partial) -> Partial:
    """`linearize` whose batch is spread over the mesh where the examples divide."""
    if mesh is None:
        return linearize
    return Partial(Static(_on_shards, (mesh,)), linearize)


def _on_shards(mesh, linearize, leaves, batch) -> Any:
    if num_examples(batch) % mesh.size == 0:
        batch = devices.spread(mesh, batch)
    return linearize(leaves, batch)


def in_words(size: int) -> str:
    """A number of bytes in MiB or GiB.

    >>> in_words(46 * 2**20), in_words(3 * 2**29)
    ('46 MiB', '1.5 GiB')
    """
    unit, name = (2**30, "GiB") if size >= 2**30 else (2**20, "MiB")
    return f"{size / unit:.2g} {name}" if size < 10 * unit else f"{size // unit} {name}"


def _memory() -> int:
    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" not in stats:
        return MEMORY
    return (stats["bytes_limit"] - stats.get("bytes_in_use", 0)) // 2


def _held(
    linearize: Partial, leaves: tuple, batch: Batch, part_size: int | None
) -> int:
    """Bytes of the maps of a batch, linearised in parts of `part_size` examples."""
    total, size = 0, num_examples(batch)
    part_size = part_size or size
    whole, rest = divmod(size, part_size)
    for count, examples in ((whole, part_size), (1, rest)):
        if count and examples:
            part = _abstract(batch, examples)
            info = linearized.trace(linearize, leaves, part).out_info
            total += count * _bytes(info)
    return total


def _bytes(tree: Any) -> int:
    # A dtype of NumPy, or that of keys, which jnp.dtype does not know.
    sizes = (x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))
    return int(sum(sizes))


def _on_host(batch: Batch) -> bool:
    return any(isinstance(x, np.ndarray) for x in jax.tree.leaves(batch))


def _abstract(batch: Batch, examples: int | None = None) -> Batch:
    """The shapes and dtypes of a batch on a device, of another size if one is given."""

    def leaf(x):
        shape = x.shape if examples is None else (examples, *x.shape[1:])
        return jax.ShapeDtypeStruct(shape, jnp.result_type(x))

    return jax.tree.map(leaf, batch)


def _on_devices(batches: list, mesh: Mesh | None) -> list:
    if mesh is not None:
        return devices.replicate(mesh, batches)
    return jax.tree.map(jnp.asarray, batches)


def _divisible(batch: Batch, count: int) -> list:
    """The batch cut in two, so that the examples of the first divide by `count`."""
    size = num_examples(batch)
    return _cut(batch, size // count * count or size)


def _cut(batch: Batch, size: int) -> list:
    """The batch in parts of `size` examples; the last may be smaller."""
    starts = range(0, num_examples(batch), size)
    return [jax.tree.map(lambda x, i=i: x[i : i + size], batch) for i in starts]
