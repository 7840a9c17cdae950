"""The dense matrix of a symmetric operator, in float64, without its zero rows.

For small networks, for tests, and where a claim needs the whole spectrum.
`exact_cost.predicted_cost` says beforehand what it takes.
"""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from analysis.spectra.exact_cost import MEMORY, Cost, check_memory, predicted_cost
from analysis.spectra.linear_operator import (
    LinearOperator,
    check_operator,
    refuse_asymmetry,
)
from landscape.errors import InputError

BLOCK = 32
"""Unit vectors in one vmapped product."""

STRIPE = 1024
"""Rows that are made symmetric in one step."""


def materialise(
    op: LinearOperator,
    *,
    indices: np.ndarray | None = None,
    block_size: int | None = None,
    memory: int = MEMORY,
    report: Callable[[int], None] = lambda rows: None,
) -> np.ndarray:
    """The dense matrix of an operator, [size, size] in float64, made symmetric.

    (A + A^T) / 2 of the products with all unit vectors, in the operator's own dtype.

    Args:
      op: a symmetric operator.
      indices: [m], rows and columns of the submatrix [m, m] to return; default: all.
      block_size: unit vectors in one compiled, vmapped call; 1: sequential products.
        Default: 32 where the operator is scannable, else 1.
      memory: bytes of the host that the matrix may take.
      report: is called with the number of rows computed so far.

    Raises:
      InputError: the matrix takes more memory or is not symmetric, or the block size
        is below 1.

    >>> from analysis import curvature
    >>> loss = lambda w, x: jnp.mean((x @ w) ** 2) / 2
    >>> op = curvature.hessian(loss, jnp.zeros(2), jnp.array([[1.0, 2.0]]))
    >>> materialise(op).tolist()
    [[1.0, 2.0], [2.0, 4.0]]
    """
    check_operator(op)
    block_size = (BLOCK if op.scannable else 1) if block_size is None else block_size
    if block_size < 1:
        raise InputError(f"block_size must be at least 1, not {block_size}.")
    indices = np.arange(op.size) if indices is None else np.asarray(indices)
    size = len(indices)
    check_memory(Cost(size, 8 * size**2, 0), memory)
    dense = np.empty((size, size))
    block_size = max(min(block_size, size), 1)
    for start in range(0, size, block_size):
        count = min(block_size, size - start)
        if block_size == 1:
            unit = np.zeros(op.size, op.dtype)
            unit[indices[start]] = 1
            rows = np.asarray(op.matvec(unit))[None]
        else:
            # The last block is filled up: blocks of one size compile once.
            block = indices[np.minimum(start + np.arange(block_size), size - 1)]
            rows = np.asarray(_unit_products(op, block))[:count]
        dense[start : start + count] = rows[:, indices]
        report(start + count)
    squares = [
        _symmetrise(dense, slice(start, start + STRIPE))
        for start in range(0, size, STRIPE)
    ]
    different, whole = np.sqrt(np.sum(squares, axis=0)) if size else (0.0, 0.0)
    refuse_asymmetry(different / whole if whole > 0 else 0.0, op.dtype)
    return dense


def live_rows(op: LinearOperator) -> np.ndarray:
    """Indices of the rows that are not identically zero, by one random product.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> live_rows(from_matrix(jnp.diag(jnp.array([2.0, 0.0, 1.0])))).tolist()
    [0, 2]
    """
    check_operator(op)
    probe = np.random.default_rng(0).normal(size=op.size).astype(op.dtype)
    return np.flatnonzero(np.asarray(op.matvec(probe)))


def live_submatrix(
    op_or_matrix: LinearOperator | ArrayLike,
    task: str,
    memory: int,
    live: np.ndarray | None = None,
    report: Callable[[int], None] = lambda rows: None,
) -> tuple[np.ndarray, np.ndarray, int]:
    """The submatrix of the rows that are not zero, a copy; their indices; and n.

    Args:
      op_or_matrix: an operator, or a symmetric matrix [n, n].
      task: what the submatrix is for, see `exact_cost.predicted_cost`.
      memory: bytes of the host that matrix and task may take.
      live: the result of `live_rows` for an operator, if it is known.
      report: as in `materialise`.

    Raises:
      InputError: the task takes more memory, or the matrix is not square, symmetric or
        finite.
    """
    if hasattr(op_or_matrix, "matvec"):
        check_operator(op_or_matrix)
        live = live_rows(op_or_matrix) if live is None else live
        size = op_or_matrix.size
        _check_cost(live, size, task, memory)
        part = materialise(op_or_matrix, indices=live, memory=memory, report=report)
        finite = np.isfinite(part).all()
    else:
        dense = np.asarray(op_or_matrix, np.float64)
        if dense.ndim != 2 or dense.shape[0] != dense.shape[1]:
            raise InputError(f"a square matrix is needed, not shape {dense.shape}.")
        gap = max(_asymmetries(dense), default=0.0)
        if gap > 1e-5 * np.abs(dense).max(initial=0):
            raise InputError(
                f"the matrix is not symmetric: entries differ by {gap:.3g}."
            )
        live, size = np.flatnonzero([row.any() for row in dense]), len(dense)
        _check_cost(live, size, task, memory)
        part, finite = dense[np.ix_(live, live)], np.isfinite(dense).all()
    if not finite:
        raise InputError("the matrix has entries that are not finite.")
    return part, live, size


@jax.jit
def _unit_products(op: LinearOperator, indices: jax.Array) -> jax.Array:
    units = jax.vmap(lambda i: jnp.zeros(op.size, op.dtype).at[i].set(1))(indices)
    return jax.vmap(op.matvec)(units)


def _symmetrise(dense: np.ndarray, rows: slice) -> tuple[float, float]:
    """In place, one stripe of rows: memory may not hold a large matrix twice.

    Returns the sums of squares of the differences to the transpose, and of the means.
    """
    right = slice(rows.start, None)
    # Copies: the two may overlap.
    upper, lower = dense[rows, right].copy(), dense[right, rows].T.copy()
    mean = (upper + lower) / 2
    dense[rows, right], dense[right, rows] = mean, mean.T
    upper -= lower
    return float(np.vdot(upper, upper)), float(np.vdot(mean, mean))


def _check_cost(live: np.ndarray, size: int, task: str, memory: int) -> None:
    cost = predicted_cost(len(live), task)
    if task == "eigenvectors" and len(live) < size:
        # They are returned as rows and columns of the whole matrix.
        cost = cost._replace(size=size, bytes=cost.bytes + 8 * size**2)
    check_memory(cost, memory)


def _asymmetries(dense: np.ndarray) -> Iterator[float]:
    """The largest difference between entry and transposed entry in each stripe."""
    for start in range(0, len(dense), STRIPE):
        rows = slice(start, start + STRIPE)
        yield float(np.abs(dense[rows] - dense[:, rows].T).max())
