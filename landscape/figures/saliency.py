"""Scores of weights: against the change of the loss, and the loss after removal."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from landscape.figures.axis_scales import plain_numbers
from landscape.figures.styles import Figure, colors, plain, style

MAX_LAYERS = 4
"""Layers with a row of their own: the first and the last ones."""
COLUMNS = 3
NOTHING = {"marker": "v", "ls": "", "ms": 3, "color": "0.5", "alpha": 0.5, "mew": 0}
CLIPPED = 2.0
"""The axis of losses ends at this times the highest of scores without a sign."""
_MARKS = "os^DvPX"
FIRST = ("magnitude", "taylor1_abs")
"""Scores with a scatter plot, if they are there; then the best of the others."""


def scores_of_weights(
    found: dict[str, Any], arrays: dict[str, np.ndarray], title: str
) -> Figure:
    """A row for each layer: scores against the oracle, and the loss after removal.

    Below: the loss after removal from all layers, and the rank correlations.

    Args:
      found: "loss"; "classes"; "fractions"; "scores"; "oracle", by score "absolute" or
        "signed"; "by_layer", with "kernel", "rounding", "correlations" by score;
        "increase", by score, then layer or "all layers".
      arrays: by kernel "weights/", "change/" and by score and kernel "score/", and
        "kept/", the indices of what has a score.
      title: of the figure.
    """
    layers = list(found["by_layer"])
    if len(layers) > MAX_LAYERS:
        half = MAX_LAYERS // 2
        title += f"\n(layers shown: the first and the last {half} of {len(layers)})"
        layers = [*layers[:half], *layers[-half:]]
    with style():
        rows, columns = len(layers) + 1, min(COLUMNS, len(found["scores"])) + 1
        figure = Figure(
            figsize=(2.75 * columns, 2.3 * rows + 0.6), layout="constrained"
        )
        grid = figure.add_gridspec(rows, columns)
        looks = _looks(found)
        for i, layer in enumerate(layers):
            row = found["by_layer"][layer]
            for j, name in enumerate(_chosen(row, found["oracle"])):
                _scatter(figure.add_subplot(grid[i, j]), found, arrays, layer, name)
            axes = figure.add_subplot(grid[i, -1])
            _removal(axes, found, layer, looks)
        axes = figure.add_subplot(grid[-1, : columns // 2])
        _removal(axes, found, "all layers", looks)
        axes.plot([], [], **NOTHING, label="weight that does nothing")
        _correlations(figure.add_subplot(grid[-1, columns // 2 :]), found, looks)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=6)
        figure.suptitle(plain(title), fontsize=9)
        return figure


def _chosen(row: dict[str, Any], oracle: dict[str, str]) -> list[str]:
    """The scores with a scatter plot: best those without a sign, on two log axes."""
    correlations = row["correlations"]
    first = [name for name in FIRST if name in correlations]
    others = [name for name in correlations if name not in first]
    others.sort(key=lambda n: (oracle[n] == "signed", -(correlations[n] or -1)))
    return [*first, *others][:COLUMNS]


def _looks(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Line and mark of each score: one colour for a score and its absolute value.

    Later ones are thinner and have other marks, so that of curves that coincide all
    are seen.
    """
    cycle, looks = colors(), {}
    families = {"at_random": len(cycle)}
    for name in found["scores"]:
        at = families.setdefault(name.removesuffix("_abs"), len(families) - 1)
        signed = found["oracle"][name] == "signed"
        looks[name] = {
            "color": "0.5" if name == "at_random" else cycle[at % len(cycle)],
            "ls": "--" if signed else "-",
            "lw": max(0.8, 2.4 - 0.2 * at),
            "marker": _MARKS[at % len(_MARKS)],
            "ms": 3.2,
            "mew": 0,
        }
    return looks


