"""The spectrum of a symmetric matrix."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from landscape.figures.eigenvalues import (
    Known,
    draw,
    known,
    mark_classes,
    scale_ends,
    shade_rounding,
)
from landscape.figures.signed_axes import LINEAR, around, signed_log
from landscape.figures.styles import Figure, colors, plain, style

ENDS = ("largest", "smallest")


def spectrum(found: dict[str, Any], title: str) -> Figure:
    """Both edges over rank, the density, and its integral.

    What is not known is not drawn as if it were: an eigenvalue has its error, one that
    has not converged is left out, one that is zero within its error is drawn at zero,
    and the integral of the density is a band between the bounds of the quadrature.
    Where all eigenvalues are known they are drawn over their rank instead of that.
    Every figure has the same kinds of axes: eigenvalues on one that is logarithmic on
    both sides of zero (`signed_axes`), the density on a logarithmic one.

    Args:
      found: "largest" and "smallest" (eigenvalues, the outermost first), "size" (the
        number of all), "curve" (the fields of `analysis.spectra.Curve`); without the
        one or the other, its panels are left out. If they are known, "largest_errors",
        "smallest_errors", "largest_converged" and "smallest_converged", of the former;
        "resolution", the magnitude up to which an eigenvalue is rounding;
        "num_classes", of the labels, marked among the largest; "all", descending;
        "bulk_edges", beyond which eigenvalues are isolated, or None.
      title: of the figure.
    """
    with style():
        everything, curve = found.get("all"), found.get("curve")
        ends = {end: known(found, end) for end in ENDS if len(found.get(end, ()))}
        panels = len(ends) + (everything is not None)
        panels += 0 if curve is None else 1 + (everything is None)
        rows, columns = (2, 2) if panels > 2 else (1, panels)
        size = (3.6 * columns, 2.6 * rows + 0.5)
        figure = Figure(figsize=size, layout="constrained")
        parts = [figure.add_subplot(rows, columns, i + 1) for i in range(panels)]
        axes = iter(parts)
        if everything is not None:
            _all(next(axes), everything, found.get("resolution", 0.0))
        largest = _largest(ends.values())
        for name, end in ends.items():
            _end(next(axes), name, end, found, largest)
        if curve is not None:
            _density(next(axes), curve, found["size"], found.get("bulk_edges"))
            if everything is None:
                _cumulative(next(axes), curve)
        legend(figure, parts)
        figure.suptitle(plain(title), fontsize=9)
        return figure


def legend(figure: Figure, panels: list[Axes], columns: int = 3) -> None:
    """One for all panels, below them: it covers nothing."""
    labels: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            labels.setdefault(label, handle)
    if labels:
        figure.legend(
            labels.values(), labels.keys(), loc="outside lower center", fontsize=7,
            ncols=columns,
        )  # fmt: skip


def _largest(ends) -> float:
    """The largest magnitude of eigenvalues that have converged."""
    shown = [0.0, *(value for end in ends for value in np.abs(end.shown))]
    return max(shown)


def _end(axes: Axes, name: str, end: Known, found, largest: float) -> None:
    ranks = np.arange(1, len(end.values) + 1)
    if name == "largest":
        mark_classes(axes, found.get("num_classes"), ranks)
    else:
        ranks = found["size"] + 1 - ranks
    draw(axes, ranks, end, color=colors()[0])
    scale_ends(axes, [end], largest)
    axes.set(title=panel_title(name, [end]), xlabel="rank", ylabel="eigenvalue")


def panel_title(name: str, ends: list[Known]) -> str:
    """What is drawn, and how many eigenvalues are not."""
    left_out = sum(end.num_left_out for end in ends)
    note = f"\n({left_out} not converged: left out)" if left_out else ""
    return f"{name} eigenvalues{note}"


def floor_of(grid: np.ndarray, size: int) -> float:
    """A tenth of an eigenvalue over the whole range: less is not shown."""
    grid = np.asarray(grid)
    return 0.1 / size / max(np.abs(grid).max(), 1e-300)


def scale_density(axes: Axes, grids: list[np.ndarray], linear: float) -> None:
    """The axes of a density: logarithmic over one that is so on both sides of zero."""
    low, high = min(g[0] for g in grids), max(g[-1] for g in grids)
    ends = (1.2 * min(low, 0.0) - 0.1 * linear, 1.2 * max(high, 0.0) + 0.1 * linear)
    signed_log(axes, "x", *ends, linear)
    axes.set_yscale("log")
    axes.set(xlabel="eigenvalue", ylabel="density (1 / eigenvalue)")


def rug(axes: Axes, values: np.ndarray, **look: Any) -> None:
    """A short thin line at the foot of the axes for each value."""
    foot = axes.get_xaxis_transform()
    axes.vlines(values, 0, 0.06, transform=foot, **{"lw": 0.6, **look})


def _all(axes, values, resolution) -> None:
    values = np.asarray(values)
    shown = np.where(np.abs(values) <= resolution, 0.0, values)
    axes.plot(np.arange(1, len(values) + 1), shown, ".", ms=2)
    axes.set(title="all eigenvalues", xlabel="rank", ylabel="eigenvalue")
    linear = LINEAR * (np.abs(shown).max() or 1.0)
    signed_log(axes, "y", *around(shown, linear), linear)
    shade_rounding(axes, resolution)


def _cumulative(axes, curve) -> None:
    green = colors()[2]
    low, high = (100 * np.asarray(curve[f"{m}_fraction"]) for m in ("min", "max"))
    label = "bounds of the quadrature"
    axes.fill_between(
        curve["grid"], low, high, color=green, alpha=0.25, lw=0, label=label
    )
    for bound in (low, high):
        axes.plot(curve["grid"], bound, color=green, lw=0.7)
    scale_density(axes, [curve["grid"]], curve["linear"])
    axes.set(title="cumulative", yscale="linear", ylim=(-3, 103))
    axes.set_ylabel("eigenvalues up to it (%)")


def _density(axes, curve, size, bulk) -> None:
    blue, red = colors()[:2]
    value, spread = (np.asarray(curve[name]) for name in ("value", "spread"))
    floor = floor_of(curve["grid"], size)
    shown = np.where(value > floor, value, np.nan)
    axes.plot(curve["grid"], shown, color=blue, label="density")
    if spread.any():
        low = np.maximum(value - spread, floor)
        axes.fill_between(
            curve["grid"], low, value + spread, where=value > floor, color=blue,
            alpha=0.25, lw=0, label="spread over probes",
        )  # fmt: skip
    one_by_one = np.asarray(curve["point_masses"])
    low, high = (-np.inf, np.inf) if bulk is None else bulk
    isolated = (one_by_one < low) | (one_by_one > high)
    for which, color, label in (
        (~isolated, "0.4", "outermost eigenvalue, not in the curve"),
        (isolated, red, "isolated eigenvalue, beyond the bulk"),
    ):
        if which.any():
            rug(axes, one_by_one[which], color=color, label=label)
    scale_density(axes, [curve["grid"]], curve["linear"])
    axes.set_ylim(bottom=floor)
    axes.set_title("density")
