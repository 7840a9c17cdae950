"""Figures of units: dead ones over training, replaced, removed, and gone for good."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter

from landscape.figures import (
    colors,
    mean_and_range,
    plain_numbers,
    seeds_in_words,
    style,
)


def dead_over_training(
    panels: Mapping[str, Mapping[str, np.ndarray]],
    steps: Sequence[int],
    sizes: Mapping[str, int],
    note: str,
) -> Figure:
    """A panel a layer and one for all: the fraction of dead units with each activation.

    Args:
      panels: layer, or "all" -> activation -> numbers of dead units [seeds, steps].
      steps: of training.
      sizes: units of each panel.
      note: above the figure.
    """
    with style():
        size = (min(9.6, 2.7 * len(panels) + 0.4), 3.0)
        figure = Figure(figsize=size, layout="constrained")
        every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        forms = [
            {"color": color, "marker": mark, "ls": line, "ms": 3.5, "lw": 1.4}
            for color, mark, line in zip(colors(), "os^Dv", _LINES, strict=False)
        ]
        number, highest = 1, 0.0
        for axes, (title, lines) in zip(every, panels.items(), strict=True):
            for form, (name, counts) in zip(forms, lines.items(), strict=False):
                share = 100 * counts / sizes[title]
                mean_and_range(axes, steps, share, label=name, **form)
                number, highest = max(number, len(share)), max(highest, share.max())
            axes.set(title=f"{title} ({sizes[title]} units)", xlabel="training step")
            axes.locator_params(axis="x", nbins=5)
        # A little below 0, so that a curve there is seen.
        every[0].set_ylim(-0.03 * highest or -1, 1.05 * highest or 1)
        every[0].set_ylabel("dead units (%)")
        handles, names = every[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=4)
        figure.suptitle(f"{note}, {seeds_in_words(number)}", fontsize=9)
        return figure


_LINES = "-", (0, (5, 1.5)), (0, (2, 1.5)), "-.", ":"
"""Of curves that may lie on each other."""


def replacement(
    columns: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]],
    fractions: Sequence[float],
    single: tuple[np.ndarray, np.ndarray],
    start: float,
    note: str,
) -> Figure:
    """Units replaced by their means (solid) or by 0 (dashed), and one unit at a time.

    Args:
      columns: title -> score -> "mean" and "removal" -> losses [seeds, fractions].
      fractions: of the units.
      single: |loss change| of each unit replaced by its mean, and by 0.
      start: loss of the whole network.
      note: above the figure.
    """
    with style():
        size = (2.2 * (len(columns) + 1) + 0.4, 3.2)
        figure = Figure(figsize=size, layout="constrained")
        *every, last = figure.subplots(1, len(columns) + 1)
        x = 100 * np.array([0, *fractions])
        names = list(next(iter(columns.values())))
        shades = dict(zip(names, colors(), strict=False))
        for axes, (title, scores) in zip(every, columns.items(), strict=True):
            for name, ways in scores.items():
                for way, line in (("mean", "-"), ("removal", "--")):
                    whole = np.full((len(ways[way]), 1), start)
                    curves = np.hstack([whole, ways[way]])
                    form = {"ls": line, "color": shades[name], "marker": ".", "ms": 3}
                    # Of the other way without its range, for want of room.
                    ink = 0.1 if way == "mean" else 0.0
                    mean_and_range(axes, x, curves, ink=ink, **form)
            axes.set(title=title, xlabel="units taken (%)", yscale="log")
            plain_numbers(axes.yaxis)
        every[0].set_ylabel("loss (nats)")
        _single(last, *single)
        marks = [Line2D([], [], color=shades[name]) for name in names]
        marks += [Line2D([], [], color="0.3", ls=line) for line in ("-", "--")]
        words = [*names, "replaced by the mean", "replaced by 0"]
        figure.legend(marks, words, loc="outside lower center", ncols=4)
        figure.suptitle(note, fontsize=9)
        return figure


def _single(axes, mean, removal) -> None:
    low = 1e-9
    x, y = (np.maximum(values, low) for values in (removal, mean))
    axes.plot(x, y, "o", ms=2.2, alpha=0.5, mew=0, color="0.25")
    ends = np.array([low, max(x.max(), y.max())])
    axes.plot(ends, ends, color="0.6", lw=0.8)
    axes.set(
        xscale="log", yscale="log", title="single units",
        xlabel="|loss change|, replaced by 0", ylabel="|loss change|, by the mean",
    )  # fmt: skip
    axes.text(
        0.05, 0.95, f"below the line: {100 * (y <= x).mean():.0f} %",
        transform=axes.transAxes, va="top", fontsize=7,
    )  # fmt: skip


def shrunk(
    panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], note: str
) -> Figure:
    """Two panels a network: accuracy over what is left, and speed over what FLOPs say.

    Args:
      panels: network -> variant of units -> "left" (%), "lost" (points), and
        "promised", "batch 1", "batch 128" (how many times faster), one entry a network
        that was made.
      note: above the figure.
    """
    with style():
        figure = Figure(figsize=(7.2, 3.0 * len(panels) + 0.4), layout="constrained")
        grid = figure.subplots(len(panels), 2, squeeze=False)
        for (lost, speed), (name, variants) in zip(grid, panels.items(), strict=True):
            for color, (key, each) in zip(colors(), variants.items(), strict=False):
                order = np.argsort(each["left"])
                x = np.array(each["left"])[order]
                lost.plot(x, np.array(each["lost"])[order], "o", ms=4, color=color,
                          alpha=0.7, label=key)  # fmt: skip
            lost.axhline(0.5, color="0.5", ls=":", lw=0.9, label="half a point")
            lost.set(
                title=f"{name}: accuracy", xscale="log",
                xlabel="parameters left (%)", ylabel="test accuracy lost (points)",
            )  # fmt: skip
            # From half a point, or a gain, to most of all.
            lost.set_yscale("symlog", linthresh=1, linscale=0.5)
            _plain_ticks(lost.yaxis, [-0.5, 0, 0.5, 1, 2, 5, 10, 20, 50])
            every = next(iter(variants.values()))
            for mark, key in (("o", "batch 1"), ("s", "batch 128")):
                speed.plot(every["promised"], every[key], mark, ms=4, label=key)
            ends = np.array([1, max(every["promised"])])
            speed.plot(ends, ends, color="0.6", lw=0.8, label="as FLOPs promise")
            speed.set(
                title=f"{name}: speed", xscale="log", yscale="log",
                xlabel="FLOPs (times fewer)", ylabel="latency (times shorter)",
            )  # fmt: skip
            _plain_ticks(lost.xaxis, [2, 5, 10, 15, 20, 30, 50, 100])
            points = [y for each in variants.values() for y in each["lost"]]
            lost.set_ylim(min(0, min(points) - 0.2), max(1, 1.4 * max(points)))
            left = [x for each in variants.values() for x in each["left"]]
            lost.set_xlim(0.7 * min(left), 1.4 * max(left))
            for axis in (speed.xaxis, speed.yaxis):
                _plain_ticks(axis, [0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 50])
            for axes in (lost, speed):
                # Below, where no point is.
                axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2),
                            ncols=2)  # fmt: skip
        figure.suptitle(note, fontsize=9)
        return figure


def _plain_ticks(axis, ticks: Sequence[float]) -> None:
    """Ticks of a logarithmic axis, as plain numbers."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
