"""The figure of batch norm's statistics on lines of paper 1."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from landscape.figures import looks, plain_numbers, style

Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Whose statistics -> ts and objective."""


def modes(panels: Mapping[str, Curves], note: str) -> Figure:
    """A panel a line, in each the curves by whose statistics batch norm takes.

    Args:
      panels: title -> curves; what is not finite is left out.
      note: above the figure.
    """
    with style():
        figure = Figure(figsize=(3.0 * len(panels) + 0.6, 3.2), layout="constrained")
        every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (title, curves) in zip(every, panels.items(), strict=True):
            styled = zip(looks(list(curves)), ("-", "--", ":"), strict=False)
            for (look, line), (mode, (ts, values)) in zip(
                styled, curves.items(), strict=True
            ):
                known = np.isfinite(values)
                axes.plot(
                    ts[known], values[known], line, label=f"{mode} statistics",
                    # One may lie on another.
                    lw={"-": 4.5, "--": 1.6, ":": 2.0}[line], **look | {"marker": ""},
                )  # fmt: skip
            axes.set(title=title, xlabel="t", yscale="log")
            plain_numbers(axes.yaxis)
            for end in (0, 1):
                axes.axvline(end, color="gray", lw=0.5)
        every[0].set_ylabel("objective (nats)")
        handles, names = every[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        figure.suptitle(note, fontsize=9)
        return figure
