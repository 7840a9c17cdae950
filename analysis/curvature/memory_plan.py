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

from analysis.curvature import over_devices
from landscape import arrays
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
from landscape.machine import backend, devices, division
from landscape.one_line import one_line
from landscape.tables import in_bytes

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
      workspace: bytes that a product takes on a device while it is computed, about.
      mesh: of the devices among which the examples are divided; None: one device.
    """

    batches: list
    chunk_size: int | None
    scannable: bool
    description: str
    workspace: int = 0
    mesh: Mesh | None = None

    __repr__ = one_line

    @property
    def scan(self) -> bool:
        """Whether the chunks of a product go in one compiled loop."""
        return self.chunk_size is not None and self.scannable

    def product(self, linearize: Partial, leaves: tuple) -> Product:
        """The mean of the linear maps `linearize(leaves, batch)`."""
        if self.mesh is None:
            how = self.chunk_size, self.scan
            return product_of(linearize, leaves, self.batches, *how)
        if self.chunk_size is None:
            given = linearize, leaves, self.batches
            return over_devices.linear_product(self.mesh, *given)
        product = Static(over_devices.mean_in_chunks, self._how())
        return Partial(product, linearize, leaves, self.batches)

    def average(self, function: Partial, leaves: tuple) -> Any:
        """The mean over the data of `function(leaves, batch)`."""
        if self.mesh is not None:
            average_over = over_devices.average_over
            return average_over(*self._how(), function, (leaves,), self.batches)
        return average(
            function, self.batches, leaves, chunk_size=self.chunk_size, scan=self.scan
        )

    def _how(self) -> tuple:
        return self.mesh, self.chunk_size, self.scan


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
    on_device = data <= memory * count or not any(map(_on_host, batches))
    if on_device:
        if data <= memory * count and len(joinable(batches)) == len(batches):
            # One batch needs one program, and one call of it.
            batches = [joined(batches)]
        if mesh is None:
            batches = arrays.on_device(batches)
    convolves = not backend.scannable(
        linearized, linearize, leaves, _abstract(batches[0])
    )
    scannable = on_device and not convolves
    if chunk_size is not None:
        batches = _parts(batches, chunk_size, scannable, on_device, mesh)
        work = _chunk_bytes(linearize, leaves, batches, chunk_size // count)
        description = f"chunks of {chunk_size}"
        return Plan(batches, chunk_size, scannable, description, work, mesh)
    # The residuals of a few examples of a convolution fit into the caches of a CPU.
    part_size = CONVOLUTION_CHUNK if convolves and mesh is None else None
    held = sum(_held(linearize, leaves, b, part_size, count) for b in batches)
    if held <= memory:
        description = f"linearised once, {in_bytes(held)}"
        # Measured: the tangents take as much as the residuals of convolutions.
        work = held
        if mesh is not None:
            description += f" on each of {count} devices"
            parts = division.cut(mesh, batches)
            batches = [division.put(mesh, part) for part in parts]
        elif part_size is not None:
            batches = [part for b in batches for part in _cut(b, part_size)]
            # Their products are computed one by one.
            work = _held(linearize, leaves, batches[0], None, 1)
        return Plan(batches, None, scannable, description, work, mesh)
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
        f" {in_bytes(held)}, more than {in_bytes(memory)}"
    )
    batches = _parts(batches, chunk_size, scannable, on_device, mesh)
    work = _chunk_bytes(linearize, leaves, batches, chunk_size // count)
    return Plan(batches, chunk_size, scannable, description, work, mesh)


def _chunk_bytes(linearize, leaves, batches, size: int) -> int:
    """What a chunk of `size` examples of a device takes while it is computed."""
    part = _abstract(batches[0], max(min(size, num_examples(batches[0])), 1))
    return 2 * _bytes(linearized.trace(linearize, leaves, part).out_info)


def _parts(batches, chunk_size, scannable, on_device, mesh) -> list:
    """The batches of a product in chunks, on the devices if they are to stay there."""
    if mesh is None:
        return batches
    # Whole ones where each device takes its chunks of them in a compiled loop.
    parts = division.cut(mesh, batches, None if scannable else chunk_size)
    return [division.put(mesh, part) for part in parts] if on_device else parts


def _memory() -> int:
    return MEMORY if backend.on_cpu() else (devices.free_memory() or 2 * MEMORY) // 2


def _held(
    linearize: Partial, leaves: tuple, batch: Batch, part_size: int | None, count: int
) -> int:
    """Bytes on each of `count` devices of the maps of a batch, linearised there.

    In parts of `part_size` examples, if that is given.
    """
    each, left = divmod(num_examples(batch), count)
    part_size = part_size or max(each, 1)
    whole, rest = divmod(each, part_size)
    total = 0
    # Those that do not divide by the devices are on each.
    for times, examples in ((whole, part_size), (1, rest), (1, left)):
        if times and examples:
            part = _abstract(batch, examples)
            info = linearized.trace(linearize, leaves, part).out_info
            total += times * _bytes(info)
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


def _cut(batch: Batch, size: int) -> list:
    """The batch in parts of `size` examples; the last may be smaller."""
    starts = range(0, num_examples(batch), size)
    return [jax.tree.map(lambda x, i=i: x[i : i + size], batch) for i in starts]
