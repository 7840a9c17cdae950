"""The figures of Evci et al. 2019, in their arrangement, with theirs drawn thin."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.figures import (
    looks,
    mean_and_range,
    plain_numbers,
    seeds_in_words,
    shades,
    style,
)

Curves = Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]]
"""Sparsity as text -> one (t, value) a seed."""
THEIRS = "paper (ResNet-50, ImageNet)"


def panels(
    ours: Mapping[str, Curves],
    theirs: Mapping[str, Curves],
    ylabel: str,
    xlabels: Mapping[str, str],
    note: str,
    *,
    one_scale: bool = True,
    log: bool = False,
) -> Figure:
    """One panel a path: ours as mean and range of the seeds on the left axis, the
    paper's thin and dashed on an axis of their own on the right, since their networks
    and data are others.

    Args:
      ours: title of a panel -> sparsity -> curves of all seeds.
      theirs: the same of the paper; panels that are not there have none.
      ylabel: of our axis.
      xlabels: title of a panel -> label of t.
      note: above the figure.
      one_scale: whether the panels share their axes.
      log: whether both axes are logarithmic.
    """
    with style():
        figure = Figure(figsize=(3.0 * len(ours) + 0.6, 3.2), layout="constrained")
        every = figure.subplots(1, len(ours), sharey=one_scale, squeeze=False)[0]
        twins = [axes.twinx() for axes in every]
        keys = list(next(iter(ours.values())))
        of_key = dict(zip(keys, shades(max(2, len(keys))), strict=False))
        their_keys = sorted({key for curves in theirs.values() for key in curves})
        grays = {key: str(0.75 - 0.2 * i) for i, key in enumerate(their_keys)}
        for axes, twin, (panel, curves) in zip(every, twins, ours.items(), strict=True):
            for key, gray in grays.items():
                for t, value in theirs.get(panel, {}).get(key, ()):
                    twin.plot(t, value, "--", color=gray, lw=0.7, zorder=1)
            for key, color in of_key.items():
                t = curves[key][0][0]
                seeds = [np.interp(t, *curve) for curve in curves[key]]
                mean_and_range(axes, t, seeds, color=color, lw=1.4)
            axes.set(title=panel, xlabel=xlabels[panel], xlim=(-0.22, 1.22))
            for end in (0, 1):
                axes.axvline(end, color="gray", lw=0.5)
            # Our axis in front, without a background that would hide the other.
            axes.set_zorder(twin.get_zorder() + 1)
            axes.patch.set_visible(False)
            twin.grid(False)
            twin.spines["right"].set_visible(True)
            labels = axes is every[-1] or not one_scale
            twin.tick_params(colors="0.4", labelright=labels, which="both")
        every[0].set_ylabel(ylabel)
        twins[-1].set_ylabel(THEIRS, color="0.4")
        for side, data in ((every, ours), (twins, theirs)):
            groups = [
                [c for curves in data.get(name, {}).values() for c in curves]
                for name in ours
            ]
            if one_scale:
                groups = [[c for group in groups for c in group]] * len(ours)
            for axes, curves in zip(side, groups, strict=True):
                _limit(axes, curves, log)
        marks = [Line2D([], [], color=color, lw=1.4) for color in of_key.values()]
        names = [f"{_percent(key)} of weights removed" for key in keys]
        for key, gray in grays.items():
            marks.append(Line2D([], [], color=gray, lw=0.7, ls="--"))
            names.append(f"{_percent(key)} (paper)")
        figure.legend(marks, names, loc="outside lower center", ncols=len(names))
        number = len(next(iter(next(iter(ours.values())).values())))
        figure.suptitle(f"{note}, {seeds_in_words(number)}", fontsize=9)
        return figure


def _limit(axes: Axes, curves: Sequence[tuple[np.ndarray, np.ndarray]], log: bool):
    """Shows [0, 1] whole; what rises steeply beyond the ends may leave the picture."""
    inside = [v[(t >= 0) & (t <= 1) & np.isfinite(v)] for t, v in curves]
    values = np.concatenate(inside) if inside else np.ones(1)
    high = max(values.max(initial=0.0), 0.0)
    positive = values[values > 0]
    if log and len(positive):
        axes.set_yscale("log")
        axes.set_ylim(positive.min() / 1.5, 2 * high)
        plain_numbers(axes.yaxis)
    else:
        axes.set_ylim(0, 1.15 * high if high > 0 else 1.0)


def _percent(key: str) -> str:
    return f"{100 * float(key):g} %"


def accuracies(
    ours: Mapping[str, Mapping[str, Sequence[float]]],
    theirs: Mapping[str, Mapping[str, Sequence[float]]],
    dense: float | None,
    their_dense: float,
) -> Figure:
    """Figure 1: test accuracy (%) over sparsity (%), ours and the paper's side by side.

    Args:
      ours: solution -> sparsity -> accuracies in percent, one a seed.
      theirs: the same, of the paper.
      dense, their_dense: of the dense network, drawn as a line; None: not known.
    """
    with style():
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        sides = figure.subplots(1, 2)
        data = ("this run", ours, dense), ("paper (ResNet-50)", theirs, their_dense)
        for axes, (title, groups, level) in zip(sides, data, strict=True):
            places = 100 * np.array(
                sorted({float(key) for points in groups.values() for key in points})
            )
            apart = 0.015 * np.ptp(places)
            for i, (look, (solution, points)) in enumerate(
                zip(looks(list(groups)), groups.items(), strict=True)
            ):
                x = [100 * float(key) + apart * (i - 1) for key in points]
                means = [np.mean(values) for values in points.values()]
                axes.plot(x, means, color=look["color"], label=solution)
                for at, values in zip(x, points.values(), strict=True):
                    axes.plot([at] * len(values), values, "o", ms=3, mew=0, alpha=0.7,
                              color=look["color"])  # fmt: skip
            if level is not None:
                (look,) = looks(["dense"])
                axes.axhline(level, color=look["color"], ls=":", label="dense")
            axes.set_xticks(places, [f"{place:g}" for place in places])
            axes.set(
                title=title, xlabel="weights removed (%)", ylabel="test accuracy (%)"
            )
        handles, names = sides[1].get_legend_handles_labels()
        handles.append(Line2D([], [], color="0.4", marker="o", ms=3, ls=""))
        names.append("single seeds (lines: their means), set apart")
        figure.legend(handles, names, loc="outside lower center", ncols=len(names))
        return figure


def from_zeros(ours: Mapping[str, Sequence[float]], theirs: tuple) -> Figure:
    """Figure 5: accuracy (%) of a dense training whose initial weights are mostly zero.

    Args:
      ours: fraction of zeros -> accuracies in percent, one a seed.
      theirs: fractions and accuracies of the paper.
    """
    with style():
        figure = Figure(figsize=(4.6, 3.0), layout="constrained")
        axes = figure.subplots()
        fractions = [zeros for zeros in map(float, ours) if zeros > 0]
        positions = {s: i for i, s in enumerate(sorted({*fractions, *theirs[0]}))}
        ours_color = looks(["dense"])[0]["color"]
        axes.plot(
            [positions[s] for s in fractions],
            [np.mean(ours[f"{s:g}"]) for s in fractions],
            color=ours_color,
            label="this run",
        )
        for zeros in fractions:
            values = ours[f"{zeros:g}"]
            axes.plot(
                [positions[zeros]] * len(values), values, "o", ms=3, color=ours_color
            )
        axes.plot(
            [positions[s] for s in theirs[0]],
            theirs[1],
            "--",
            color="0.5",
            lw=0.8,
            label="paper (ResNet-50)",
        )
        if "0" in ours:
            axes.axhline(np.mean(ours["0"]), color="gray", ls=":", label="no zeros")
        axes.set_xticks(list(positions.values()), [f"{100 * s:g}" for s in positions])
        axes.set(
            xlabel="initial weights set to zero (%)",
            ylabel="test accuracy (%)",
            ylim=(0, 103),
        )
        axes.legend()
        return figure
