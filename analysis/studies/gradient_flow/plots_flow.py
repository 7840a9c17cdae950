"""Figures of gradients at initialisation, mask updates and escapes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from landscape.figures import colors, looks, mean_and_range, style


def of_initial(initial: Mapping[str, Mapping[str, Sequence[float]]], note: str):
    """A panel a mask: the norm of the gradient at step 0 of each seed, by scale."""
    with style():
        figure = Figure(figsize=(5.6, 2.9), layout="constrained")
        every = figure.subplots(1, len(initial), sharey=True, squeeze=False)[0]
        for axes, (mask, by) in zip(every, initial.items(), strict=True):
            for at, (color, values) in enumerate(
                zip(colors(), by.values(), strict=False)
            ):
                apart = 0.12 * np.linspace(-1, 1, len(values))
                axes.plot(at + apart, values, "o", ms=4, mew=0, color=color)
            axes.set_xticks(range(len(by)), list(by))
            axes.set(title=f"{mask} mask", yscale="log", xlim=(-0.5, len(by) - 0.5))
            axes.set_xlabel("scale of the initial weights")
        every[0].set_ylabel("gradient norm in the mask at step 0")
        figure.suptitle(note, fontsize=9)
        return figure


def of_updates(updates: Sequence[Mapping[str, Any]], note: str) -> Figure:
    """Smallest eigenvalues around mask updates, and how many are negative.

    Args:
      updates: see `updates.measure`.
      note: above the figure.
    """
    names = {
        "before": "before the update",
        "rigl": "after RigL's",
        "random": "after one that grows at random (as SET's)",
    }
    with style():
        figure = Figure(figsize=(7.2, 3.1), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        shades = ["0.45", *(look["color"] for look in looks(["rigl", "set"]))]
        for color, (which, label) in zip(shades, names.items(), strict=True):
            for i, each in enumerate(updates):
                lowest = np.array(each[which]["lowest"])
                lowest = -lowest[lowest < 0] / each["before"]["largest"]
                left.plot(
                    np.arange(1, len(lowest) + 1), lowest, color=color, lw=0.9,
                    alpha=0.7, label=None if i else label,
                )  # fmt: skip
            counts = [each[which]["negative"] for each in updates]
            at = list(names).index(which)
            apart = 0.15 * np.linspace(-1, 1, len(counts)) if len(counts) > 1 else [0.0]
            right.plot(at + np.array(apart), counts, "o", ms=4, mew=0, color=color)
        left.set(
            xlabel="negative eigenvalues, the lowest first",
            ylabel="|eigenvalue| / largest before",
        )
        if any(len(line.get_xdata()) for line in left.lines):
            left.set(xscale="log", yscale="log")
        right.set_xticks(
            range(len(names)), ["before", "after\nRigL's", "after a\nrandom one"]
        )
        right.set(ylabel="negative eigenvalues", xlim=(-0.5, len(names) - 0.5))
        most = max(each[which]["negative"] for each in updates for which in names)
        right.set_ylim(0, 1.1 * most or 1)
        figure.legend(
            *left.get_legend_handles_labels(), loc="outside lower center", ncols=3
        )
        figure.suptitle(note, fontsize=9)
        return figure


def of_escape(escape: Mapping[str, Mapping[str, Any]], note: str) -> Figure:
    """A panel a sparsity: training loss over the steps of both trainings, by method.

    Args:
      escape: see `escape.measure`; its curves are [steps, losses] of each seed.
      note: above the figure.
    """
    words = {
        "start": "static, first training",
        "static": "static, again",
        "rigl": "RigL, from there",
    }
    with style():
        figure = Figure(
            figsize=(max(5.6, 3.4 * len(escape) + 0.4), 3.1), layout="constrained"
        )
        every = figure.subplots(1, len(escape), sharey=True, squeeze=False)[0]
        for axes, (key, by) in zip(every, escape.items(), strict=True):
            first = by["curves"]["start"][0][0][-1]
            shades = ("0.6", *(look["color"] for look in looks(["static", "rigl"])))
            for color, (which, label) in zip(shades, words.items(), strict=True):
                curves = by["curves"][which]
                x = np.array(curves[0][0]) + (0 if which == "start" else first)
                losses = [losses for _, losses in curves]
                mean_and_range(axes, x, losses, color=color, lw=1.0, label=label)
            axes.axvline(first, color="0.8", lw=0.8)
            axes.set(title=f"{100 * float(key):g} % sparsity", xlabel="step")
            axes.set_yscale("log")
        every[0].set_ylabel("training loss (nats)")
        figure.legend(
            *every[0].get_legend_handles_labels(), loc="outside lower center", ncols=3
        )
        figure.suptitle(note, fontsize=9)
        return figure
