"""Where the vectors of a solver are kept: divided among devices, or in host memory.

A solver keeps its vectors whole on each device, as long as its operator is a plain one.
Of `sharded(op)` each device of a mesh keeps an n-th of every vector, and inner products
are added up over the devices; of `on_host(op)` all are kept, and orthogonalised, in the
memory of the host. Only the vector that is multiplied is then whole on each device.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.typing import ArrayLike

from analysis.spectra import linear_operator
from analysis.spectra.linear_operator import LinearOperator, check_operator
from landscape import rng
from landscape.errors import InputError

WHOLE = PartitionSpec()


@partial(jax.tree_util.register_dataclass, data_fields=["op"], meta_fields=["sharding"])
@dataclass(frozen=True)
class Sharded:
    """An operator whose vectors are divided, as `sharded` makes it.

    Vectors of it are padded with zeros, to a length that divides by the devices. The
    subspace of zeros is invariant: no eigenvalue is added.

    Attributes:
      op: of whole vectors [size].
      sharding: of rows [k, padded length].
    """

    op: LinearOperator
    sharding: NamedSharding

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.op.size

    @property
    def dtype(self) -> np.dtype:
        """Of the vectors."""
        return self.op.dtype

    @property
    def scannable(self) -> bool:
        """As of the operator of whole vectors."""
        return self.op.scannable

    def matvec(self, x: jax.Array) -> jax.Array:
        """A x, both divided."""
        product = self.op.matvec(_whole(self.sharding, self.size, x))
        return _divided(self.sharding, product)


@dataclass(frozen=True)
class OnHost:
    """An operator whose vectors are in the memory of the host, as `on_host` makes it.

    Attributes:
      op: of vectors on its device.
      scannable: False: a vector goes to the device and back at each product.
    """

    op: LinearOperator
    scannable: bool = False

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.op.size

    @property
    def dtype(self) -> np.dtype:
        """Of the vectors."""
        return self.op.dtype

    def matvec(self, x: jax.Array) -> jax.Array:
        """A x, both on the host."""
        return placed(self, linear_operator.product(self.op, np.asarray(x)))


def sharded(op: LinearOperator, mesh: Mesh | None = None) -> Sharded:
    """`op`, whose vectors solvers keep divided among the devices of a mesh.

    Args:
      op: a symmetric operator.
      mesh: of `landscape.machine.devices.make_mesh`; default: that over which the
        operator's arrays lie.

    Raises:
      InputError: the operator has no mesh, and none is given.

    >>> op = linear_operator.from_matrix(jnp.diag(jnp.arange(3.0)))
    >>> from landscape.machine import devices
    >>> sharded(op, devices.make_mesh(1)).matvec(jnp.ones(3)).tolist()
    [0.0, 1.0, 2.0]
    """
    check_operator(op)
    mesh = mesh or mesh_of(op)
    if mesh is None:
        raise InputError(
            "vectors are divided among the devices of a mesh, and this operator lies on"
            " one device: give a mesh."
        )
    return Sharded(op, NamedSharding(mesh, PartitionSpec(None, mesh.axis_names)))


def on_host(op: LinearOperator) -> OnHost:
    """`op`, whose vectors solvers keep in the memory of the host.

    They are orthogonalised there, by JAX's CPU backend. With several processes each
    keeps all of them.

    Raises:
      InputError: JAX was told to leave out its CPU backend.

    >>> op = linear_operator.from_matrix(jnp.diag(jnp.arange(3.0)))
    >>> on_host(op).matvec(jnp.ones(3)).tolist()
    [0.0, 1.0, 2.0]
    """
    check_operator(op)
    _host()
    return OnHost(op)


def mesh_of(op: Any) -> Mesh | None:
    """The mesh of several devices over which the arrays of an operator lie, if any."""
    for leaf in jax.tree.leaves(op):
        sharding = getattr(leaf, "sharding", None)
        if isinstance(sharding, NamedSharding) and sharding.mesh.size > 1:
            return sharding.mesh
    return None


def is_apart(op: LinearOperator) -> bool:
    """Whether vectors of `op` are kept elsewhere than whole on each device."""
    return isinstance(op, Sharded | OnHost)


def placed(op: LinearOperator, rows: ArrayLike) -> jax.Array:
    """A vector [size] or rows [k, size] where the vectors of `op` are kept."""
    if isinstance(op, OnHost):
        return jax.device_put(np.asarray(rows, op.dtype), _host())
    if not isinstance(op, Sharded):
        return jnp.asarray(rows, op.dtype)
    if np.ndim(rows) == 1:
        return _divided(op.sharding, jnp.asarray(rows, op.dtype))
    # One by one: together they may not fit whole on a device.
    each = [_divided(op.sharding, jnp.asarray(row, op.dtype)) for row in rows]
    return _stacked(op.sharding, each)


def normal(op: LinearOperator, key: jax.Array, count: int) -> jax.Array:
    """Normal rows [count, size], made where the vectors of `op` are kept."""
    if isinstance(op, Sharded):
        return _normal(op.sharding, key, count, op.size, jnp.dtype(op.dtype))
    if isinstance(op, OnHost):
        key = jax.device_put(key, _host())
    return rng.normal(key, (count, op.size), op.dtype)


def products(op: LinearOperator, rows: jax.Array) -> jax.Array:
    """The product with each of `placed` rows [k, n], placed likewise."""
    if not is_apart(op):
        return linear_operator.products(op, rows)
    # One by one: they are large.
    found = [linear_operator.product(op, rows[i]) for i in range(len(rows))]
    return _stacked(sharding_of(op), found)


def orthonormal(op: LinearOperator, rows: jax.Array) -> jax.Array:
    """An orthonormal basis of the span of `placed` rows, as rows."""
    if not isinstance(op, Sharded):
        return _orthonormal(rows)
    return _orthonormal_of_parts(op.sharding, rows)


def taken(op: LinearOperator, rows: jax.Array) -> ArrayLike:
    """`placed` rows for the caller: on the host where they are kept apart, [k, size].

    The same in every process.
    """
    if not is_apart(op):
        return rows
    if rows.is_fully_addressable:
        return np.asarray(rows)[:, : op.size]
    # One by one, and by index: arrays of several processes cannot be iterated.
    each = (_whole(op.sharding, op.size, rows[i]) for i in range(len(rows)))
    return np.stack([np.asarray(row) for row in each])


def sharding_of(op: LinearOperator) -> NamedSharding | None:
    """How rows of `op` are divided, a setting of what is compiled; None: they are not.

    What is compiled without it might put rows that it makes whole on each device.
    """
    return op.sharding if isinstance(op, Sharded) else None


def constrained(sharding: NamedSharding | None, rows: Any) -> Any:
    """Inside jit: a pytree of vectors and rows, divided."""
    if sharding is None:
        return rows

    def constrain(x):
        place = sharding if x.ndim == 2 else _of_vectors(sharding)
        return jax.lax.with_sharding_constraint(x, place)

    return jax.tree.map(constrain, rows)


def _of_vectors(sharding: NamedSharding) -> NamedSharding:
    return NamedSharding(sharding.mesh, PartitionSpec(sharding.spec[1]))


def _host() -> jax.Device:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError as error:
        raise InputError(
            "vectors on the host are those of JAX's CPU backend, which"
            f" JAX_PLATFORMS={jax.config.jax_platforms} leaves out: add cpu to it."
        ) from error


@partial(jax.jit, static_argnums=(0, 1))
def _whole(sharding, size, x):
    x = jax.lax.with_sharding_constraint(x, NamedSharding(sharding.mesh, WHOLE))
    return x[:size]


@partial(jax.jit, static_argnums=0)
def _divided(sharding, x):
    padding = -len(x) % sharding.mesh.size
    return constrained(sharding, jnp.pad(x, (0, padding)))


@partial(jax.jit, static_argnums=0)
def _stacked(sharding, rows):
    return constrained(sharding, jnp.stack(rows))


@jax.jit
def _orthonormal(rows):
    return jnp.linalg.qr(rows.T)[0].T


@partial(jax.jit, static_argnums=0)
def _orthonormal_of_parts(sharding, rows):
    """Each device factorises its part, and all of them the factors R of all parts."""
    axis = sharding.spec[1]

    def local(rows):
        q, r = jnp.linalg.qr(rows.T)
        first = jnp.linalg.qr(jax.lax.all_gather(r, axis, tiled=True))[0]
        own = jax.lax.axis_index(axis) * len(r)
        own = jax.lax.dynamic_slice_in_dim(first, own, len(r))
        return jnp.dot(q, own, precision="highest").T

    divided = sharding.spec
    return jax.shard_map(
        local, mesh=sharding.mesh, in_specs=divided, out_specs=divided, check_vma=False
    )(rows)


@partial(jax.jit, static_argnums=(0, 2, 3, 4))
def _normal(sharding, key, count, size, dtype):
    rows = rng.normal(key, (count, size), dtype)
    padding = -size % sharding.mesh.size
    return constrained(sharding, jnp.pad(rows, ((0, 0), (0, padding))))
