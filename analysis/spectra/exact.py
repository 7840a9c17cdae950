"""All eigenvalues of a symmetric operator or matrix, by LAPACK in float64."""

from collections.abc import Callable

import numpy as np
import scipy.linalg
from jax.typing import ArrayLike

from analysis.spectra.dense import live_submatrix
from analysis.spectra.exact_cost import MEMORY
from analysis.spectra.linear_operator import LinearOperator


def eigenvalues(
    op_or_matrix: LinearOperator | ArrayLike,
    *,
    vectors: bool = False,
    live: np.ndarray | None = None,
    memory: int = MEMORY,
    report: Callable[[int], None] = lambda rows: None,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """All eigenvalues, ascending, [n]; with `vectors` also [n, n] in columns; float64.

    Rows that are identically zero (weights of pixels that are zero in every image) are
    neither materialised nor factorised; their eigenvalues, exact zeros, are included.

    Args:
      op_or_matrix: an operator, see `dense.materialise`, or a symmetric matrix [n, n].
      vectors: whether eigenvectors are returned as well.
      live: the result of `dense.live_rows` for an operator, if it is known.
      memory: bytes of the host that it may take; see `exact_cost.predicted_cost`.
      report: is called with the number of rows of an operator computed so far.

    Raises:
      InputError: it takes more memory, or the matrix is not square, symmetric or
        finite.

    >>> eigenvalues([[0.0, 0, 0], [0, 2, 1], [0, 1, 2]]).round(12).tolist()
    [0.0, 1.0, 3.0]
    """
    task = "eigenvectors" if vectors else "eigenvalues"
    part, live, size = live_submatrix(op_or_matrix, task, memory, live, report)
    zeros = np.zeros(size - len(live))
    if not vectors:
        found = scipy.linalg.eigvalsh(part.T, overwrite_a=True) if len(live) else []
        return np.sort(np.concatenate([found, zeros]))
    found, basis = scipy.linalg.eigh(part.T, overwrite_a=True, driver="evd")
    if not len(zeros):
        return found, basis
    values = np.concatenate([found, zeros])
    order = np.argsort(values, kind="stable")
    column, columns = np.argsort(order), np.zeros((size, size))
    columns[np.ix_(live, column[: len(live)])] = basis
    columns[np.setdiff1d(np.arange(size), live), column[len(live) :]] = 1
    return values[order], columns
