"""The figure of the ablation: lines, and where half of their fall has happened."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from landscape.figures import looks, mean_and_range, seeds_in_words, style


def ablation(
    curves: Mapping[str, tuple[np.ndarray, Sequence[np.ndarray]]],
    halves: Mapping[str, Sequence[float]],
    below: Mapping[str, Sequence[float]],
    note: str,
) -> Figure:
    """Left the cross-entropy along the lines, right the t at which half is lost.

    Args:
      curves: network in words -> ts, and for each seed what is left of the fall.
      halves: the same -> that t, one a seed.
      below: the same of the fall below ln(classes).
      note: above the figure.
    """
    with style():
        figure = Figure(figsize=(8.4, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        of_network = dict(zip(curves, looks(list(curves)), strict=True))
        for name, (ts, seeds) in curves.items():
            look = of_network[name] | {"marker": ""}
            mean_and_range(left, ts, seeds, lw=1.4, **look)
        left.axhline(0.5, color="gray", lw=0.5)
        left.set(
            xlabel="t   (0: initialisation,  1: trained)",
            ylabel="cross-entropy: what is left of its fall",
            xlim=(0, 1),
        )
        for y, (name, values) in enumerate(halves.items()):
            color = of_network[name]["color"]
            right.plot(values, [y] * len(values), "o", ms=4, mew=0, alpha=0.6,
                       color=color)  # fmt: skip
            right.plot(np.mean(values), y, "|", ms=14, mew=2, color=color)
            right.plot(below[name], [y] * len(values), "o", ms=4, mfc="none",
                       color=color)  # fmt: skip
        right.axvline(0.5, color="gray", lw=0.5)
        right.set_yticks(range(len(halves)), list(halves))
        right.invert_yaxis()
        right.set(
            xlabel="t at which half is left (open: of the loss below chance)",
            xlim=(0, 1),
        )
        number = len(next(iter(halves.values())))
        title = "straight lines from the initial to the trained weights"
        figure.suptitle(f"{title}, {seeds_in_words(number)}\n{note}", fontsize=9)
        return figure
