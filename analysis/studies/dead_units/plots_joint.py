"""Figures of what joins the papers: spectra, networks of one mask, and paths."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from landscape.figures import colors, looks, mean_and_range, seeds_in_words, style


def spectra(
    whole: np.ndarray,
    live: np.ndarray,
    limit: float,
    parts: Sequence[Mapping[str, float]],
    note: str,
) -> Figure:
    """All eigenvalues by size, with and without dead units, and what they are.

    Args:
      whole, live: eigenvalues, descending.
      limit: up to which one is called near zero.
      parts: of each seed the fractions of the whole spectrum that are near zero in
        "dead" and "live" units.
      note: above the figure.
    """
    with style():
        figure = Figure(figsize=(7.4, 3.1), layout="constrained")
        sizes, bars = figure.subplots(1, 2, width_ratios=(2, 1))
        low = 1e-9 * whole.max()
        # The first is wider, since they lie on each other where it tells.
        for color, width, (name, values) in zip(
            colors(), (3.0, 1.2),
            (("all parameters", whole), ("without dead units", live)), strict=False,
        ):  # fmt: skip
            magnitudes = np.sort(np.maximum(np.abs(values), low))[::-1]
            sizes.plot(np.arange(1, len(values) + 1), magnitudes, color=color, lw=width,
                       label=f"{name} ({len(values):,})")  # fmt: skip
        sizes.axhline(limit, color="0.5", ls=":", lw=0.9, label="near zero below")
        sizes.set(
            yscale="log", xlabel="eigenvalues, largest in magnitude first",
            ylabel="|eigenvalue|",
        )  # fmt: skip
        sizes.legend(fontsize=7)
        x, bottom = np.arange(len(parts)), np.zeros(len(parts))
        for color, key in zip(colors()[2:], ("dead", "live"), strict=False):
            height = 100 * np.array([part[key] for part in parts])
            words = f"near zero, of {key} units"
            bars.bar(x, height, 0.6, bottom, color=color, label=words)
            bottom += height
        bars.set(xlabel="seed", ylabel="fraction of all eigenvalues (%)", ylim=(0, 100))
        bars.set_xticks(x)
        bars.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1))
        figure.suptitle(note, fontsize=9)
        return figure


def of_one_mask(
    panels: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]],
    note: str,
) -> Figure:
    """Two panels a sparsity: loss over dead units, and how both differ from pruned.

    Args:
      panels: title -> solution -> dead units and training loss, one a seed.
      note: above the figure.
    """
    with style():
        size = (6.8, 2.8 * len(panels) + 0.5)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(panels), 2, squeeze=False)
        for (every, gaps), (title, solutions) in zip(grid, panels.items(), strict=True):
            base = np.array(solutions["pruned"])
            shades = [look["color"] for look in looks(list(solutions))]
            for color, (name, each) in zip(shades, solutions.items(), strict=True):
                every.plot(*each, "o", ms=5, alpha=0.8, mew=0, color=color,
                           label=name)  # fmt: skip
                if name != "pruned":
                    gaps.plot(*(np.array(each) - base), "o", ms=5, alpha=0.8, mew=0,
                              color=color)  # fmt: skip
            every.set(title=title, xlabel="dead units", ylabel="training loss (nats)")
            gaps.axhline(0, color="0.6", lw=0.6)
            gaps.axvline(0, color="0.6", lw=0.6)
            gaps.set(
                title="less those of the pruned network of its seed",
                xlabel="dead units, more than pruned",
                ylabel="loss, above pruned (nats)",
            )  # fmt: skip
        figure.legend(
            *grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3
        )
        figure.suptitle(note, fontsize=9)
        return figure


def on_paths(paths: Mapping[str, Mapping[str, Any]], note: str) -> Figure:
    """Loss, dead units, and those of both ends that still are, along paths.

    Args:
      paths: name -> "ts" and, one curve a seed, "loss", "dead", "still_dead" and
        "still_constant" (fractions; None where there is none).
      note: above the figure.
    """
    columns = {
        "loss": "loss (nats)",
        "dead": "dead units",
        "still_dead": "still dead, of those dead\nat both ends (%)",
        "still_constant": "still constant, of those\nconstant at both ends (%)",
    }
    with style():
        figure = Figure(figsize=(7.2, 5.2), layout="constrained")
        every = figure.subplots(2, 2, sharex=True)
        forms = [
            {"color": color, "marker": mark, "ms": 3.5}
            for color, mark in zip(colors(), "os^D", strict=False)
        ]
        number = 1
        for axes, (key, ylabel) in zip(every.flat, columns.items(), strict=True):
            scale = 100 if key.startswith("still") else 1
            for form, (name, path) in zip(forms, paths.items(), strict=False):
                curves = [c for c in path[key] if c is not None]
                if curves:
                    values = scale * np.array(curves)
                    mean_and_range(axes, path["ts"], values, label=name, **form)
                    number = max(number, len(curves))
            axes.set_ylabel(ylabel)
        for axes in every[-1]:
            axes.set_xlabel("t   (0: pruned,  1: scratch)")
        handles, labels = every[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
        figure.suptitle(f"{note}, {seeds_in_words(number)}", fontsize=9)
        return figure
