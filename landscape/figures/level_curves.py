"""Accuracy over the parameters that are left, level by level."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator

from landscape.figures.method_looks import looks
from landscape.figures.styles import Figure, plain, style

Points = Sequence[tuple[float, float]]
"""Parameters that are not zero, and test accuracy in [0, 1]."""


def levels(groups: Mapping[str, Sequence[Points]]) -> Figure:
    """One curve, or a point, a label: means over seeds, bars of a standard deviation.

    Args:
      groups: label to its seeds, each with as many points: several levels of one
        method, or the one network of another.
    """
    with style():
        shades = [look["color"] for look in looks(list(groups))]
        figure = Figure(figsize=(5.2, 3.4), layout="constrained")
        axes = figure.subplots()
        marks = "osD^vP*X"
        for i, (label, seeds) in enumerate(groups.items()):
            points = np.array(seeds, float)  # [seeds, points, 2]
            left, accuracy = points.mean(0).T
            spread = points[..., 1].std(0, ddof=1) if len(points) > 1 else None
            axes.errorbar(
                left,
                100 * accuracy,
                None if spread is None else 100 * spread,
                fmt=f"{marks[i % len(marks)]}-",
                color=shades[i],
                capsize=2,
                lw=1.2,
                ms=4.5,
                label=plain(label),
            )
        axes.set_xscale("log")
        axes.invert_xaxis()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
        axes.xaxis.minorticks_off()
        axes.set(xlabel="parameters that are not zero", ylabel="test accuracy (%)")
        axes.legend(
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(4, len(groups))
        )
        return figure
