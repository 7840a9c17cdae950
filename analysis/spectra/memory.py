"""What a spectrum takes of each device, said before it is computed."""

from typing import Any, NamedTuple

import jax
from jax.tree_util import Partial

from analysis.spectra import linear_operator, storage
from analysis.spectra.basis import BLOCK
from analysis.spectra.eigenpairs import basis_size
from analysis.spectra.linear_operator import (
    LinearOperator,
    check_operator,
    from_function,
)
from analysis.spectra.quadrature import SKETCH
from landscape.errors import InputError
from landscape.machine import devices
from landscape.machine.backend import on_cpu
from landscape.tables import in_bytes

STEP = 3
"""Vectors of a step beside the basis."""
PRODUCT = 4
"""Vectors of a product: given and found, flat and in the shapes of the parameters."""
VMAPPED = 3
"""Times that a compiled loop holds the bases of vmapped probes: measured."""
TRACE = 60
"""Products for the trace by default, half of them with random vectors."""

WHERE = {
    "vmapped": "whole on each device, probes vmapped",
    "device": "whole on each device",
    "sharded": "divided among the devices",
    "host": "in the memory of the host",
}


class Memory(NamedTuple):
    """What a spectrum takes, in bytes on each device.

    Attributes:
      operator: parameters, examples, and what was linearised.
      product: what a product takes while it is computed.
      pairs, density, trace: the vectors of each of the three, one after another.
      vectors: the largest of these, of which each device has what `storage` says.
      storage: where the vectors are: "vmapped" and "device" whole on each device,
        "sharded" divided among them, or on the "host".
      num_devices: of the operator.
      free: what is free, the operator being there; None: not known.
      host: what is free on the host; None: not known.
      estimated: `product` was not read from a compiled program: it may be half.
    """

    operator: int
    product: int
    pairs: int
    density: int
    trace: int
    storage: str
    num_devices: int
    free: int | None
    host: int | None
    estimated: bool = False

    @property
    def vectors(self) -> int:
        """Bytes of the vectors, of all devices together."""
        return max(self.pairs, self.density, self.trace)

    @property
    def total(self) -> int:
        """Bytes on each device, the operator included."""
        held = {"sharded": -(-self.vectors // self.num_devices), "host": 0}
        held = held.get(self.storage, self.vectors)
        return self.operator + self.product + held

    def __str__(self) -> str:
        # The operator is there already.
        free = None if self.free is None else in_bytes(self.free + self.operator)
        free = "" if free is None else f", of {free} that there are for it"
        many = f" on each of {self.num_devices} devices" if self.num_devices > 1 else ""
        return (
            f"memory{many}: {in_bytes(self.total)}{free}: parameters, data and what is"
            f" linearised {in_bytes(self.operator)}, a product{self._about}"
            f" {in_bytes(self.product)}, vectors of the eigenpairs"
            f" {in_bytes(self.pairs)}, the density {in_bytes(self.density)}, the trace"
            f" {in_bytes(self.trace)}, {self.where}"
        )

    @property
    def where(self) -> str:
        """In words, where the vectors are."""
        return WHERE[self.storage]

    @property
    def _about(self) -> str:
        return " at most about" if self.estimated else ""

    @property
    def warning(self) -> str | None:
        """A sentence if it fits only if a product takes less than is estimated."""
        needed = self.total - self.operator
        if not self.estimated or self.free is None or needed <= self.free:
            return None
        return (
            f"it may not fit: a product is estimated at {in_bytes(self.product)}, and"
            f" may take less; {in_bytes(self.free)} are free on each device"
        )

    def check(
        self, instead: str = "fewer steps or eigenpairs, or more devices"
    ) -> None:
        """Refuses what does not fit.

        What a product is only estimated to take is not counted.

        Args:
          instead: what takes less.

        Raises:
          InputError: what is needed, what is free, and what takes less.
        """
        needed = self.total - self.operator - self.estimated * self.product
        places = [("each device", needed, self.free)]
        if self.storage == "host":
            places.append(("the host", self.vectors, self.host))
        for where, needed, free in places:
            if free is not None and needed > free:
                raise InputError(
                    f"the spectrum needs {in_bytes(needed)} on {where} beside the"
                    f" operator, more than the {in_bytes(free)} that are free:"
                    f" {instead}."
                )

    def placed(self, op: LinearOperator) -> LinearOperator:
        """The operator whose vectors solvers keep where `storage` says."""
        if self.storage == "sharded":
            return storage.sharded(op)
        if self.storage == "host":
            return storage.on_host(op)
        if self.storage == "device" and op.scannable and not on_cpu():
            # Solvers would vmap its products.
            product = Partial(linear_operator.product, op)
            return from_function(product, op.size, dtype=op.dtype, scannable=False)
        return op


def memory_needed(
    op: LinearOperator,
    top: int,
    num_steps: int,
    num_probes: int,
    *,
    memory: int | None = None,
    before: str | None = None,
) -> Memory:
    """What eigenpairs, density and trace of an operator take, and where vectors go.

    They stay whole on each device if they fit there, are divided among the devices of
    the operator if there are several, and go to the host where it has memory of its
    own.

    Args:
      op: a symmetric operator.
      top: eigenpairs of each end, as in `top_eigenpairs` with its default basis.
      num_steps, num_probes: as in `spectral_density`, with these eigenpairs.
      memory: bytes that vectors may take of each device; default: what is free.
      before: where vectors of an interrupted spectrum were: there again if they fit.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> found = memory_needed(from_matrix(jax.numpy.eye(100)), 2, 80, 1)
    >>> found.operator, found.pairs, found.density, found.storage
    (40000, 78000, 42800, 'device')
    """
    check_operator(op)
    row = op.size * jax.numpy.dtype(op.dtype).itemsize
    pairs = min(2 * top, op.size)
    basis = basis_size(pairs, op.size)
    count = min(TRACE // 2, op.size)
    measured = linear_operator.workspace(op)
    estimate = getattr(op, "workspace", 0) + PRODUCT * row
    # A restart has the old basis and the new one, and makes it block by block.
    search = 2 * (_blocks(basis) + BLOCK)
    bases = _blocks(pairs + min(num_steps, op.size))
    density = bases + (SKETCH // 4 + 1 if num_probes > 1 else 0)
    mesh = storage.mesh_of(op)
    found = Memory(
        operator=_bytes_on_each(op),
        product=estimate if measured is None else measured,
        pairs=(search + STEP) * row,
        density=(density + STEP + 2 * pairs) * row,
        trace=(7 * count + pairs) * row,
        storage="device",
        num_devices=1 if mesh is None else mesh.size,
        free=devices.free_memory(),
        host=devices.free_host_memory(),
        estimated=measured is None,
    )
    vmapped = found._replace(
        storage="vmapped",
        product=max(num_probes, count) * found.product,
        density=(VMAPPED * num_probes * (bases + STEP) + 2 * pairs) * row,
    )
    options = [found]
    if op.scannable and not on_cpu():
        options = [vmapped, found]
    if mesh is not None:
        options.append(found._replace(storage="sharded"))
    if not on_cpu():
        options.append(found._replace(storage="host"))
    fitting = [x for x in options if _fits(x, memory)] or options[-1:]
    return next((x for x in fitting if x.storage == before), fitting[0])


def _fits(found: Memory, memory: int | None) -> bool:
    if found.storage == "host":
        return found.host is None or found.vectors <= found.host
    needed = found.total - found.operator
    within = memory is None or needed - found.product <= memory
    return within and (found.free is None or needed <= found.free)


def _blocks(rows: int) -> int:
    return -(-rows // BLOCK) * BLOCK


def _bytes_on_each(op: Any) -> int:
    """Bytes of the arrays of an operator on each device."""
    total = 0
    for x in jax.tree.leaves(op):
        if isinstance(x, jax.Array):
            total += x.addressable_shards[0].data.nbytes
    return total
