"""How a method is drawn, in every figure; ordered things; and means over seeds."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from landscape.figures.styles import colors

BLUE, RED, GREEN, PINK, SKY, ORANGE, BLACK = range(7)
"""Of the style's colours."""
WINE, OLIVE, INDIGO, TEAL, FOREST, BROWN = (
    "#882255", "#999933", "#332288", "#44AA99", "#117733", "#8B5A2B",
)  # fmt: skip
"""More, of methods that have marks besides: they differ less for the colour-blind."""
METHODS = {
    "dense": (BLACK, ""),
    "small-dense": (BLACK, "s"),
    "small": (BLACK, "^"),
    "pruned": (BLUE, ""),
    "global pruning": (BLUE, "^"),
    "pruned, new": (BLUE, "o"),
    "imp": (INDIGO, "s"),
    "lottery": (RED, ""),
    "scratch": (GREEN, ""),
    "scratch, new": (GREEN, "o"),
    "restart": (GREEN, "s"),
    "static": (PINK, ""),
    "snip": (WINE, "o"),
    "grasp": (OLIVE, "^"),
    "synflow": (TEAL, "s"),
    "set": (SKY, ""),
    "rigl": (ORANGE, ""),
    "ste": (FOREST, "o"),
    "nm, ste": (FOREST, "^"),
    "nm": (BROWN, "s"),
    "acdc": (BROWN, "^"),
}
"""Colour and mark of every network that a method finds; few share a colour."""
SAME = {"pruning": "pruned", "units": "small"}
"""Other names of them."""
_OTHERS = ("D", "v", "P", "X", "o", "s", "^")
"""Marks of what is no method, after the first turn through the colours."""

Look = dict[str, Any]
"""Colour and mark, as options of `Axes.plot`."""


def method_of(name: str) -> str | None:
    """The method that a label, a run folder or a row of a table is of, if any.

    >>> method_of("pruning"), method_of("runs/digits/rigl@100"), method_of("N:M, ste")
    ('pruned', 'rigl', 'nm, ste')
    >>> method_of("scratch/seed-3"), method_of("my network")
    ('scratch', None)
    """
    for part in (name, *reversed(re.split(r"[/@]", name))):
        part = part.lower().replace("n:m", "nm").strip()
        part = SAME.get(part, part)
        if part in METHODS:
            return part
    return None


def looks(names: Sequence[str], *, marks: bool = True) -> list[Look]:
    """Colour and mark of each name; inside `style()`.

    A method has its own, in whatever order and company. What is no method, or has the
    method of one before it, has a colour and mark that no other has. Without marks (of
    bars, say) the second of a family has another colour, as long as there are any.

    >>> from landscape.figures import style
    >>> with style():
    ...     alone, (_, beside) = looks(["lottery"]), looks(["mine", "lottery"])
    >>> alone == [beside]
    True
    """
    palette = [*colors(), WINE, OLIVE, INDIGO, TEAL, FOREST, BROWN]
    found: dict[int, tuple[str, str]] = {}
    methods = [method_of(name) for name in names]
    for i, method in enumerate(methods):
        if method is None:
            continue
        color, mark = METHODS[method]
        look = (
            palette[color] if isinstance(color, int) else color,
            mark if marks else "",
        )
        if look not in found.values():
            found[i] = look
    taken = set(found.values())
    used = {color for color, _ in taken}
    # Without a mark while there are colours, then all of them with marks.
    others = [(color, "") for color in palette if color not in used]
    others += [(color, mark) for mark in _OTHERS for color in palette]
    rest = itertools.cycle(each for each in others if each not in taken)
    for i in range(len(names)):
        if i not in found:
            found[i] = next(rest)
    return [
        {"color": found[i][0], "marker": found[i][1], "markersize": 3.5}
        for i in range(len(names))
    ]


def shades(number: int) -> list[str]:
    """Colours of things that have an order (sparsities, widths, steps), dark first."""
    colormap = matplotlib.colormaps["viridis"]
    return [to_hex(colormap(x)) for x in np.linspace(0.05, 0.78, number)]


def mean_and_range(
    axes: Axes,
    x: Sequence[float],
    curves: Sequence[Sequence[float]],
    *,
    ink: float = 0.18,
    **look: Any,
) -> None:
    """The mean of several seeds, and a band from the least to the largest of them.

    Args:
      axes: of matplotlib.
      x: of all of them.
      curves: [seeds, len(x)]; where a seed has NaN, the others are drawn.
      ink: of the band; less of it where many lie on each other.
      look: options of `Axes.plot`, the colour among them.
    """
    values = np.asarray(curves, float)
    known = ~np.isnan(values).all(axis=0)
    x, values = np.asarray(x)[known], values[:, known]
    step = look.get("drawstyle", "").removeprefix("steps-")
    if len(values) > 1 and len(x):
        axes.fill_between(
            x, np.nanmin(values, 0), np.nanmax(values, 0), alpha=ink, lw=0,
            color=look["color"], step=step if step in ("pre", "post", "mid") else None,
            zorder=look.get("zorder", 2) - 0.5,
        )  # fmt: skip
    axes.plot(x, np.nanmean(values, axis=0) if len(x) else [], **look)


def seeds_in_words(number: int) -> str:
    """What is drawn of seeds, for a title.

    >>> seeds_in_words(1), seeds_in_words(5)
    ('1 seed', 'mean and range of 5 seeds')
    """
    return "1 seed" if number == 1 else f"mean and range of {number} seeds"
