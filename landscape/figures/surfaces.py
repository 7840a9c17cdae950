"""The loss and the accuracy on a plane."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm

from landscape.figures.paths import SPLITS
from landscape.figures.styles import Figure, plain, style

WIDE = 1.5
"""Of a plane: from this ratio of its sides on, maps are one above the other."""
NARROW = 3.0
"""From this ratio on the axes have units of their own: a strip shows nothing."""


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

    They are evenly spaced in the logarithm of what lies above the lowest loss, or below
    the highest accuracy. Values beyond the last level have one colour, the brightest;
    those that are not finite are white.

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
            levels = 0.0 - contour_levels(-percent, 9, 0.04)[::-1]
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


def contour_levels(
    losses: np.ndarray, count: int = 11, first: float = 0.01
) -> np.ndarray:
    """Levels evenly spaced in log(loss - lowest), from the lowest to the 90th centile,
    each rounded to 1, 2 or 5 of the digit in which it differs from the one below.

    Args:
      losses: any shape; values that are not finite do not count.
      count: of levels, before those that rounding makes equal are one.
      first: the second level above the lowest, as a fraction of the last one.

    >>> contour_levels(np.array([[1.0, 2.0], [11.0, np.nan]]), 4).tolist()
    [1.0, 1.1, 2.0, 10.0]
    >>> contour_levels(np.full((2, 2), 3.0), 3).tolist()
    [3.0, 3.5, 4.0]
    """
    finite = losses[np.isfinite(losses)]
    lowest = finite.min() if finite.size else 0.0
    above = np.quantile(finite - lowest, 0.9) if finite.size else 0.0
    # Of values that differ by rounding alone there is nothing to tell apart.
    if above <= 1e-6 * abs(lowest):
        return lowest + np.linspace(0, 1, count)
    levels = lowest + np.append(0, np.geomspace(first, 1, count - 1) * above)
    steps = np.diff(levels)
    # The lowest level lies below everything.
    rounded = [_round(levels[0], steps[0], math.floor)]
    rounded += [_round(x, d, round) for x, d in zip(levels[1:], steps, strict=True)]
    return np.unique(rounded)


def _round(value: float, step: float, to_whole) -> float:
    """A multiple of the largest of 1, 2 or 5 times a power of ten within `step`."""
    power = math.floor(math.log10(step))
    part = max(n for n in (1, 2, 5) if n * 10.0**power <= step * (1 + 1e-9) or n == 1)
    whole = part * to_whole(value / (part * 10.0**power))
    return whole / 10**-power if power < 0 else float(whole * 10**power)
