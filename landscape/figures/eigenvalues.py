"""Eigenvalues over their rank, as far as they are known."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

ZERO, ROUNDING = "zero within its error", "rounding"
"""Labels in a legend."""


class Known(NamedTuple):
    """One end of a spectrum, and what is known of it.

    Attributes:
      values, errors: [k], the errors not below what rounding leaves open.
      nonzero: [k], converged, and farther from zero than the error.
      zero: [k], converged, and zero within the error: the sign is not known.
      resolution: magnitude up to which an eigenvalue is rounding.
    """

    values: np.ndarray
    errors: np.ndarray
    nonzero: np.ndarray
    zero: np.ndarray
    resolution: float

    @property
    def num_left_out(self) -> int:
        """Those that have not converged."""
        return int((~(self.nonzero | self.zero)).sum())


def known(found: dict[str, Any], end: str) -> Known:
    """Of the end "largest" or "smallest" of a spectrum, see `figures.spectrum`."""
    values = np.asarray(found[end], float)
    resolution = found.get("resolution", 0.0)
    errors = found.get(f"{end}_errors", np.zeros(len(values)))
    errors = np.maximum(np.asarray(errors, float), resolution)
    converged = np.asarray(found.get(f"{end}_converged", [True] * len(values)), bool)
    zero = np.abs(values) <= errors
    return Known(values, errors, converged & ~zero, converged & zero, resolution)


def draw(axes: Axes, ranks: np.ndarray, end: Known, *, log: bool, **line: Any) -> None:
    """Error bars; hollow where zero is within the error, and those not converged not.

    Args:
      axes: to draw on.
      ranks: [k], of the eigenvalues.
      end: see `known`.
      log: whether the axis is logarithmic: zero within the error is an upper limit
        there, else a marker at zero.
      line: options of all markers, such as color.
    """
    values, errors, nonzero, zero, _ = end
    bars = {"fmt": "o", "ms": 3, "elinewidth": 0.8, "capsize": 1.5} | line
    if nonzero.any():
        axes.errorbar(ranks[nonzero], values[nonzero], errors[nonzero], **bars)
    if zero.any():
        bars |= {"mfc": "none", "label": ZERO}
        reach = (np.abs(values) + errors)[zero]
        if log:
            axes.errorbar(ranks[zero], reach, 0.5 * reach, uplims=True, **bars)
        else:
            axes.errorbar(ranks[zero], np.zeros(zero.sum()), reach, **bars)


def draw_end(axes: Axes, ranks: np.ndarray, end: Known) -> None:
    """One end alone: on a log axis if all are positive and far apart."""
    shown = end.values[end.nonzero]
    far = 0 < 30 * shown.min(initial=np.inf) < shown.max(initial=0)
    log = far and not end.zero.any()
    draw(axes, ranks, end, log=log)
    if log:
        axes.set_yscale("log")
    else:
        axes.axhline(0, color="gray", lw=0.6)
        shade_rounding(axes, end.resolution)
    if end.num_left_out:
        label = f"{end.num_left_out} not converged: left out"
        axes.plot([], [], " ", label=label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=6)


def shade_rounding(axes: Axes, resolution: float) -> None:
    """Shades the band around zero that is rounding, and never looks closer than it."""
    if resolution:
        band = axes.axhspan(-resolution, resolution, color="0.8", lw=0, zorder=0)
        low, high = axes.get_ylim()
        low, high = min(low, -3 * resolution), max(high, 3 * resolution)
        axes.set_ylim(low, high)
        if resolution > 0.005 * (high - low) or axes.get_yscale() != "linear":
            band.set_label(ROUNDING)
