"""The number of eigenvalues on each side of a shift, by an LDL^T factorisation."""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from jax.typing import ArrayLike

from analysis.spectra.dense import live_submatrix
from analysis.spectra.exact_cost import MEMORY
from analysis.spectra.linear_operator import LinearOperator


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

    Args:
      op_or_matrix, memory: as in `exact.eigenvalues`.
      shift: the value that the eigenvalues are compared with.
      tolerance: pivots of at most this magnitude count as zero. Default: rounding, 10 n
        times the precision of float64 times the largest entry. The sign of an
        eigenvalue within rounding of the shift (of the products' own, in float32) is
        noise.

    Raises:
      InputError: as in `exact.eigenvalues`.

    >>> inertia([[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    Inertia(negative=1, zero=1, positive=1)
    """
    part, live, size = live_submatrix(op_or_matrix, "inertia", memory)
    part[np.diag_indices_from(part)] -= shift
    if tolerance is None:
        # No copy: memory may not hold a large matrix twice.
        largest = max(part.max(initial=0), -part.min(initial=0), abs(shift))
        tolerance = 10 * max(len(part), 1) * np.finfo(float).eps * largest
    # A row that is zero has the eigenvalue 0, which is -shift after the shift.
    pivots = np.concatenate([_pivots(part), np.full(size - len(live), -shift)])
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
    assert info >= 0  # Above 0: a pivot is exactly zero, which the count allows for.
    found, k = [], 0
    while k < len(a):
        width = 1 if pivot[k] > 0 else 2
        block = a[k : k + width, k : k + width]
        found.extend(np.linalg.eigvalsh(block))
        k += width
    return np.array(found)
