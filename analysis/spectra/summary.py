"""A whole spectrum, estimated or exact: its edges, density, trace and outliers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from analysis.spectra import density, outliers, smoothing
from analysis.spectra import exact as dense
from analysis.spectra.eigenpairs import Eigenpairs, top_eigenpairs
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.stochastic_trace import Trace, xtrace

NEAR_ZERO = 1e-3
"""Of the largest eigenvalue: what is called near zero."""

NEGATIVE = 1e-5
"""Of the largest: what is called negative. Below it signs are single precision's."""

TRACE_PRODUCTS = 60
TOLERANCE = 1e-6


class Spectrum(NamedTuple):
    """What was found of a symmetric operator.

    Attributes:
      result: numbers and lists, as in result.json.
      arrays: what arrays.npz holds.
      figure: what `landscape.figures.spectrum` draws.
    """

    result: dict[str, Any]
    arrays: dict[str, np.ndarray]
    figure: dict[str, Any]


def estimated(
    op: LinearOperator, top: int, num_steps: int, num_probes: int, key: jax.Array
) -> Spectrum:
    """By Lanczos: `top` eigenpairs of each end, and the density without them.

    Args:
      op: a symmetric operator.
      top: eigenpairs wanted of each end.
      num_steps, num_probes: of the density.
      key: of the random starts.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.arange(60.0) ** 2 - 9))
    >>> found = estimated(op, 2, 20, 2, jax.random.key(0)).result
    >>> [round(value) for value in found["largest"] + found["smallest"]]
    [3472, 3355, -9, -8]
    """
    keys = jax.random.split(key, 3)
    pairs = top_eigenpairs(op, top, key=keys[0], tol=TOLERANCE)
    # The extreme values are taken out of the probes, which then see the bulk alone.
    found = density.spectral_density(
        op, key=keys[1], num_steps=num_steps, num_probes=num_probes, pairs=pairs
    )
    return joined(op, top, pairs, found, xtrace(op, TRACE_PRODUCTS, key=keys[2]))


def joined(
    op: LinearOperator,
    top: int,
    pairs: Eigenpairs,
    found: density.Density,
    trace: Trace,
) -> Spectrum:
    """The spectrum of `op` out of its parts, as `estimated` finds them."""
    largest, smallest = pairs.values[:top], pairs.values[::-1][:top]
    scale = np.abs(pairs.values).max()
    near = density.share_below(found, NEAR_ZERO * scale)
    curve = smoothing.smoothed(found, stems=pairs.values[pairs.converged])
    result = {
        "largest": largest.tolist(),
        "largest_errors": pairs.errors[:top].tolist(),
        "smallest": smallest.tolist(),
        "smallest_errors": pairs.errors[::-1][:top].tolist(),
        "residuals": pairs.residuals.tolist(),
        "unconverged": int((~pairs.converged).sum()),
        "trace": trace.value,
        "trace_error": trace.error,
        "share_near_zero": near.value,
        "share_near_zero_error": None if np.isnan(near.error) else near.error,
        "share_near_zero_bounds": list(density.share_bounds(found, NEAR_ZERO * scale)),
        "outliers": counted(largest, found, _noise(op)),
        "density": {name: getattr(curve, name).tolist() for name in _CURVE},
        "products": pairs.products + found.products + trace.products,
    }
    arrays = {
        "eigenvalues": pairs.values,
        "residuals": pairs.residuals,
        "errors": pairs.errors,
        "nodes": found.nodes,
        "weights": found.weights,
        "weights_raw": found.raw,
        **{f"density_{name}": getattr(curve, name) for name in _CURVE},
    }
    figure = {"largest": largest, "smallest": smallest, "size": op.size}
    figure |= {"curve": curve._asdict()}
    return Spectrum(result, arrays, figure)


_CURVE = ("grid", "value", "spread")


def exact(
    op: LinearOperator,
    top: int,
    *,
    live: np.ndarray | None = None,
    report: Callable[[int], None] = lambda rows: None,
) -> Spectrum:
    """All eigenvalues of the matrix written out, in float64; see `estimated`.

    Args:
      op, top: as there.
      live, report: as in `exact.eigenvalues`.

    Raises:
      InputError: the matrix is too large; see `analysis.spectra.exact`.
    """
    live = dense.live_rows(op) if live is None else live
    values = dense.eigenvalues(op, live=live, report=report)[::-1]
    # One probe that has overlap with every eigenvector alike.
    share = np.full((1, op.size), 1 / op.size)
    single = np.zeros((1, op.size), bool)
    found = density.Density(values[None, ::-1], share, share, single, op.size, op.size)
    curve = smoothing.smoothed(found)
    scale = np.abs(values).max()
    result = {
        "largest": values[:top].tolist(),
        "smallest": values[::-1][:top].tolist(),
        "unconverged": 0,
        "trace": float(values.sum()),
        "trace_error": None,
        "share_near_zero": float((np.abs(values) <= NEAR_ZERO * scale).mean()),
        "share_near_zero_error": None,
        "share_near_zero_bounds": None,
        "share_negative": float((values < -NEGATIVE * scale).mean()),
        "outliers": counted(values[:top], values, _noise(op)),
        "density": {name: getattr(curve, name).tolist() for name in _CURVE},
        "products": len(live) + 1,
    }
    arrays = {"eigenvalues": values}
    arrays |= {f"density_{name}": getattr(curve, name) for name in _CURVE}
    figure = {"largest": values[:top], "smallest": values[::-1][:top], "all": values}
    figure |= {"size": op.size, "curve": curve._asdict()}
    return Spectrum(result, arrays, figure)


def _noise(op: LinearOperator) -> float:
    """Rounding of the eigenvalues of an operator, over the largest."""
    return 20 * float(np.finfo(op.dtype).eps)


def counted(largest: np.ndarray, spectrum: Any, noise: float = 1e-9) -> dict[str, Any]:
    """The outliers at the large end, by each of the four counts.

    The first three are None where there are too few eigenvalues to compare, or none
    that is positive.
    """
    counts: dict[str, Any] = {"gap": None, "ratio": None, "elbow": None}
    if len(largest) > 2 and largest[0] > 0:
        counts = {
            "gap": outliers.largest_gap(largest)[0],
            "ratio": outliers.largest_ratio(largest)[0],
            "elbow": outliers.elbow(largest)[0],
        }
    bulk = outliers.beyond_bulk(spectrum, noise)
    return counts | {
        "beyond_bulk": bulk.above,
        "beyond_bulk_fewest": bulk.fewest,
        "beyond_bulk_most": bulk.most,
        "below_bulk": bulk.below,
        "bulk_edges": list(bulk.edges),
        "bulk_fits": bulk.fits,
    }
