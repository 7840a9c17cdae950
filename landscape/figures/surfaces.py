"""The loss and the accuracy on a plane."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.ticker import MaxNLocator

from landscape.figures.paths import SPLITS
from landscape.figures.styles import Figure, plain, style

WIDE = 1.5
"""Of a plane: from this ratio of its sides on, maps are one above the other."""
NARROW = 3.0
"""From this ratio on the axes have units of their own: a strip shows nothing."""
_FEW, _MOST = 9, 12
"""Intervals between evenly spaced levels, about; and the most levels of a map."""
_SERIES = (
    ((1, 1.5, 2, 3, 5, 7), 1), ((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2)
)  # fmt: skip
"""Factors of levels, and decades between them: the first that are not too many."""
_PERCENT = (0.0, *range(10, 91, 10), 95, 98, 99, 99.5, 99.9, 100)


def surface(
    alphas: np.ndarray,
    betas: np.ndarray,
    losses: np.ndarray,
    coordinates: np.ndarray,
    labels: Sequence[str] | None,
    title: str,
    axes_labels: tuple[str, str],
    *,
    accuracies: np.ndarray | None = None,
    split: str | None = "train",
    loss_label: str = "objective (nats)",
) -> Figure:
    """A loss on a plane, and the accuracy beside it: filled contours at round levels.

    Values beyond the last level have one colour, the brightest; those that are not
    finite are white.

    Args:
      alphas: [columns].
      betas: [rows].
      losses: [rows, columns].
      coordinates: [n, 2], points to mark; joined as a trajectory unless they have
        labels or there is only one.
      labels: of the points.
      title: of the figure.
      axes_labels: of alphas and betas.
      accuracies: [rows, columns], in [0, 1]; None: only the loss is drawn.
      split: of the accuracies; None: not said.
      loss_label: of the colours of the loss.
    """
    panels = 1 if accuracies is None else 2
    with style():
        figure, every = _panels(np.ptp(alphas) or 1, np.ptp(betas) or 1, panels)
        _filled(every[0], alphas, betas, losses, contour_levels(losses), loss_label)
        if accuracies is not None:
            percent = 100 * accuracies
            levels = accuracy_levels(percent)
            words = f"{SPLITS[split]} accuracy (%)" if split else "accuracy (%)"
            _filled(every[1], alphas, betas, percent, levels, words, upwards=False)
        for axes in every:
            _mark(axes, coordinates, labels)
            axes.set(xlabel=axes_labels[0], ylabel=axes_labels[1])
            axes.grid(False)
            axes.locator_params(nbins=5)
            axes.label_outer()
        figure.suptitle(plain(title), fontsize=9)
        return figure


def plane_axes(
    eigenvalues: Sequence[float] | None = None, explained: Sequence[float] | None = None
) -> tuple[str, str]:
    """Labels of the axes of a plane along two eigenvectors, of a trajectory, or others.

    >>> plane_axes(explained=[0.8, 0.1])
    ('axis 1 (80 % of the variance)', 'axis 2 (10 % of the variance)')
    """
    if eigenvalues is not None:
        return tuple(
            rf"distance along eigenvector {i}, $\lambda_{i}$ = {value:.3g}"
            for i, value in enumerate(eigenvalues, 1)
        )
    if explained is not None:
        return tuple(
            f"axis {i} ({100 * fraction:.0f} % of the variance)"
            for i, fraction in enumerate(explained, 1)
        )
    return "alpha", "beta"


def _panels(width: float, height: float, count: int) -> tuple[Figure, list[Axes]]:
    """A figure as large as its panels need, whose sides are as those of the plane."""
    ratio = min(max(width / height, 1 / NARROW), NARROW)
    stacked = count == 2 and ratio > WIDE
    rows, columns = (count, 1) if stacked else (1, count)
    # Inches; the label of an axis needs the height of two.
    across = 5.4 if ratio > WIDE else 3.3 if count == 2 else 3.8
    down = min(max(across / ratio, 1.9), 4.6)
    across = min(across, down * ratio)
    size = columns * (across + 0.85) + 0.6, rows * (down + 0.15) + 0.75
    equal = ratio == width / height
    figure = Figure(figsize=size, layout="compressed" if equal else "constrained")
    every = list(
        figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
    )
    for axes in every:
        axes.set_aspect("equal" if equal else "auto")
    return figure, every


def _filled(
    axes: Axes, alphas, betas, values, levels, label: str, upwards: bool = True
) -> None:
    shown = np.ma.masked_invalid(values)
    extend = "max" if upwards else "min"
    norm = BoundaryNorm(levels, 256, extend=extend)
    filled = axes.contourf(
        alphas, betas, shown, levels, norm=norm, extend=extend,
        cmap="viridis" if upwards else "viridis_r",
    )  # fmt: skip
    axes.contour(alphas, betas, shown, levels, colors="white", linewidths=0.3)
    bar = axes.figure.colorbar(filled, ax=axes, label=label, ticks=levels)
    bar.ax.set_yticklabels([f"{level:.6g}" for level in levels])
    bar.ax.minorticks_off()


def _mark(axes: Axes, coordinates: np.ndarray, labels: Sequence[str] | None) -> None:
    coordinates = np.asarray(coordinates)
    x, y = coordinates.T
    ink = {"color": "white", "markeredgecolor": "black", "clip_on": False}
    if labels is None and len(x) > 1:
        axes.plot(x, y, "-", color="white", lw=1)
        axes.plot(x[:-1], y[:-1], "o", ms=3, **ink)
        axes.plot(x[-1], y[-1], "*", ms=10, **ink)
    else:
        axes.plot(x, y, "o", ms=6, **ink)
    for i, (point, label) in enumerate(zip(coordinates, labels or [], strict=False)):
        # Beside a point that has its label above it, a label lies below its own.
        sides = np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())
        apart = np.abs(coordinates[:i] - point) / sides
        below = any(across < 0.45 and up < 0.06 for across, up in apart)
        axes.annotate(
            plain(label),
            point,
            xytext=(0, -7 if below else 7),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            fontsize=7,
            bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1},
        )


def contour_levels(losses: np.ndarray) -> np.ndarray:
    """Round levels from below the lowest loss up to its 90th centile.

    Over a factor of 4 and more they are 1, 2, 5 (or more, or fewer) times powers of
    ten; over less, and of losses that are not positive, they are evenly spaced.

    Args:
      losses: any shape; values that are not finite do not count.

    >>> contour_levels(np.array([[1.0, 2.0], [90.0, np.nan]])).tolist()
    [1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 70.0]
    >>> contour_levels(np.array([1.02, 1.3, 1.7])).tolist()
    [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6]
    """
    finite = losses[np.isfinite(losses)]
    low, high = (finite.min(), np.quantile(finite, 0.9)) if finite.size else (0.0, 1.0)
    # Of values that differ by rounding alone there is nothing to tell apart.
    if high - low <= 1e-6 * abs(low):
        return low + np.linspace(0, 1, _FEW)
    if low > 0 and high >= 4 * low:
        return _by_decade(low, high)
    levels = MaxNLocator(_FEW, steps=[1, 2, 5, 10]).tick_values(low, high)
    levels = levels[levels <= high]
    # The lowest level lies below everything.
    return levels[np.searchsorted(levels, low, side="right") - 1 :]


def _by_decade(low: float, high: float) -> np.ndarray:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors, apart in _SERIES:
        powers = range(last, first - apart, -apart)
        # As they are written: 3 * 0.1 is not 0.3.
        levels = np.array(sorted(float(f"{f}e{p}") for p in powers for f in factors))
        inside = levels[levels <= high]
        inside = inside[np.searchsorted(inside, low, side="right") - 1 :]
        if len(inside) <= _MOST:
            break
    return inside


def accuracy_levels(percent: np.ndarray) -> np.ndarray:
    """Round levels of accuracies, closer together near 100 %.

    >>> accuracy_levels(np.array([41.0, 88.0, 98.2])).tolist()
    [40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 98.0, 99.0]
    """
    finite = percent[np.isfinite(percent)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 100.0)
    levels = np.array(_PERCENT)
    first = max(0, np.searchsorted(levels, low, side="right") - 1)
    last = min(len(levels), np.searchsorted(levels, high, side="left") + 1)
    # Two bands at least.
    return levels[min(first, last - 3) if last >= 3 else 0 : max(last, 3)]
