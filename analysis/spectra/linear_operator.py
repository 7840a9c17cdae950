"""What a solver asks of a symmetric operator, and operators of a function or a matrix.

Every solver of this folder takes a `LinearOperator`. Those of a loss are made in
`analysis.curvature`; here are those of a plain function and of a dense matrix.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jax.typing import ArrayLike, DTypeLike

from landscape.callables import as_partial
from landscape.errors import InputError
from landscape.machine.backend import on_cpu


class LinearOperator(Protocol):
    """A symmetric matrix A of which only products are known. No class need inherit it.

    An operator that is `scannable` enters jitted functions as an argument: its class is
    a pytree (`jax.tree_util.register_dataclass`), whose arrays are leaves. One that is
    not `scannable` may be any object: its products are called one by one, outside of
    jit. `from_function` makes an operator of a function in one line.
    """

    @property
    def size(self) -> int:
        """n, the number of rows."""

    @property
    def dtype(self) -> np.dtype:
        """Of the vectors, real and floating-point."""

    @property
    def scannable(self) -> bool:
        """Whether products may run inside one compiled loop, and be vmapped."""

    def matvec(self, x: ArrayLike) -> jax.Array:
        """A x, of a vector [n]; where `scannable`, of a traced one too."""


MEMBERS = ("matvec", "size", "dtype", "scannable")
"""What an operator has; see `LinearOperator`."""


def check_operator(op: Any) -> None:
    """Raises InputError unless `op` is a `LinearOperator`; every solver begins with it.

    >>> check_operator(lambda x: 2 * x)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: an operator has matvec, size, dtype, scannable; this \
function lacks matvec, size, dtype, scannable: `spectra.from_function` makes one.
    """
    kind = type(op).__name__
    if missing := [name for name in MEMBERS if not hasattr(op, name)]:
        raise InputError(
            f"an operator has {', '.join(MEMBERS)}; this {kind} lacks"
            f" {', '.join(missing)}: `spectra.from_function` makes one."
        )
    if op.scannable and jax.tree_util.all_leaves([op]):
        raise InputError(
            f"this {kind} is scannable, but its class is no pytree: register it"
            " (`jax.tree_util.register_dataclass`), or let scannable be False."
        )
    dtype = jnp.dtype(op.dtype)
    if dtype not in (jnp.float32, jnp.float64):
        raise InputError(f"an operator has dtype float32 or float64, not {dtype}.")


def refuse_asymmetry(asymmetry: float, dtype: DTypeLike) -> None:
    """Raises InputError where |u . A v - v . A u| is no rounding.

    Honest products are symmetric to a few units of their precision, 5e-7 in float32,
    or 1e-3 where an accelerator rounds factors; the limit is the cube root of a unit,
    .005 in float32 and 6e-6 in float64.

    Args:
      asymmetry: the difference over the size of the products.
      dtype: of the products.

    >>> refuse_asymmetry(1e-6, jnp.float32)
    """
    # Not `>`: what is not finite is for others to refuse.
    if asymmetry > float(jnp.finfo(dtype).eps) ** (1 / 3):
        raise InputError(
            "the operator must be symmetric, but u . A v and v . A u differ by"
            f" {asymmetry:.3g} of its scale: has the loss a backward pass of its own"
            " (custom_vjp, straight-through, clipped or reversed gradients), half"
            " precision within, or nothing but rounding?"
        )


def check_inner(inner: ArrayLike, dtype: DTypeLike) -> None:
    """Raises InputError if products that are at hand show that A is not symmetric.

    Args:
      inner: [k, k], the inner products u_i . A u_j of random vectors, or all of A.
      dtype: of the products.

    >>> check_inner(jnp.array([[2.0, 1.0], [1.0, 2.0]]), jnp.float32)
    """
    inner = np.asarray(inner, np.float64)
    whole = np.linalg.norm(inner)
    if whole > 0:
        refuse_asymmetry(np.linalg.norm(inner - inner.T) / whole, dtype)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["matvec"],
    meta_fields=["size", "dtype", "scannable"],
)
@dataclass(frozen=True)
class Symmetric:
    """The `LinearOperator` of a function, as `from_function` makes it.

    Attributes:
      matvec: flat vector [size] to flat vector [size], a pytree.
      size: number of rows.
      dtype: of the vectors.
      scannable: whether products may run inside one compiled loop.
    """

    matvec: Partial
    size: int
    dtype: np.dtype
    scannable: bool = True

    def __repr__(self) -> str:
        return f"Symmetric({self.size:,} x {self.size:,}, {self.dtype})"

    @property
    def shape(self) -> tuple[int, int]:
        """(size, size)."""
        return self.size, self.size


def from_function(
    matvec: Callable[[jax.Array], jax.Array],
    size: int,
    *,
    dtype: DTypeLike | None = None,
    scannable: bool = True,
) -> Symmetric:
    """The operator x -> matvec(x), which must be symmetric: the solvers refuse others.

    Args:
      matvec: takes and returns [size]. Arrays it closes over are folded into the
        compiled program, slowly: bind them with `jax.tree_util.Partial`.
      size: number of rows.
      dtype: of the vectors; default: float32, or float64 where it is enabled.
      scannable: False for convolutions on a CPU: products are called outside of jit.

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


def product(op: LinearOperator, x: ArrayLike) -> jax.Array:
    """A x [n], compiled once for all operators of one structure.

    >>> product(from_matrix(2 * jnp.eye(2)), jnp.ones(2)).tolist()
    [2.0, 2.0]
    """
    # An operator that is not scannable compiles the parts of its product itself.
    return _product(op, x) if op.scannable else op.matvec(x)


def workspace(op: LinearOperator) -> int | None:
    """Bytes of a product beside the operator, vectors included, of what is compiled.

    None where that is not one program, or the backend does not say. `product` compiles
    nothing again.

    >>> workspace(from_matrix(jnp.eye(2), scannable=False))
    """
    if not op.scannable:
        return None
    compiled = _product.lower(op, np.zeros(op.size, op.dtype)).compile()
    found = compiled.memory_analysis()
    row = op.size * jnp.dtype(op.dtype).itemsize
    return None if found is None else found.temp_size_in_bytes + 2 * row


def products(op: LinearOperator, rows: ArrayLike) -> jax.Array:
    """The product with each row of [k, size]: sequential on a CPU, else vmapped.

    >>> products(from_matrix(2 * jnp.eye(2)), jnp.eye(2)).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    rows = jnp.asarray(rows)
    if op.scannable and not on_cpu():
        return _products(op, rows)
    # Slices of an array of the host compile nothing.
    return jnp.stack([product(op, row) for row in np.asarray(rows)])


@jax.jit
def _product(op, x):
    return op.matvec(x)


@jax.jit
def _products(op, rows):
    return jax.vmap(op.matvec)(rows)
