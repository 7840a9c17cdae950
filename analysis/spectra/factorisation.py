"""The number of eigenvalues on each side of a shift, by an LDL^T factorisation."""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jax.typing import ArrayLike

from analysis.spectra.dense import STRIPE, live_submatrix
from analysis.spectra.exact_cost import MEMORY
from analysis.spectra.linear_operator import LinearOperator
from landscape.errors import InputError


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
    """The numbers of eigenvalues below, at and above `shift`, without eigenvalues.

    A - shift I = L D L^T (Bunch and Kaufman 1977) has the signs of D's blocks of one
    and two rows (Sylvester's law of inertia). It takes a third of `eigvalsh`'s time.
    Where a pivot is so small that an eigenvalue may be at the shift, and with a given
    `tolerance`, the signs are those of the shifts less and plus the tolerance: two
    factorisations, which no eigenvalue at the shift disturbs.

    Args:
      op_or_matrix, memory: as in `exact.eigenvalues`.
      shift: the value that the eigenvalues are compared with.
      tolerance: eigenvalues within this of the shift count as zero. Default: rounding,
        100 n times the precision of float64 times the largest entry. The sign of an
        eigenvalue within the rounding of the products (in float32) is noise.

    Raises:
      InputError: a negative tolerance, or as in `exact.eigenvalues`.

    >>> inertia([[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    Inertia(negative=1, zero=1, positive=1)
    """
    if tolerance is not None and not tolerance >= 0:
        raise InputError(f"tolerance must not be negative, not {tolerance}.")
    part, live, size = live_submatrix(op_or_matrix, "inertia", memory)
    diagonal, pivots = part.diagonal().copy(), None
    if tolerance is None:
        # No copy: memory may not hold a large matrix twice.
        largest = max(part.max(initial=0), -part.min(initial=0), abs(shift))
        tolerance = 100 * max(len(part), 1) * np.finfo(float).eps * largest
        pivots = _pivots(part, diagonal - shift)
        if np.abs(pivots).min(initial=np.inf) <= 1e3 * tolerance:
            pivots = None
    below, above = pivots, pivots
    if pivots is None:
        below = _pivots(part, diagonal - (shift - tolerance))
        above = _pivots(part, diagonal - (shift + tolerance))
    # A row that is zero has the eigenvalue 0, which is -shift after the shift.
    zeros = np.full(size - len(live), -shift)
    negative = int((below < 0).sum() + (zeros < -tolerance).sum())
    positive = int((above > 0).sum() + (zeros > tolerance).sum())
    return Inertia(negative, size - negative - positive, positive)


def _pivots(a: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """The eigenvalues of the blocks of D in A = L D L^T, A with this diagonal.

    Of `a` the part below the diagonal is read, and kept; the rest is overwritten.
    """
    if not len(a):
        return np.zeros(0)
    for start in range(0, len(a), STRIPE):
        rows = slice(start, start + STRIPE)
        square = np.tril(a[rows, rows], -1)
        a[rows, rows] = square + square.T
        a[rows, start + STRIPE :] = a[start + STRIPE :, rows].T
    a[np.diag_indices_from(a)] = diagonal
    work = scipy.linalg.lapack.dsytrf_lwork(len(a), lower=1)[0]
    a, pivot, info = scipy.linalg.lapack.dsytrf(
        a.T, lower=1, lwork=int(work), overwrite_a=1
    )  # Of the transpose, whose lower part is the upper one of the rows.
    assert info >= 0  # Above 0: a pivot is exactly zero, which the count allows for.
    found, k = [], 0
    while k < len(a):
        width = 1 if pivot[k] > 0 else 2
        block = a[k : k + width, k : k + width]
        found.extend(np.linalg.eigvalsh(block))
        k += width
    return np.array(found)
