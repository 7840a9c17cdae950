"""A sparse network: density by layer, what it costs, its latency, and its masks."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np

from landscape.figures import bars
from landscape.figures.method_looks import looks
from landscape.figures.sparse_savings import draw_cost, draw_time
from landscape.figures.styles import Figure, plain, style
from landscape.tables import counted

PAIRS = 6
"""Pairs of runs that are drawn."""


def sparsity(result: dict[str, Any], title: str) -> Figure:
    """Four panels: density by layer, cost relative to dense, time of a forward pass if
    anything is pruned, and gradient norms, or, of several runs, what their masks have
    in common. Of dense runs alone: weights by layer, and gradient norms.

    Args:
      result: "found", of each run "run", "layers" ("layer", "size", "kept", "flops",
        "flops_kept"), "training" ("relative", "dense", "steps"), "earlier" ("flops")
        and "gradients" ("step", "norm", "before"); "overlaps", of each pair "runs" and
        "layers"; "savings", "sizes" and "times", or None.
      title: of the figure.
    """
    runs, saved, pairs = (result[k] for k in ("found", "savings", "overlaps"))
    names = bars.short_names([found["run"] for found in runs])
    # All panels have values at their bars, or none.
    shown = len(runs) * max(len(runs[0]["layers"]), 3) <= bars.FEW
    with style():
        if all(found["density"] == 1 for found in runs):
            return _dense(runs, names, title)
        if saved is not None:
            figure = Figure(figsize=(9.2, 6.4), layout="constrained")
            panels = list(figure.subplots(2, 2).flat)
        else:
            figure = Figure(figsize=(11, 3.6), layout="constrained")
            panels = list(figure.subplots(1, 3))
        _density(panels[0], runs, names, shown)
        draw_cost(panels[1], result, names, shown)
        if saved is not None:
            draw_time(panels[2], saved["times"], shown)
        if pairs:
            _overlap(panels[-1], pairs, shown)
        else:
            _gradients(panels[-1], runs[0])
        figure.suptitle(plain(title), fontsize=9)
        return figure


def _dense(runs, names, title: str) -> Figure:
    """Of runs that keep all weights: their densities and costs are all 100 %."""
    figure = Figure(figsize=(7.4, 3.2), layout="constrained")
    size, norm = figure.subplots(1, 2)
    layers = runs[0]["layers"]
    counts = [row["size"] for row in layers]
    at = bars.group(size, 0, 1, counts, color="0.6")
    size.set(title="weights by layer (none removed)", ylabel="weights", yscale="log")
    size.set_ylim(min(counts) / 3, 3 * max(counts))
    if len(layers) <= bars.FEW:
        bars.label(size, at, counts, [f"{count:,}" for count in counts])
    bars.layer_ticks(size, [row["layer"] for row in layers])
    _gradients(norm, runs[0])
    of = f" of {plain(names[0])}" if len(runs) > 1 else ""
    norm.set_title(f"gradient over all weights{of}")
    figure.suptitle(plain(title), fontsize=9)
    return figure


def _density(axes, runs, names, shown: bool) -> None:
    layers = [row["layer"] for row in runs[0]["layers"]]
    highest = 0.0
    shades = looks([found["run"] for found in runs], marks=False)
    for i, (found, name) in enumerate(zip(runs, names, strict=True)):
        values = [100 * row["kept"] / row["size"] for row in found["layers"]]
        color = shades[i]["color"]
        at = bars.group(
            axes, i, len(runs), values, color=color,
            label=plain(name) if len(runs) > 1 else None,
        )  # fmt: skip
        if shown:
            bars.label(axes, at, values, [f"{value:.3g}" for value in values])
        axes.axhline(100 * found["density"], color=color, lw=0.8, ls="--", zorder=3)
        highest = max([highest, *values])
    bars.layer_ticks(axes, layers)
    axes.set(
        title="density by layer (dashed: of all)", ylabel="weights kept (%)",
        ylim=(0, 1.12 * highest or 1),
    )  # fmt: skip
    bars.legend_below(axes)


def _gradients(axes, found) -> None:
    rows = found["gradients"]
    steps = [row["step"] for row in rows]
    (look,) = looks([found["run"]], marks=False)
    # A line between two states would tell of a course that nobody saw.
    line = "-" if len(rows) > 2 else ""
    axes.plot(steps, [row["norm"] for row in rows], f"o{line}", ms=3,
              color=look["color"], label="in its own masks")  # fmt: skip
    changed = [row for row in rows if row["before"] is not None]
    if changed:
        axes.plot(
            [row["step"] for row in changed], [row["before"] for row in changed], "x",
            ms=5, color="0.35", label="in the masks of the kept state before",
        )  # fmt: skip
        bars.legend_below(axes)
    if min(row["norm"] for row in rows) > 0:
        axes.set_yscale("log")
    axes.set(title="gradient over the kept weights", xlabel="training step",
             ylabel="norm")  # fmt: skip


def _overlap(axes, pairs: Sequence[dict[str, Any]], shown: bool) -> None:
    """Jaccard of each layer, and what chance gives as a line across its bar."""
    layers = [row["layer"] for row in pairs[0]["layers"]]
    drawn = pairs[:PAIRS]
    width, highest = 0.8 / len(drawn), 0.0
    # Of no run: those have the colours of the style.
    shades = matplotlib.colormaps["Purples"](np.linspace(0.35, 0.8, len(drawn)))
    for i, pair in enumerate(drawn):
        values = [row["jaccard"] for row in pair["layers"]]
        at = bars.group(
            axes, i, len(drawn), values, color=shades[i],
            label=" and ".join(map(plain, bars.short_names(pair["runs"]))),
        )  # fmt: skip
        chance = [row["chance_jaccard"] for row in pair["layers"]]
        axes.hlines(chance, at - width / 2, at + width / 2, color="black", lw=1.4,
                    label="chance" if i == len(drawn) - 1 else None)  # fmt: skip
        tops = np.maximum(values, chance)
        if shown:
            bars.label(axes, at, tops, [f"{value:.2f}" for value in values])
        highest = max(highest, *tops)
    bars.layer_ticks(axes, layers)
    left = len(pairs) - len(drawn)
    more = f" ({counted(left, 'pair')} not shown)" if left else ""
    axes.set(
        title=f"what masks have in common{more}", ylabel="Jaccard index",
        ylim=(0, 1.12 * highest or 1),
    )  # fmt: skip
    bars.legend_below(axes, ncols=2)