def _scatter(axes: Axes, found, arrays, layer: str, name: str) -> None:
    row = found["by_layer"][layer]
    kernel, rounding = row["kernel"], max(row["rounding"], np.finfo(float).tiny)
    at = np.searchsorted(arrays[f"kept/{kernel}"], arrays[f"weights/{kernel}"])
    x, y = arrays[f"score/{name}/{kernel}"][at], arrays[f"change/{kernel}"]
    ink = {"alpha": 0.35, "mew": 0, "rasterized": True}
    if found["oracle"][name] == "absolute":
        y = np.abs(y)
        nothing = y <= rounding
        positive = x[x > 0]
        lowest = positive.min() if positive.size else 1.0
        x = np.maximum(x, lowest)
        axes.plot(x[~nothing], y[~nothing], "o", ms=2, **ink)
        # Where the loss does not tell: at the lower end.
        axes.plot(x[nothing], np.full(nothing.sum(), rounding), **NOTHING)
        # Within a decade a log axis has labels that lie on each other.
        axes.set_xscale("log" if x.max() > 30 * lowest else "linear")
        axes.set(yscale="log", ylabel="|change of the loss| (nats)")
    else:
        axes.plot(x, y, "o", ms=2, **ink)
        for axis, values, scale in (
            (axes.xaxis, x, axes.set_xscale), (axes.yaxis, y, axes.set_yscale)
        ):  # fmt: skip
            top = 10.0 ** np.floor(np.log10(max(rounding, np.abs(values).max())))
            scale("symlog", linthresh=1e-3 * top)
            # Few, so that labels do not lie on each other.
            ticks = [-top, 0, top] if values.min() < 0 else [0, top]
            axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.set_ticks([], minor=True)
        axes.set_ylabel("change of the loss (nats)")
    value = row["correlations"][name]
    correlation = "-" if value is None else f"{value:.2f}"
    axes.set_title(f"{plain(layer)}: rank correlation {correlation}")
    axes.set_xlabel(plain(name))


def _removal(axes: Axes, found, layer: str, looks) -> None:
    x = 100 * np.array(found["fractions"])
    curves = {
        name: found["loss"] + np.array(rows[layer], float)
        for name, rows in found["increase"].items()
    }
    low, high, above = _limits(curves, found)
    for name, after in curves.items():
        axes.plot(x, after, label=plain(name), **looks[name])
    axes.axhline(found["loss"], color="black", lw=0.8, ls=":", label="nothing removed")
    guessing = math.log(found["classes"])
    axes.axhline(guessing, color="black", lw=0.8, ls="-.", label="guessing")
    axes.set(
        xlabel="weights removed at once (%)",
        ylabel="loss (nats)",
        yscale="log",
        ylim=(low, high),
    )
    plain_numbers(axes.yaxis)
    axes.set_title(plain(layer), pad=15 if above else None)
    if above:
        words = plain(f"off the axis: {', '.join(above)}")
        place = {"transform": axes.transAxes, "ha": "center", "va": "bottom"}
        axes.text(0.5, 1.03, words, fontsize=6.5, **place)


def _limits(curves, found) -> tuple[float, float, list[str]]:
    """The ends of an axis of losses, and the scores whose curves leave it.

    Signed scores can raise the loss a hundredfold: the others would be one flat line.
    """
    finite = {name: after[np.isfinite(after)] for name, after in curves.items()}
    others = [v for n, v in finite.items() if found["oracle"][n] == "absolute"]
    whole = np.concatenate([[found["loss"]], *finite.values()])
    high = whole.max()
    if others:
        high = min(high, CLIPPED * np.concatenate([[found["loss"]], *others]).max())
    above = [name for name, v in finite.items() if v.max(initial=0) > high]
    # A loss of 0 has no place on a log axis.
    low = whole[whole > 0].min(initial=high)
    return low / 1.1, high * 1.1, above


def _correlations(axes: Axes, found, looks) -> None:
    """Rank correlations of all scores with the oracle, over the layers."""
    layers = list(found["by_layer"])
    for name in found["scores"]:
        values = [found["by_layer"][k]["correlations"][name] for k in layers]
        values = [np.nan if v is None else v for v in values]
        axes.plot(range(len(layers)), values, **looks[name])
    axes.axhline(0, color="gray", lw=0.6)
    axes.set(ylabel="rank correlation", ylim=(None, 1.05))
    axes.set_title("with the change of the loss (dashed: signed scores, signed change)")
    rotation = 90 if len(layers) > 6 else 0
    axes.set_xticks(range(len(layers)), map(plain, layers), rotation=rotation)
