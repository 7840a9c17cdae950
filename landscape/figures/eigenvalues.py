"""Eigenvalues over their rank, as far as they are known."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from landscape.figures.signed_axes import LINEAR, around, signed_log

ZERO, ROUNDING = "zero within its error", "rounding"
"""Labels in a legend."""
_SEEN = 0.004
"""Of the height of an axis, that of a thin line."""


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

    @property
    def shown(self) -> np.ndarray:
        """What is drawn: the values, 0 for those that are zero within their error."""
        return np.append(self.values[self.nonzero], np.zeros(int(self.zero.any())))


def known(found: dict[str, Any], end: str) -> Known:
    """Of the end "largest" or "smallest" of a spectrum, see `figures.spectrum`."""
    values = np.asarray(found[end], float)
    resolution = found.get("resolution", 0.0)
    errors = found.get(f"{end}_errors", np.zeros(len(values)))
    errors = np.maximum(np.asarray(errors, float), resolution)
    converged = np.asarray(found.get(f"{end}_converged", [True] * len(values)), bool)
    zero = np.abs(values) <= errors
    return Known(values, errors, converged & ~zero, converged & zero, resolution)


def draw(axes: Axes, ranks: np.ndarray, end: Known, **line: Any) -> None:
    """Error bars; hollow at zero where zero is within the error.

    Those that have not converged are left out.

    Args:
      axes: to draw on.
      ranks: [k], of the eigenvalues.
      end: see `known`.
      line: options of all markers, such as color.
    """
    values, errors, nonzero, zero, _ = end
    bars = {"fmt": "o", "ms": 3, "elinewidth": 0.8, "capsize": 1.5} | line
    if nonzero.any():
        axes.errorbar(ranks[nonzero], values[nonzero], errors[nonzero], **bars)
    if zero.any():
        bars |= {"mfc": "white", "label": ZERO}
        reach = (np.abs(values) + errors)[zero]
        axes.errorbar(ranks[zero], np.zeros(zero.sum()), reach, **bars)


def scale_ends(axes: Axes, ends: list[Known], largest: float) -> None:
    """The one kind of axis that eigenvalues over rank have, in every figure.

    Logarithmic on both sides of zero, linear up to `signed_axes.LINEAR` of the largest
    magnitude. Zero is shown, with what is rounding, where an eigenvalue comes near.

    Args:
      axes: with the eigenvalues.
      ends: what is drawn.
      largest: the largest magnitude of an eigenvalue of any of the spectra.
    """
    linear = LINEAR * (largest or 1.0)
    shown = np.concatenate([np.zeros(0), *(end.shown for end in ends)])
    low, high = around(shown if len(shown) else np.zeros(1), linear)
    signed_log(axes, "y", low, high, linear)
    if low <= 0 <= high:
        axes.axhline(0, color="gray", lw=0.6, zorder=1)
        shade_rounding(axes, max(end.resolution for end in ends))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))


def mark_classes(axes: Axes, num_classes: int | None, ranks: np.ndarray) -> None:
    """A line after the first `num_classes` eigenvalues, if more than that are drawn."""
    if num_classes and num_classes < len(ranks):
        label = f"number of classes ({num_classes})"
        axes.axvline(num_classes + 0.5, color="0.4", ls=":", lw=1, label=label)


def shade_rounding(axes: Axes, resolution: float) -> None:
    """Shades the band around zero that is rounding, if it is wide enough to be seen."""
    heights = axes.yaxis.get_transform().transform([-resolution, resolution])
    low, high = axes.yaxis.get_transform().transform(axes.get_ylim())
    if np.ptp(heights) > _SEEN * (high - low):
        band = {"color": "0.85", "lw": 0, "zorder": 0, "label": ROUNDING}
        axes.axhspan(-resolution, resolution, **band)
