"""Products over the leaves of parameters, restricted to kept entries, and combined.

A leaf product takes and returns the leaves that vary, whole; of an operator's flat
vectors, which hold the kept entries alone, these functions make leaves and back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape import trees

if TYPE_CHECKING:
    from analysis.curvature.operator_algebra import Operator


def matvec(op: Operator, flat: jax.Array) -> jax.Array:
    """A x of a flat vector [size]."""
    return gather(op, op.leaf_product(scatter(op, flat)))


def call(op: Operator, leaves: tuple) -> tuple:
    """A v of leaves, zero where an entry is not kept."""
    if op.kept is None:
        return op.leaf_product(leaves)
    return scatter(op, matvec(op, gather(op, leaves)))


@jax.jit
def gather(op: Operator, leaves: tuple) -> jax.Array:
    """Leaves as the flat vector [size] of the kept entries."""
    flat = jnp.concatenate([jnp.ravel(leaf).astype(op.dtype) for leaf in leaves])
    return flat if op.kept is None else flat[op.kept]


@jax.jit
def scatter(op: Operator, flat: jax.Array) -> tuple:
    """A flat vector [size] as leaves, zero where an entry is not kept."""
    if op.kept is not None:
        whole = jnp.zeros(op.coordinates.size, op.dtype)
        flat = whole.at[op.kept].set(flat, unique_indices=True, indices_are_sorted=True)
    return op.coordinates.split(flat)


compiled_matvec = jax.jit(matvec)
compiled_call = jax.jit(call)


@jax.jit
def dense(op: Operator, rows: jax.Array) -> jax.Array:
    """The matrix [size, size], one product for each of `rows`."""
    return jax.lax.map(partial(matvec, op), rows).T


def added(first: Callable, second: Callable, v: tuple) -> tuple:
    """(A + B) v."""
    return jax.tree.map(jnp.add, first(v), second(v))


def scaled(product: Callable, factor: jax.Array, v: tuple) -> tuple:
    """(c A) v."""
    return jax.tree.map(lambda x: (factor * x).astype(x.dtype), product(v))


def less_outer_product(leaf_product: Callable, mean: tuple) -> Partial:
    """The product v -> A v - m (m . v), m and v tuples of arrays of one structure."""
    return Partial(_less_outer_product, leaf_product, mean)


def _less_outer_product(product: Callable, mean: tuple, v: tuple) -> tuple:
    along = trees.dot(mean, v)
    return jax.tree.map(lambda x, m: x - along.astype(x.dtype) * m, product(v), mean)


def shifted(product: Callable, shift: jax.Array, v: tuple) -> tuple:
    """(A + c I) v."""
    return jax.tree.map(lambda x, u: (x + shift * u).astype(x.dtype), product(v), v)
