"""Figures of the study: arrays in, a matplotlib figure out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from landscape.figures import colors, stretch, style


def of_rows(
    rows: Mapping[str, Mapping[str, Any]],
    theirs: Mapping[str, Mapping[str, float | None]],
    note: str,
) -> Figure:
    """The table as two panels: accuracies and ensembles, and disagreements, by row.

    Args:
      rows: name -> "accuracy" and "with_pruned" of each network, "ensemble" (or None)
        and "disagreement" of pairs; accuracies in percent.
      theirs: of some rows "accuracy", "ensemble", "disagreement" and "with_pruned" as
        published.
      note: above the figure.
    """
    with style():
        size = (8.0, 0.26 * len(rows) + 1.5)
        figure = Figure(figsize=size, layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        ours, together, with_pruned = colors()[:3]
        for at, (name, row) in enumerate(rows.items()):
            known = theirs.get(name, {})
            _points(left, row["accuracy"], at, ours, "o", "each network")
            if row["ensemble"] is not None:
                _points(left, [row["ensemble"]], at, together, "D", "all together")
            _points(right, row["disagreement"], at, ours, "o", "among themselves")
            if name != "pruned":
                pairs = row["with_pruned"]
                _points(right, pairs, at, with_pruned, "s", "with pruned")
            for axes, key, color in (
                (left, "accuracy", ours), (left, "ensemble", together),
                (right, "disagreement", ours), (right, "with_pruned", with_pruned),
            ):  # fmt: skip
                if known.get(key) is not None:
                    axes.plot(known[key], at, "|", ms=13, mew=1.6, color=color,
                              label=f"{_WORDS[key]}, published")  # fmt: skip
        left.set_yticks(range(len(rows)), list(rows))
        left.invert_yaxis()
        left.set_xlabel("test accuracy (%)")
        # Networks that do not learn leave room for those that do.
        stretch(left, [x for line in left.lines for x in line.get_xdata()], "x")
        right.set_xscale("asinh", linear_width=_LINEAR)
        right.set_xticks(_FRACTIONS, [f"{x:g}" for x in _FRACTIONS])
        right.xaxis.set_minor_locator(NullLocator())
        right.set(xlabel="disagreement (fraction of test examples)", xlim=(-0.001, 1))
        for axes in (left, right):
            axes.grid(axis="y", lw=0.4, color="0.9")
            axes.set_axisbelow(True)
            handles = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
            axes.legend(
                handles.values(), handles, loc="lower center", fontsize=7, ncols=2,
                bbox_to_anchor=(0.5, 1.0), markerscale=0.6,
            )  # fmt: skip
        figure.suptitle(note, fontsize=9)
        return figure


_LINEAR = 0.01
"""Below it the axis of disagreements is linear: a few test examples in a hundred."""
_FRACTIONS = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)
_WORDS = {
    "accuracy": "each network", "ensemble": "all together",
    "disagreement": "among themselves", "with_pruned": "with pruned",
}  # fmt: skip


def _points(axes, values: Sequence[float], at: int, color, marker, label) -> None:
    """One row's values, slightly apart so that equal ones are all seen."""
    apart = 0.12 * np.linspace(-1, 1, len(values)) if len(values) > 1 else [0.0]
    axes.plot(values, at + np.array(apart)[: len(values)], marker, ms=3.2, mew=0,
              alpha=0.7, color=color, label=label)  # fmt: skip
