"""A whole spectrum, estimated or exact, as numbers, arrays and what a figure needs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from analysis.spectra.bulk import beyond_bulk
from analysis.spectra.dense import live_rows
from analysis.spectra.density import Density
from analysis.spectra.eigenpairs import Eigenpairs
from analysis.spectra.estimates import fraction_below, fraction_bounds
from analysis.spectra.exact import eigenvalues
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.outliers import elbow, largest_gap, largest_ratio
from analysis.spectra.smoothing import smoothed
from analysis.spectra.stochastic_trace import Trace
from landscape.one_line import one_line

NEAR_ZERO = 1e-3
"""Fraction of the largest eigenvalue up to which one is called near zero."""

NEGATIVE = 1e-5
"""Fraction of the largest below which one is called negative: signs of smaller ones
are rounding of single precision."""

_CURVE = ("grid", "value", "spread", "min_fraction", "max_fraction")


class Summary(NamedTuple):
    """What was found of a symmetric operator.

    Attributes:
      result: numbers and lists, as in result.json.
      arrays: what arrays.npz holds.
      figure: what `landscape.figures.spectrum` draws.
    """

    result: dict[str, Any]
    arrays: dict[str, np.ndarray]
    figure: dict[str, Any]

    __repr__ = one_line


def summarise(
    op: LinearOperator, top: int, pairs: Eigenpairs, density: Density, trace: Trace
) -> Summary:
    """The summary of an estimated spectrum.

    Args:
      op: a symmetric operator.
      top: number of eigenvalues of each end to report.
      pairs: at least `top` eigenpairs of each end.
      density: preferably one that was given these pairs.
      trace: of the operator.
    """
    scale = np.abs(pairs.values).max()
    noise = _rounding(op)
    ends = _ends(pairs.values, pairs.errors, pairs.converged, top)
    near = fraction_below(density, NEAR_ZERO * scale)
    # Zeros within their error are no isolated eigenvalues: they stay in the curve.
    error = np.maximum(pairs.errors, noise * scale)
    isolated = pairs.converged & (np.abs(pairs.values) > error)
    curve = smoothed(density, point_masses=pairs.values[isolated])
    result = {
        **{name: array.tolist() for name, array in ends.items()},
        "residuals": pairs.residuals.tolist(),
        "unconverged": int((~pairs.converged).sum()),
        "miss_probability": pairs.miss_probability,
        "resolution": noise * scale,
        "trace": trace.value,
        "trace_error": trace.error,
        "share_near_zero": near.value,
        "share_near_zero_error": near.error,
        "share_near_zero_bounds": list(fraction_bounds(density, NEAR_ZERO * scale)),
        "outliers": count_outliers(_first_converged(ends), density, noise),
        "density": {name: getattr(curve, name).tolist() for name in _CURVE},
        "products": pairs.products + density.products + trace.products,
    }
    arrays = {
        "eigenvalues": pairs.values,
        "residuals": pairs.residuals,
        "errors": pairs.errors,
        "nodes": density.nodes,
        "weights": density.weights,
        "weights_raw": density.raw,
        **{f"density_{name}": getattr(curve, name) for name in _CURVE},
    }
    figure = ends | {"size": op.size, "resolution": noise * scale}
    return Summary(result, arrays, figure | {"curve": curve._asdict()})


def summarise_exact(
    op: LinearOperator,
    top: int,
    *,
    live: np.ndarray | None = None,
    report: Callable[[int], None] = lambda rows: None,
) -> Summary:
    """The summary of all eigenvalues, of the dense matrix in float64.

    Args:
      op, top: as in `summarise`.
      live, report: as in `exact.eigenvalues`.

    Raises:
      InputError: the matrix is too large; see `exact_cost.check_memory`.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> found = summarise_exact(from_matrix(np.diag([0.0, 1.0, 2.0, 5.0])), 2).result
    >>> found["largest"], found["trace"], found["share_near_zero"]
    ([5.0, 2.0], 8.0, 0.25)
    """
    live = live_rows(op) if live is None else live
    values = eigenvalues(op, live=live, report=report)[::-1]
    scale = np.abs(values).max()
    noise = _rounding(op)
    errors = np.full(op.size, noise * scale)
    ends = _ends(values, errors, np.ones(op.size, bool), top)
    # One probe that overlaps with all eigenvectors equally, and resolves each.
    weights = np.full((1, op.size), 1 / op.size)
    isolated = np.ones((1, op.size), bool)
    density = Density(values[None, ::-1], weights, weights, isolated, op.size, op.size)
    curve = smoothed(density)
    result = {
        **{name: array.tolist() for name, array in ends.items()},
        "unconverged": 0,
        "resolution": noise * scale,
        "trace": float(values.sum()),
        "trace_error": None,
        "share_near_zero": float((np.abs(values) <= NEAR_ZERO * scale).mean()),
        "share_near_zero_error": None,
        "share_near_zero_bounds": None,
        "share_negative": float((values < -NEGATIVE * scale).mean()),
        "outliers": count_outliers(values[:top], values, noise),
        "density": {name: getattr(curve, name).tolist() for name in _CURVE},
        "products": len(live) + 1,
    }
    arrays = {"eigenvalues": values}
    arrays |= {f"density_{name}": getattr(curve, name) for name in _CURVE}
    figure = ends | {"all": values, "size": op.size, "resolution": noise * scale}
    return Summary(result, arrays, figure | {"curve": curve._asdict()})


def _ends(values, errors, converged, top) -> dict[str, np.ndarray]:
    """Both ends of what is descending, the outermost first."""
    parts = {"": values, "_errors": errors, "_converged": converged}
    large = {f"largest{part}": array[:top] for part, array in parts.items()}
    small = {f"smallest{part}": array[::-1][:top] for part, array in parts.items()}
    return large | small


def _first_converged(ends) -> np.ndarray:
    """The largest eigenvalues before the first that is not known."""
    known = np.logical_and.accumulate(ends["largest_converged"])
    return ends["largest"][known]


def _rounding(op: LinearOperator) -> float:
    """Of the eigenvalues of an operator, over the largest."""
    return 20 * float(np.finfo(op.dtype).eps)


def count_outliers(
    largest: np.ndarray, spectrum: Density | ArrayLike, noise: float = 1e-9
) -> dict[str, Any]:
    """The number of outliers at the large end, by each of the four counts.

    The first three are None where there are too few eigenvalues to compare, or none
    that is positive; the last where the bulk has no edge (`bulk_fits`).

    Args:
      largest: the largest eigenvalues, descending.
      spectrum, noise: as in `bulk.beyond_bulk`.
    """
    counts: dict[str, Any] = {"gap": None, "ratio": None, "elbow": None}
    if len(largest) > 2 and largest[0] > 0:
        counts = {
            "gap": largest_gap(largest)[0],
            "ratio": largest_ratio(largest)[0],
            "elbow": elbow(largest)[0],
        }
    bulk = beyond_bulk(spectrum, noise)
    return counts | {
        "beyond_bulk": bulk.above,
        "beyond_bulk_fewest": bulk.min_above,
        "beyond_bulk_most": bulk.max_above,
        "below_bulk": bulk.below,
        "bulk_edges": None if bulk.edges is None else list(bulk.edges),
        "bulk_fits": bulk.fits,
    }
