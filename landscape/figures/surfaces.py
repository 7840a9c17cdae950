"""The loss on a plane."""

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure

from landscape.figures.styles import plain, style


def surface(
    alphas: np.ndarray,
    betas: np.ndarray,
    losses: np.ndarray,
    coordinates: np.ndarray,
    labels: list[str] | None,
    title: str,
    axes_labels: tuple[str, str],
) -> Figure:
    """A loss on a plane: filled contours, evenly spaced in the logarithm above the
    lowest value; losses above the highest level have one colour, losses that are not
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
    """
    with style():
        figure = Figure(figsize=(5.6, 4.4), layout="compressed")
        axes = figure.subplots()
        levels = contour_levels(losses)
        shown = np.ma.masked_invalid(losses)
        norm = BoundaryNorm(levels, 256, extend="max")
        filled = axes.contourf(
            alphas, betas, shown, levels, norm=norm, cmap="viridis", extend="max"
        )
        axes.contour(alphas, betas, shown, levels, colors="white", linewidths=0.3)
        bar = figure.colorbar(filled, ax=axes, label="objective (nats)", ticks=levels)
        bar.ax.set_yticklabels([f"{level:.3g}" for level in levels])
        x, y = coordinates.T
        ink = {"color": "white", "markeredgecolor": "black", "clip_on": False}
        if labels is None and len(x) > 1:
            axes.plot(x, y, "-", color="white", lw=1)
            axes.plot(x[:-1], y[:-1], "o", ms=3, **ink)
            axes.plot(x[-1], y[-1], "*", ms=10, **ink)
        else:
            axes.plot(x, y, "o", ms=6, **ink)
        for point, label in zip(coordinates, labels or [], strict=False):
            axes.annotate(
                plain(label),
                point,
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1},
            )
        axes.set(xlabel=axes_labels[0], ylabel=axes_labels[1], aspect="equal")
        axes.grid(False)
        figure.suptitle(plain(title), fontsize=9)
        return figure


def contour_levels(losses: np.ndarray, count: int = 12) -> np.ndarray:
    """Levels evenly spaced in log(loss - lowest), from the lowest to the 90th centile.

    >>> contour_levels(np.array([[1.0, 2.0], [11.0, np.nan]]), 3).round(2).tolist()
    [1.0, 1.08, 9.2]
    """
    finite = losses[np.isfinite(losses)]
    lowest = finite.min() if finite.size else 0.0
    above = np.quantile(finite - lowest, 0.9) if finite.size else 0.0
    if above <= 0:
        return lowest + np.linspace(0, 1, count)
    return lowest + np.append(0, np.geomspace(0.01, 1, count - 1) * above)
