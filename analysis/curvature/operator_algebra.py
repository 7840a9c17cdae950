"""Symmetric matrices known by their products: restricted, added, handed to others.

An `Operator` is a pytree: it goes into a jitted function as an argument, and one of
equal shapes compiles nothing again. Those of a loss are made in `analysis.curvature`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse.linalg
from jax.tree_util import Partial
from jax.typing import ArrayLike

from analysis.curvature import leaf_products as products
from analysis.curvature.coordinates import Coordinates, kept_entries
from landscape.errors import InputError


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("leaf_product", "kept"),
    meta_fields=("coordinates", "scannable", "description", "kind", "workspace"),
)
@dataclass(frozen=True, eq=False)
class Operator:
    """A symmetric matrix A over the kept entries of a pytree of parameters.

    `op(v)` takes and returns pytrees in the shapes and dtypes of the parameters, zero
    where an entry is not kept; `op.matvec(x)` flat vectors [size] of the kept entries
    alone, in the order of `trees.ravel`. Both work in jit and vmap.

    `a + b`, `a - b`, `c * a`, `a / c`, `-a` and `a + c` are operators too; a scalar
    that is added is that multiple of the identity. scipy's solvers take an operator as
    it is, and tools that want a function of a vector take `op.matvec`.

    Attributes:
      leaf_product: `leaf_product(leaves) -> leaves`, A v before the restriction: v and
        A v are tuples of arrays, the leaves of the parameters that vary, in their full
        shapes and dtypes (`coordinates.leaves`). A pytree, as `Partial` is.
      kept: [size], int32, the indices of the entries of these leaves that are kept,
        rising; None: all.
      coordinates: the shapes of the parameters, and which leaves vary.
      scannable: whether products may run inside one compiled loop; else each product
        is best called outside of jit (convolutions on a CPU, data on the host).
      description: of how products are computed.
      kind: of matrix, such as "hessian"; of sums and multiples how they were made.
      workspace: bytes that a product takes on a device while it is computed, about;
        of a sum those of its first term.

    >>> coordinates = Coordinates.of({"w": jnp.zeros(2)})
    >>> twice = Partial(lambda leaves: (2 * leaves[0],))
    >>> op = Operator(twice, None, coordinates, True, "twice")
    >>> op.matvec(jnp.array([1.0, 3.0])).tolist(), op({"w": jnp.ones(2)})["w"].tolist()
    ([2.0, 6.0], [2.0, 2.0])
    >>> (3 * op + 0.5).to_dense().tolist()
    [[6.5, 0.0], [0.0, 6.5]]
    """

    leaf_product: Callable[[tuple], tuple]
    kept: jax.Array | None
    coordinates: Coordinates
    scannable: bool
    description: str
    kind: str = "symmetric"
    workspace: int = 0

    def __repr__(self) -> str:
        over = self.coordinates
        kept = f"{over.size:,} entries"
        if self.kept is not None:
            kept = f"{np.shape(self.kept)[0]:,} kept of {kept}"
        return (
            f"Operator({self.kind}, {kept} in {len(over.varying)} of"
            f" {len(over.shapes)} leaves, {over.dtype}; {self.description})"
        )

    # So that NumPy's scalars leave `c * op` to this class.
    __array_ufunc__ = None

    @property
    def size(self) -> int:
        """The number of kept entries."""
        return self.coordinates.size if self.kept is None else len(self.kept)

    @property
    def shape(self) -> tuple[int, int]:
        """(size, size)."""
        return self.size, self.size

    @property
    def dtype(self) -> np.dtype:
        """The dtype of flat vectors: the widest of the leaves that vary."""
        return self.coordinates.dtype

    def matvec(self, x: ArrayLike) -> jax.Array:
        """A x of a vector [size], or of a column [size, 1], which scipy hands over.

        Raises:
          InputError: another number of entries.
        """
        product = products.compiled_matvec if self.scannable else products.matvec
        return product(self, self._flat(x)).reshape(np.shape(x))

    def _flat(self, x: ArrayLike) -> jax.Array:
        if np.shape(x) not in ((self.size,), (self.size, 1)):
            raise InputError(
                f"a vector of this operator has shape ({self.size},), not"
                f" {np.shape(x)}."
            )
        return jnp.asarray(x, self.dtype).reshape(self.size)

    rmatvec = matvec
    __matmul__ = matvec

    def __call__(self, v: Any) -> Any:
        """A v of a pytree in the shapes of the parameters.

        Raises:
          InputError: another structure or other shapes.
        """
        leaves = self.coordinates.leaves(v)
        product = products.compiled_call if self.scannable else products.call
        return self.coordinates.tree(product(self, leaves))

    def unravel(self, x: ArrayLike) -> Any:
        """A flat vector [size] as a pytree in the shapes of the parameters.

        >>> coordinates = Coordinates.of({"w": jnp.zeros((1, 2))})
        >>> op = Operator(Partial(lambda v: v), None, coordinates, True, "identity")
        >>> op.unravel(jnp.array([1.0, 2.0]))
        {'w': Array([[1., 2.]], dtype=float32)}
        """
        return self.coordinates.tree(products.scatter(self, self._flat(x)))

    def to_dense(self) -> jax.Array:
        """The matrix [size, size]; large ones: `analysis.spectra.materialise`."""
        rows = np.eye(self.size, dtype=self.dtype)
        if self.scannable:
            return products.dense(self, rows)
        return jnp.stack([self.matvec(row) for row in rows], axis=1)

    def to_scipy(self) -> scipy.sparse.linalg.LinearOperator:
        """The operator as a scipy `LinearOperator` of NumPy arrays."""

        def matvec(x):
            return np.asarray(self.matvec(x))

        return scipy.sparse.linalg.LinearOperator(
            self.shape, matvec, rmatvec=matvec, dtype=self.dtype
        )

    def restrict(self, *, mask: Any = None, layers: Any = None) -> "Operator":
        """The principal submatrix of fewer entries; what was linearised is shared.

        Args:
          mask, layers: as in `operators.hessian`, within what is kept already.

        >>> coordinates = Coordinates.of({"a": jnp.zeros(2), "b": jnp.zeros(1)})
        >>> op = Operator(Partial(lambda v: v), None, coordinates, True, "identity")
        >>> op.restrict(layers="a").size
        2
        """
        kept = kept_entries(self.coordinates, mask, layers)
        if kept is None:
            return self
        if self.kept is not None:
            kept = np.intersect1d(np.asarray(self.kept), kept)
        if not len(kept):
            raise InputError("the restriction keeps no entry.")
        return replace(self, kept=jnp.asarray(kept, jnp.int32))

    def with_product(
        self,
        leaf_product: Callable,
        description: str | None = None,
        kind: str | None = None,
    ) -> "Operator":
        """Another operator on the same entries; the arguments are its attributes."""
        given = {"description": description, "kind": kind}
        given = {name: value for name, value in given.items() if value is not None}
        return replace(self, leaf_product=leaf_product, **given)

    def __add__(self, other: Any) -> "Operator":
        if isinstance(other, Operator):
            self._check_partner(other)
            terms = [*self.description.split("; "), *other.description.split("; ")]
            description = "; ".join(dict.fromkeys(terms))
            both = Partial(products.added, self.leaf_product, other.leaf_product)
            scannable = self.scannable and other.scannable
            kind = f"{self.kind} + {other.kind}".replace("+ -", "- ")
            found = self.with_product(both, description, kind)
            return replace(found, scannable=scannable)
        if not _is_scalar(other):
            return NotImplemented
        shift = jnp.asarray(other, self.dtype)
        shifted = Partial(products.shifted, self.leaf_product, shift)
        return self.with_product(shifted, kind=f"{self.kind} + c")

    def __mul__(self, factor: Any) -> "Operator":
        if not _is_scalar(factor):
            return NotImplemented
        factor = jnp.asarray(factor, self.dtype)
        scaled = Partial(products.scaled, self.leaf_product, factor)
        return self.with_product(scaled, kind=f"c * {_term(self.kind)}")

    def __truediv__(self, divisor: Any) -> "Operator":
        return self * (1 / divisor) if _is_scalar(divisor) else NotImplemented

    def __neg__(self) -> "Operator":
        return replace(self * -1.0, kind=f"-{_term(self.kind)}")

    def __sub__(self, other: Any) -> "Operator":
        known = isinstance(other, Operator) or _is_scalar(other)
        return self + (-other) if known else NotImplemented

    def __rsub__(self, other: Any) -> "Operator":
        return -self + other if _is_scalar(other) else NotImplemented

    __radd__ = __add__
    __rmul__ = __mul__

    def _check_partner(self, other: "Operator") -> None:
        same = self.coordinates == other.coordinates and self.size == other.size
        kept = [op.kept for op in (self, other)]
        # Within jit only their number is known.
        if same and not any(isinstance(k, jax.core.Tracer) for k in kept):
            everything = np.arange(self.size)
            a, b = (everything if k is None else np.asarray(k) for k in kept)
            same = np.array_equal(a, b)
        if not same:
            raise InputError(
                "operators can be added only if they keep the same entries of the same"
                f" parameters: these have {self.size} and {other.size}."
            )


def _term(kind: str) -> str:
    return f"({kind})" if " " in kind else kind


def _is_scalar(x: Any) -> bool:
    real = isinstance(x, Real) or hasattr(x, "dtype")
    return real and np.shape(x) == () and not jnp.iscomplexobj(x)
