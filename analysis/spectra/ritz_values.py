"""Eigenvalues of the tridiagonal matrix of Lanczos, with bounds of their errors."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh_tridiagonal

from analysis.spectra.recurrence import State
from landscape.errors import InputError
from landscape.one_line import one_line


class Ritz(NamedTuple):
    """Eigenvalues of T, float64, ascending.

    Attributes:
      values: [m].
      vectors: [m, m], eigenvectors of T in columns.
      bounds: [m], the norm of A v - value v for each Ritz vector v = Q s.
    """

    values: np.ndarray
    vectors: np.ndarray
    bounds: np.ndarray

    __repr__ = one_line


def ritz(state: State, first: int = 0) -> Ritz:
    """Eigenvalues, eigenvectors and residual bounds of T, from step `first` onwards.

    Raises:
      InputError: no step is done.

    >>> import jax.numpy as jnp
    >>> from analysis.spectra.lanczos import tridiagonalise
    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jnp.diag(jnp.array([1.0, 3.0])))
    >>> ritz(tridiagonalise(op, jnp.ones(2), 1)).bounds.round(4).tolist()
    [1.0]
    """
    steps = int(state.step)
    if steps <= first:
        raise InputError("there are no Ritz values before the first step.")
    alphas = np.asarray(state.alphas, np.float64)[first:steps]
    betas = np.asarray(state.betas, np.float64)[first:steps]
    # Its own scale: LAPACK's thresholds are relative, but its squares may underflow.
    scale = max(np.abs(alphas).max(), betas.max()) or 1.0
    values, vectors = eigh_tridiagonal(alphas / scale, betas[:-1] / scale)
    last = 0.0 if bool(state.breakdown) else betas[-1]
    return Ritz(values * scale, vectors, np.abs(last * vectors[-1]))
