"""The figures of Evci et al. 2019, in their arrangement, with theirs drawn thin."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.figures import colors, style

Curves = Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]]
"""Sparsity as text -> one (t, value) a seed."""


def panels(
    ours: Mapping[str, Curves],
    theirs: Mapping[str, Curves],
    ylabel: str,
    xlabels: Mapping[str, str],
    note: str,
    *,
    one_scale: bool = True,
) -> Figure:
    """One panel a path: our curves thick on the left axis, the paper's thin and dashed
    on an axis of their own on the right, since their networks and data are others.

    Args:
      ours: panel -> sparsity -> curves of all seeds.
      theirs: the same of the paper; panels that are not there have none.
      ylabel: of our axis.
      xlabels: panel -> label of t.
      note: above the figure.
      one_scale: whether the panels share their axes.
    """
    with style():
        figure = Figure(figsize=(3.0 * len(ours) + 0.6, 3.1), layout="constrained")
        every = figure.subplots(1, len(ours), sharey=one_scale, squeeze=False)[0]
        twins = [axes.twinx() for axes in every]
        keys = list(next(iter(ours.values())))
        their_keys = sorted({key for curves in theirs.values() for key in curves})
        for axes, twin, (panel, curves) in zip(every, twins, ours.items(), strict=True):
            for i, key in enumerate(their_keys):
                for t, value in theirs.get(panel, {}).get(key, ()):
                    gray = str(0.75 - 0.2 * i)
                    twin.plot(t, value, "--", color=gray, lw=0.7, zorder=1)
            for color, key in zip(colors(), keys, strict=False):
                for t, value in curves[key]:
                    axes.plot(t, value, color=color, lw=1.1, alpha=0.8)
            axes.set(title=panel, xlabel=xlabels[panel], xlim=(-0.22, 1.22))
            for end in (0, 1):
                axes.axvline(end, color="gray", lw=0.5)
            # Our axis in front, without a background that would hide the other.
            axes.set_zorder(twin.get_zorder() + 1)
            axes.patch.set_visible(False)
            twin.grid(False)
            twin.spines["right"].set_visible(True)
            labels = axes is every[-1] or not one_scale
            twin.tick_params(colors="0.4", labelright=labels)
        every[0].set_ylabel(ylabel)
        twins[-1].set_ylabel("paper (ResNet-50, ImageNet)", color="0.4")
        for side, data in ((every, ours), (twins, theirs)):
            groups = [
                [c for curves in data.get(name, {}).values() for c in curves]
                for name in ours
            ]
            if one_scale:
                groups = [[c for group in groups for c in group]] * len(ours)
            for axes, curves in zip(side, groups, strict=True):
                _clip(axes, curves)
        marks = [Line2D([], [], color=c) for c, _ in zip(colors(), keys, strict=False)]
        names = [_percent(key) for key in keys]
        for i, key in enumerate(their_keys):
            gray = str(0.75 - 0.2 * i)
            marks.append(Line2D([], [], color=gray, lw=0.7, ls="--"))
            names.append(f"{_percent(key)} (paper)")
        figure.legend(marks, names, loc="outside lower center", ncols=len(names))
        figure.suptitle(note, fontsize=9)
        return figure


def _clip(axes, curves) -> None:
    """Shows [0, 1] whole; what rises steeply beyond the ends may leave the picture."""
    inside = [v[(t >= 0) & (t <= 1) & np.isfinite(v)] for t, v in curves]
    high = max((v.max() for v in inside if len(v)), default=1.0)
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
            for color, (solution, points) in zip(
                colors(), groups.items(), strict=False
            ):
                x = [100 * float(key) for key in points]
                means = [np.mean(values) for values in points.values()]
                axes.plot(x, means, color=color, label=solution)
                for at, values in zip(x, points.values(), strict=True):
                    axes.plot([at] * len(values), values, "o", ms=3, color=color)
            if level is not None:
                axes.axhline(level, color="gray", ls=":", label="dense")
            axes.set(
                title=title, xlabel="weights removed (%)", ylabel="test accuracy (%)"
            )
        figure.legend(
            *sides[1].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=4,
        )
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
        axes.plot(
            [positions[s] for s in fractions],
            [np.mean(ours[f"{s:g}"]) for s in fractions],
            color=colors()[0],
            label="this run",
        )
        for zeros in fractions:
            values = ours[f"{zeros:g}"]
            axes.plot(
                [positions[zeros]] * len(values), values, "o", ms=3, color=colors()[0]
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
