"""Eigenvalues of any symmetric linear operator: extreme ones, density, trace, all."""

from analysis.spectra.bulk import Bulk, beyond_bulk
from analysis.spectra.dense import live_rows, materialise
from analysis.spectra.density import Density, density_from_probes, spectral_density
from analysis.spectra.eigenpairs import Eigenpairs, as_trees, residuals, top_eigenpairs
from analysis.spectra.estimates import (
    Estimate,
    expectation,
    fraction_below,
    fraction_bounds,
    moment,
    trace,
)
from analysis.spectra.exact import eigenvalues
from analysis.spectra.exact_cost import Cost, check_memory, predicted_cost
from analysis.spectra.factorisation import Inertia, inertia
from analysis.spectra.lanczos import tridiagonalise
from analysis.spectra.linear_operator import LinearOperator, from_function, from_matrix
from analysis.spectra.memory import Memory, memory_needed
from analysis.spectra.outliers import elbow, largest_gap, largest_ratio
from analysis.spectra.plotting import plot
from analysis.spectra.quadrature import Quadrature, probe_quadratures
from analysis.spectra.random_matrices import (
    largest_fluctuation,
    marchenko_pastur_cdf,
    marchenko_pastur_density,
    marchenko_pastur_edges,
    spiked_outlier,
)
from analysis.spectra.ritz_values import Ritz, ritz
from analysis.spectra.smoothing import Curve, smoothed
from analysis.spectra.stochastic_trace import Trace, xtrace
from analysis.spectra.storage import is_apart, on_host, sharded
from analysis.spectra.summary import (
    NEAR_ZERO,
    NEGATIVE,
    Summary,
    count_outliers,
    summarise,
    summarise_exact,
)

__all__ = [
    "NEAR_ZERO",
    "NEGATIVE",
    "Bulk",
    "Cost",
    "Curve",
    "Density",
    "Eigenpairs",
    "Estimate",
    "Inertia",
    "LinearOperator",
    "Memory",
    "Quadrature",
    "Ritz",
    "Summary",
    "Trace",
    "as_trees",
    "beyond_bulk",
    "check_memory",
    "count_outliers",
    "density_from_probes",
    "eigenvalues",
    "elbow",
    "expectation",
    "fraction_below",
    "fraction_bounds",
    "from_function",
    "from_matrix",
    "inertia",
    "is_apart",
    "largest_fluctuation",
    "largest_gap",
    "largest_ratio",
    "live_rows",
    "marchenko_pastur_cdf",
    "marchenko_pastur_density",
    "marchenko_pastur_edges",
    "materialise",
    "memory_needed",
    "moment",
    "on_host",
    "plot",
    "predicted_cost",
    "probe_quadratures",
    "residuals",
    "ritz",
    "sharded",
    "smoothed",
    "spectral_density",
    "spiked_outlier",
    "summarise",
    "summarise_exact",
    "top_eigenpairs",
    "trace",
    "tridiagonalise",
    "xtrace",
]
