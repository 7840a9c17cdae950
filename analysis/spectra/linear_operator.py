"""Symmetric operators out of a plain function or a matrix, for what only multiplies."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jax.typing import ArrayLike

from landscape.backend import on_cpu
from landscape.derivatives import as_partial
from landscape.errors import InputError


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["matvec"],
    meta_fields=["size", "dtype", "scannable"],
)
@dataclass(frozen=True)
class Symmetric:
    """A symmetric matrix known by its products: what the eigensolvers ask of one.

    Attributes:
      matvec: flat vector [size] to flat vector [size], a pytree.
      size: number of rows.
      dtype: of the vectors.
      scannable: whether products may run inside one compiled loop.
    """

    matvec: Partial
    size: int
    dtype: Any
    scannable: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """(size, size)."""
        return self.size, self.size


def from_function(
    matvec: Callable[[jax.Array], jax.Array],
    size: int,
    *,
    dtype: Any = None,
    scannable: bool = True,
) -> Symmetric:
    """The operator x -> matvec(x). That it is symmetric is taken on trust.

    Args:
      matvec: takes and returns [size]. Arrays it closes over are folded into the
        compiled program, slowly: bind them with `jax.tree_util.Partial`.
      size: number of rows.
      dtype: of the vectors; default: float32, or float64 where it is enabled.
      scannable: False for convolutions on a CPU: each product is then a call of jit.

    >>> op = from_function(lambda x: 2 * x, 3)
    >>> op.matvec(jnp.ones(3)).tolist(), op.shape
    ([2.0, 2.0, 2.0], (3, 3))
    """
    if size < 1:
        raise InputError(f"size must be at least 1, not {size}.")
    dtype = jnp.dtype(jnp.result_type(float) if dtype is None else dtype)
    return Symmetric(as_partial(matvec), int(size), dtype, bool(scannable))


def from_matrix(matrix: ArrayLike, *, scannable: bool = True) -> Symmetric:
    """The operator of a dense matrix, [n, n].

    Raises:
      InputError: the matrix is not square.

    >>> from_matrix(jnp.diag(jnp.array([1.0, 5.0]))).matvec(jnp.ones(2)).tolist()
    [1.0, 5.0]
    """
    matrix = jnp.asarray(matrix, float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"the matrix must be square, not {matrix.shape}.")
    return from_function(
        Partial(_times, matrix),
        len(matrix),
        dtype=matrix.dtype,
        scannable=scannable,
    )


def _times(matrix, x):
    # Accelerators may round the factors of a product to fewer bits by default.
    return jnp.dot(matrix, x, precision="highest")


def product(op: Any, x: ArrayLike) -> jax.Array:
    """One product, compiled once for all operators of a kind.

    >>> product(from_matrix(2 * jnp.eye(2)), jnp.ones(2)).tolist()
    [2.0, 2.0]
    """
    # Where products loop badly they also nest badly: they compile their own parts.
    return _product(op, x) if getattr(op, "scannable", True) else op.matvec(x)


def products(op: Any, rows: ArrayLike) -> jax.Array:
    """The product with each row of [k, size]: in turn on a CPU, vmapped elsewhere.

    >>> products(from_matrix(2 * jnp.eye(2)), jnp.eye(2)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    rows = jnp.asarray(rows)
    if getattr(op, "scannable", True) and not on_cpu():
        return _products(op, rows)
    # Rows are taken on the host, where a slice compiles nothing.
    return jnp.stack([product(op, row) for row in np.asarray(rows)])


@jax.jit
def _product(op, x):
    return op.matvec(x)


@jax.jit
def _products(op, rows):
    return jax.vmap(op.matvec)(rows)
