"""Eigenvalues of any symmetric linear operator: extreme ones, density, trace, all."""

from analysis.spectra import density, exact, summary
from analysis.spectra.density import (
    Density,
    Estimate,
    expectation,
    moment,
    share_below,
    share_bounds,
    spectral_density,
    trace,
)
from analysis.spectra.eigenpairs import Eigenpairs, as_trees, residuals, top_eigenpairs
from analysis.spectra.exact import eigenvalues, inertia, matrix
from analysis.spectra.linear_operator import LinearOperator, from_function, from_matrix
from analysis.spectra.outliers import beyond_bulk, elbow, largest_gap, largest_ratio
from analysis.spectra.quadrature import Quadrature, probes
from analysis.spectra.random_matrices import (
    largest_fluctuation,
    marchenko_pastur_cdf,
    marchenko_pastur_density,
    marchenko_pastur_edges,
    spiked_outlier,
)
from analysis.spectra.smoothing import Curve, smoothed
from analysis.spectra.stochastic_trace import Trace, xtrace
from analysis.spectra.summary import NEAR_ZERO, NEGATIVE

__all__ = [
    "NEAR_ZERO",
    "NEGATIVE",
    "Curve",
    "Density",
    "Eigenpairs",
    "Estimate",
    "LinearOperator",
    "Quadrature",
    "Trace",
    "as_trees",
    "beyond_bulk",
    "density",
    "eigenvalues",
    "elbow",
    "exact",
    "expectation",
    "from_function",
    "from_matrix",
    "inertia",
    "largest_fluctuation",
    "largest_gap",
    "largest_ratio",
    "marchenko_pastur_cdf",
    "marchenko_pastur_density",
    "marchenko_pastur_edges",
    "matrix",
    "moment",
    "probes",
    "residuals",
    "share_below",
    "share_bounds",
    "smoothed",
    "spectral_density",
    "spiked_outlier",
    "summary",
    "top_eigenpairs",
    "trace",
    "xtrace",
]
