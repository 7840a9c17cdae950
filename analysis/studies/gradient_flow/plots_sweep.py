"""Figures of the sweep: accuracy against sparsity, and the density of every layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from landscape.figures import looks, plain_numbers, stretch, style

Curves = Mapping[str, Mapping[float, Sequence[float]]]
"""Method -> sparsity -> a value of each seed."""


def accuracies(
    panels: Mapping[str, Curves],
    dense: Mapping[str, Sequence[float]],
    patterns: Sequence[str],
    note: str,
) -> Figure:
    """A panel a budget: test accuracy over sparsity, a curve a method.

    The methods of a sparsity are set beside each other.

    Args:
      panels: title -> curves; accuracies in percent.
      dense: title -> accuracies of the dense baseline, drawn as a band.
      patterns: methods whose sparsity is N:M, drawn without a line.
      note: above the figure.
    """
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    with style():
        size = (4.4 * len(panels) + 0.3, 4.2)
        figure = Figure(figsize=size, layout="constrained")
        every = figure.subplots(1, len(panels), squeeze=False)[0]
        forms = dict(zip(names, looks(names), strict=True))
        (base,) = looks(["dense"])
        for axes, (title, curves) in zip(every, panels.items(), strict=True):
            known = sorted({s for by in curves.values() for s in by})
            place = {sparsity: i for i, sparsity in enumerate(known)}
            values = dense[title]
            middle = np.mean(values)
            half = np.std(values, ddof=1) if len(values) > 1 else 0.0
            axes.axhspan(middle - half, middle + half, color="0.85", lw=0)
            axes.axhline(middle, color=base["color"], lw=0.9, ls=":", label="dense")
            drawn = [middle - half, middle + half]
            for name, by in curves.items():
                apart = 0.6 * ((names.index(name) + 0.5) / len(names) - 0.5)
                means = [np.mean(each) for each in by.values()]
                spread = [np.std(e, ddof=1) if len(e) > 1 else 0 for e in by.values()]
                drawn += [*np.subtract(means, spread), *np.add(means, spread)]
                axes.errorbar(
                    [place[s] + apart for s in by], means,
                    spread, lw=0.9, elinewidth=0.6, label=name,
                    ls="" if name in patterns else "-", **_marked(forms[name]),
                )  # fmt: skip
            axes.set_xticks(list(place.values()), [f"{100 * s:g}" for s in place])
            axes.set(title=title, xlabel="weights removed (%)")
            axes.set_xlim(-0.5, len(place) - 0.5)
            stretch(axes, drawn)
        every[0].set_ylabel("test accuracy (%)")
        handles = dict(
            zip(*every[0].get_legend_handles_labels()[::-1], strict=True)
        )  # fmt: skip
        figure.legend(
            handles.values(), handles, loc="outside lower center", fontsize=7, ncols=5
        )
        figure.suptitle(note, fontsize=9)
        return figure


def densities(
    panels: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]], note: str
) -> Figure:
    """A panel a sparsity: the density of every layer that each method ends with.

    The methods of a layer are set beside each other, since many have the same density.

    Args:
      panels: title -> method -> layer -> density of each seed.
      note: above the figure.
    """
    names = list(dict.fromkeys(name for by in panels.values() for name in by))
    with style():
        size = (2.4 * len(panels) + 0.4, 3.6)
        figure = Figure(figsize=size, layout="constrained")
        every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        forms = dict(zip(names, looks(names), strict=True))
        for axes, (title, by) in zip(every, panels.items(), strict=True):
            for name, layers in by.items():
                at = names.index(name)
                means = [100 * np.mean(values) for values in layers.values()]
                apart = 0.6 * ((at + 0.5) / len(names) - 0.5)
                axes.plot(
                    np.arange(len(means)) + apart, means, lw=0.8, label=name,
                    **_marked(forms[name]),
                )  # fmt: skip
                axes.set_xticks(range(len(means)), list(layers), rotation=30)
            axes.set(title=title, yscale="log")
            plain_numbers(axes.yaxis)
        every[0].set_ylabel("weights kept (%)")
        handles = dict(
            zip(*every[0].get_legend_handles_labels()[::-1], strict=True)
        )  # fmt: skip
        figure.legend(
            handles.values(), handles, loc="outside lower center", fontsize=7, ncols=5
        )
        figure.suptitle(note, fontsize=9)
        return figure


def _marked(look: Mapping[str, Any]) -> dict[str, Any]:
    """The look of a method, each point with a mark."""
    return {**look, "marker": look["marker"] or "D", "mew": 0}
