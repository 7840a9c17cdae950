"""Groups of bars, and what is around them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from landscape.figures.styles import plain

LONGEST = 40
"""Letters of a name in a figure."""
FEW = 12
"""Bars of a panel that have room for their values."""


def group(axes: Any, i: int, of: int, values: Sequence[float], **options: Any) -> Any:
    """Bars of one of several runs, beside those of the others; returns their centres.

    Args:
      axes: of matplotlib.
      i, of: which group, of how many.
      values: one for each tick, 0, 1, ...
      options: of `Axes.bar`.
    """
    width = 0.8 / of
    axes.set_axisbelow(True)
    at = np.arange(len(values)) + (i - (of - 1) / 2) * width
    axes.bar(at, values, 0.92 * width, **options)
    return at


def label(axes: Any, at: Any, values: Sequence[float], texts: Sequence[str]) -> None:
    """The value of each bar above it."""
    for x, value, text in zip(at, values, texts, strict=True):
        axes.annotate(
            text, (x, value), (0, 2), ha="center", textcoords="offset points",
            fontsize=6.5,
        )  # fmt: skip


def layer_ticks(axes: Any, layers: Sequence[str]) -> None:
    """Names of layers below their bars."""
    crowded = len(layers) > 6
    axes.set_xticks(
        range(len(layers)), [plain(name) for name in layers],
        rotation=90 if crowded else 0, fontsize=5.5 if len(layers) > 12 else 7,
    )  # fmt: skip
    axes.grid(False, axis="x")


def legend_below(axes: Any, ncols: int = 3, **options: Any) -> None:
    """A legend where nothing is drawn; none if no artist has a label."""
    if options or axes.get_legend_handles_labels()[1]:
        axes.legend(
            fontsize=6.5, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=ncols,
            **options,
        )  # fmt: skip


def short_name(name: str) -> str:
    """A name of at most `LONGEST` letters, its end.

    >>> short_name("runs/digits/pruned@10")
    'runs/digits/pruned@10'
    >>> short_name("/home/someone/experiments/of-this-year/digits/pruned")
    'experiments/of-this-year/digits/pruned'
    >>> len(short_name(50 * "a"))
    40
    """
    name = name.rstrip("/")
    while len(name) > LONGEST and "/" in name:
        name = name.partition("/")[2]
    return name if len(name) <= LONGEST else f"...{name[3 - LONGEST :]}"


def short_names(names: Sequence[str]) -> list[str]:
    """The last parts of names, as many as tell them apart, and no more.

    >>> short_names(["runs/a/pruned", "runs/b/pruned"])
    ['a/pruned', 'b/pruned']
    >>> short_names(["runs/a/pruned"])
    ['pruned']
    """
    parts = [name.rstrip("/").split("/") for name in names]
    for count in range(1, max(map(len, parts)) + 1):
        short = ["/".join(part[-count:]) for part in parts]
        if len(set(short)) == len(set(names)):
            break
    return [short_name(name) for name in short]
