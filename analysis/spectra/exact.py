"""Matrices written out: every eigenvalue in float64, and signs by factorisation.

For small networks, for tests, and where a claim needs the whole spectrum. What it will
take is known beforehand: `predicted_cost`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax.typing import ArrayLike

from analysis.spectra.exact_cost import MEMORY, Cost, check_memory, predicted_cost
from analysis.spectra.linear_operator import LinearOperator
from landscape.errors import InputError

__all__ = ["Cost", "Inertia", "eigenvalues", "inertia", "matrix", "predicted_cost"]

BLOCK = 32
"""Unit vectors that are multiplied together."""

# Rows that are made symmetric together.
SQUARE = 1024


def matrix(
    op: LinearOperator,
    *,
    places: np.ndarray | None = None,
    block_size: int | None = None,
    memory: int = MEMORY,
    report: Callable[[int], None] = lambda rows: None,
) -> np.ndarray:
    """The matrix of a symmetric operator [size, size] in float64, made symmetric.

    Products with unit vectors, in the operator's own precision: (A + A^T) / 2 of what
    they give.

    Args:
      op: a symmetric operator.
      places: [m], the rows and columns wanted, [m, m] of the matrix; default: all.
      block_size: unit vectors in one compiled call, vmapped; 1: in turn. Default: 32
        where the operator's products may be compiled together, else in turn.
      memory: bytes of the host that it may take.
      report: is told of the rows that are there.

    Raises:
      InputError: it takes more, or the block size is below 1.

    >>> from analysis.curvature.operators import hessian
    >>> loss = lambda w, x: jnp.mean((x @ w) ** 2) / 2
    >>> matrix(hessian(loss, jnp.zeros(2), jnp.array([[1.0, 2.0]])))
    array([[1., 2.],
           [2., 4.]])
    """
    block_size = (BLOCK if op.scannable else 1) if block_size is None else block_size
    if block_size < 1:
        raise InputError(f"block_size must be at least 1, not {block_size}.")
    places = np.arange(op.size) if places is None else np.asarray(places)
    size = len(places)
    check_memory(Cost(size, 8 * size**2, 0), memory)
    dense = np.empty((size, size))
    block_size = max(min(block_size, size), 1)
    for start in range(0, size, block_size):
        count = min(block_size, size - start)
        if block_size == 1:
            unit = np.zeros(op.size, op.dtype)
            unit[places[start]] = 1
            rows = np.asarray(op.matvec(unit))[None]
        else:
            # The last block is filled up: blocks of one size compile once.
            units = places[np.minimum(start + np.arange(block_size), size - 1)]
            rows = np.asarray(_block(op, units))[:count]
        dense[start : start + count] = rows[:, places]
        report(start + count)
    for start in range(0, size, SQUARE):
        _symmetrise(dense, slice(start, start + SQUARE))
    return dense


def live_rows(op: LinearOperator) -> np.ndarray:
    """Positions of the rows that are not identically zero, by one random product.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> live_rows(from_matrix(jnp.diag(jnp.array([2.0, 0.0, 1.0])))).tolist()
    [0, 2]
    """
    probe = np.random.default_rng(0).normal(size=op.size).astype(op.dtype)
    return np.flatnonzero(np.asarray(op.matvec(probe)))


@jax.jit
def _block(op, places):
    units = jax.vmap(lambda i: jnp.zeros(op.size, op.dtype).at[i].set(1))(places)
    return jax.vmap(op.matvec)(units)


def _symmetrise(dense: np.ndarray, rows: slice) -> None:
    """In place, a stripe of rows at a time, for large matrices have no room for two."""
    right = slice(rows.start, None)
    mean = (dense[rows, right] + dense[right, rows].T) / 2
    dense[rows, right], dense[right, rows] = mean, mean.T


def eigenvalues(
    op_or_matrix: LinearOperator | ArrayLike,
    *,
    vectors: bool = False,
    live: np.ndarray | None = None,
    memory: int = MEMORY,
    report: Callable[[int], None] = lambda rows: None,
) -> Any:
    """All eigenvalues, rising, [n] in float64; with `vectors` also [n, n], columns.

    Rows that are identically zero (weights of pixels that are never lit) are neither
    written out nor factorised, and their zeros given back.

    Args:
      op_or_matrix: an operator, see `matrix`, or a symmetric matrix [n, n].
      live: what `live_rows` gives of an operator, if it is known.
      memory: bytes of the host that it may take; see `predicted_cost`.
      report: is told of the rows of an operator's matrix that are there.

    Raises:
      InputError: it takes more, or the matrix is not square, symmetric or finite.

    >>> eigenvalues([[0.0, 0, 0], [0, 2, 1], [0, 1, 2]]).round(12).tolist()
    [0.0, 1.0, 3.0]
    """
    task = "eigenvectors" if vectors else "eigenvalues"
    part, live, size = _live_part(op_or_matrix, task, memory, live, report)
    zeros = np.zeros(size - len(live))
    if not vectors:
        found = scipy.linalg.eigvalsh(part.T, overwrite_a=True) if len(live) else []
        return np.sort(np.concatenate([found, zeros]))
    found, basis = scipy.linalg.eigh(part.T, overwrite_a=True, driver="evd")
    if not len(zeros):
        return found, basis
    values = np.concatenate([found, zeros])
    order = np.argsort(values, kind="stable")
    place, columns = np.argsort(order), np.zeros((size, size))
    columns[np.ix_(live, place[: len(live)])] = basis
    columns[np.setdiff1d(np.arange(size), live), place[len(live) :]] = 1
    return values[order], columns


class Inertia(NamedTuple):
    """Numbers of eigenvalues below, at and above the shift."""

    negative: int
    zero: int
    positive: int


def inertia(
    op_or_matrix: LinearOperator | ArrayLike,
    shift: float = 0.0,
    *,
    tolerance: float | None = None,
    memory: int = MEMORY,
) -> Inertia:
    """How many eigenvalues lie below, at and above `shift`, much sooner than by `eigh`.

    A - shift I = L D L^T (Bunch and Kaufman 1977) has the signs of D's blocks of one
    and two rows (Sylvester's law of inertia).

    Args:
      op_or_matrix, memory: as in `eigenvalues`.
      shift: where to cut the spectrum.
      tolerance: pivots as small as this count as zero. Default: rounding, n times the
        precision of float64 times the largest entry. The signs of an eigenvalue within
        rounding of the shift (of the products' own, for float32) are noise.

    Raises:
      InputError: as in `eigenvalues`.

    >>> inertia([[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    Inertia(negative=1, zero=1, positive=1)
    """
    part, live, size = _live_part(op_or_matrix, "inertia", memory)
    part[np.diag_indices_from(part)] -= shift
    if tolerance is None:
        # No copy: a large matrix has no room for one.
        largest = max(part.max(initial=0), -part.min(initial=0), abs(shift))
        tolerance = 10 * max(len(part), 1) * np.finfo(float).eps * largest
    # A row that is zero has the eigenvalue 0, which is -shift after the shift.
    pivots = [_pivots(part), np.full(size - len(live), -shift)]
    pivots = np.concatenate(pivots)
    negative, positive = (int((s * pivots > tolerance).sum()) for s in (-1, 1))
    return Inertia(negative, len(pivots) - negative - positive, positive)


def _pivots(a: np.ndarray) -> np.ndarray:
    """The eigenvalues of the blocks of D in A = L D L^T; `a` is overwritten."""
    if not len(a):
        return np.zeros(0)
    work = scipy.linalg.lapack.dsytrf_lwork(len(a), lower=1)[0]
    a, pivot, info = scipy.linalg.lapack.dsytrf(
        a.T, lower=1, lwork=int(work), overwrite_a=1
    )
    assert info >= 0  # Above 0: a pivot is exactly zero, and the rest is as it should.
    found, k = [], 0
    while k < len(a):
        width = 1 if pivot[k] > 0 else 2
        block = a[k : k + width, k : k + width]
        found.extend(np.linalg.eigvalsh(block))
        k += width
    return np.array(found)


def _live_part(
    op_or_matrix: LinearOperator | ArrayLike,
    task: str,
    memory: int,
    live: np.ndarray | None = None,
    report: Callable = lambda rows: None,
) -> tuple[np.ndarray, np.ndarray, int]:
    """The rows and columns that are not zero, to be overwritten; which; of how many."""
    if hasattr(op_or_matrix, "matvec"):
        live = live_rows(op_or_matrix) if live is None else live
        size = op_or_matrix.size
        _check(live, size, task, memory)
        part = matrix(op_or_matrix, places=live, memory=memory, report=report)
        finite = np.isfinite(part).all()
    else:
        dense = np.asarray(op_or_matrix, np.float64)
        if dense.ndim != 2 or dense.shape[0] != dense.shape[1]:
            raise InputError(f"a square matrix is needed, not shape {dense.shape}.")
        gap = max(_gaps(dense), default=0.0)
        if gap > 1e-5 * np.abs(dense).max(initial=0):
            raise InputError(
                f"the matrix is not symmetric: entries differ by {gap:.3g}."
            )
        live, size = _live(dense), len(dense)
        _check(live, size, task, memory)
        part, finite = dense[np.ix_(live, live)], np.isfinite(dense).all()
    if not finite:
        raise InputError("the matrix has entries that are not finite.")
    return part, live, size


def _check(live: np.ndarray, size: int, task: str, memory: int) -> None:
    cost = predicted_cost(len(live), task)
    if task == "eigenvectors" and len(live) < size:
        # They are given back among those of all rows.
        cost = cost._replace(size=size, bytes=cost.bytes + 8 * size**2)
    check_memory(cost, memory)


def _gaps(dense: np.ndarray):
    for start in range(0, len(dense), SQUARE):
        rows = slice(start, start + SQUARE)
        yield float(np.abs(dense[rows] - dense[:, rows].T).max())


def _live(dense: ArrayLike) -> np.ndarray:
    """Rows that are not identically zero; the matrix is symmetric."""
    return np.flatnonzero([row.any() for row in dense])
