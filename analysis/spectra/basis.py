"""An orthonormal basis in blocks of rows, and vectors kept orthogonal to it.

Rows beyond the number in use are zero. Whole blocks of them are never read, so that a
basis of large capacity costs what its used part costs.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding

from analysis.spectra import storage

BLOCK = 16
"""Rows in one array."""

Basis = tuple[jax.Array, ...]
"""Arrays [BLOCK, n], the rows in order."""


def allocate(rows: jax.Array, capacity: int) -> Basis:
    """Arrays [BLOCK, n] for `capacity` rows, of which the first are `rows` [k, n].

    >>> [block.shape for block in allocate(jnp.eye(3), 20)]
    [(16, 3), (16, 3)]
    """
    blocks = -(-capacity // BLOCK)
    empty = jnp.zeros((blocks * BLOCK - len(rows), rows.shape[1]), rows.dtype)
    filled = jnp.concatenate([rows, empty])
    return tuple(filled[i * BLOCK : (i + 1) * BLOCK] for i in range(blocks))


def write(basis: Basis, index: jax.Array, row: jax.Array) -> Basis:
    """The basis with `row` [n] at `index`, which may be traced; in place in a loop.

    >>> basis = write(allocate(jnp.zeros((0, 2)), 20), 17, jnp.ones(2))
    >>> basis[0].sum().tolist(), basis[1][1].tolist()
    (0.0, [1.0, 1.0])
    """
    return tuple(_write(rows, index - i * BLOCK, row) for i, rows in enumerate(basis))


def _write(rows, index, row):
    inside = (index >= 0) & (index < BLOCK)
    at = jnp.clip(index, 0, BLOCK - 1)
    return rows.at[at].set(jnp.where(inside, row, rows[at]))


def orthogonalise(basis: Basis, count: jax.Array, w: jax.Array) -> jax.Array:
    """`w` [n] without its components along the first `count` rows of the basis.

    One pass of block Gram-Schmidt leaves components of the size of the rounding of w.
    They matter only if the pass made w much shorter, and then a second one is enough
    (Parlett, The Symmetric Eigenvalue Problem, section 6.9).

    >>> orthogonalise(allocate(jnp.eye(3)[:1], 1), 1, jnp.ones(3)).tolist()
    [0.0, 1.0, 1.0]
    """

    def subtract(rows, w):
        return w - dot(dot(rows, w), rows)

    def once(carry):
        w, passes, before, _ = carry
        for i, rows in enumerate(basis):
            w = jax.lax.cond(i * BLOCK < count, subtract, lambda rows, w: w, rows, w)
        after = norm(w)
        return w, passes + 1, after, after < 0.7 * before

    def repeats(carry):
        _, passes, _, shorter = carry
        return (passes < 1) | ((passes < 2) & shorter)

    start = w, jnp.zeros((), jnp.int32), norm(w), jnp.zeros((), bool)
    return jax.lax.while_loop(repeats, once, start)[0]


@partial(jax.jit, static_argnames="sharding")
def combine(
    basis: Basis, coefficients: jax.Array, sharding: NamedSharding | None = None
) -> jax.Array:
    """Linear combinations, rows [k, n], of coefficients [k, rows of all blocks].

    Divided as `sharding` says, if it is given.

    >>> combine(allocate(jnp.eye(2), 2), jnp.ones((1, 16))).tolist()
    [[1.0, 1.0]]
    """
    parts = [
        coefficients[:, i : i + BLOCK] for i in range(0, len(basis) * BLOCK, BLOCK)
    ]
    rows = sum(dot(part, rows) for part, rows in zip(parts, basis, strict=True))
    return storage.constrained(sharding, rows)


@partial(jax.jit, static_argnames=("capacity", "sharding"))
def restarted(
    basis: Basis,
    coefficients: jax.Array,
    capacity: int,
    sharding: NamedSharding | None = None,
) -> Basis:
    """A basis for `capacity` rows, the first ones linear combinations: see `combine`.

    >>> restarted(allocate(jnp.eye(2), 2), jnp.ones((1, 16)), 5)[0][0].tolist()
    [1.0, 1.0]
    """
    rows = combine(basis, coefficients)
    return storage.constrained(sharding, allocate(rows, capacity))


def dot(a: jax.Array, b: jax.Array) -> jax.Array:
    """`a @ b` in full precision: accelerators may round its factors to fewer bits."""
    return jnp.dot(a, b, precision="highest")


def norm(w: jax.Array) -> jax.Array:
    """The Euclidean norm, whose squares neither overflow nor underflow.

    >>> bool(norm(jnp.array([3e-30, 4e-30], jnp.float32)) > 4.9e-30)
    True
    """
    largest = jnp.max(jnp.abs(w))
    unit = w / jnp.where(largest > 0, largest, 1)
    return largest * jnp.sqrt(dot(unit, unit))
