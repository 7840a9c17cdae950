"""The figures of Sagun et al. 2016, and figure 9 of 2017: beside a trained network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from landscape.figures import colors, shades, style

STARTS = {"one start": "one initialisation", "two starts": "two initialisations"}


def histograms(spectra: Mapping[str, Mapping[str, Any]]) -> Figure:
    """All eigenvalues before and after training, log counts, a row a kind of data.

    Args:
      spectra: kind -> "initial" and "final" eigenvalues, and train_loss.
    """
    with style():
        figure = Figure(figsize=(7.2, 2.4 * len(spectra)), layout="constrained")
        rows = figure.subplots(len(spectra), 2, squeeze=False, sharex="col")
        for row, (kind, found) in zip(rows, spectra.items(), strict=True):
            for axes, when in zip(row, ("initial", "final"), strict=True):
                every = np.concatenate([each[when] for each in spectra.values()])
                axes.hist(found[when], bins=np.histogram_bin_edges(every, 80))
                axes.axvline(0, color="gray", lw=0.5)
                end = f", training loss {found['train_loss']:.2g}"
                axes.set(
                    title=f"{kind}, {when}{end if when == 'final' else ''}",
                    ylabel="eigenvalues",
                    yscale="log",
                )
        for axes in rows[-1]:
            axes.set_xlabel("eigenvalue")
        return figure


def initialisations(largest: Sequence[float], std: float) -> Figure:
    """The largest eigenvalue at the end of trainings from many initialisations."""
    with style():
        figure = Figure(figsize=(3.6, 2.8), layout="constrained")
        axes = figure.subplots()
        axes.hist(largest, bins=60)
        axes.axvline(np.median(largest), color=colors()[1], lw=0.9, label="median")
        axes.set(
            title=f"{len(largest)} initialisations, standard deviation {std:g}",
            xlabel="largest eigenvalue",
            ylabel="trainings",
        )
        axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 2))
        axes.legend()
        return figure


def descents(pairs: Mapping[str, Mapping[str, Any]], ts: np.ndarray) -> Figure:
    """The loss on the line from gradient descent to SGD during training.

    Args:
      pairs: "one start" and "two starts" -> step, distance and travelled [T],
        train_loss [T, len(ts)].
      ts: on the line.
    """
    with style():
        figure = Figure(figsize=(9.2, 3.4), layout="constrained")
        *panels, right = figure.subplots(1, len(pairs) + 1)
        for axes in panels[1:]:
            axes.sharey(panels[0])
        steps = next(iter(pairs.values()))["step"][::2]
        of_step = dict(zip(steps, shades(len(steps)), strict=True))
        for axes, (name, found) in zip(panels, pairs.items(), strict=True):
            for step, losses in zip(found["step"], found["train_loss"], strict=True):
                if step in of_step:
                    axes.plot(ts, losses, color=of_step[step], label=f"{step:,}")
            axes.set(
                title=f"GD and SGD from {STARTS.get(name, name)}", yscale="log",
                xlabel="t   (0: GD,  1: SGD of the same step)",
            )  # fmt: skip
        panels[0].set_ylabel("training loss (nats)")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles, labels, title="after step", loc="outside lower left",
            ncols=len(labels), columnspacing=1.2,
        )  # fmt: skip
        for color, (name, found) in zip(colors(), pairs.items(), strict=False):
            words = f"GD to SGD, {STARTS.get(name, name)}"
            right.plot(found["step"], found["distance"], color=color, label=words)
        first = next(iter(pairs.values()))
        label = "GD to its initialisation"
        right.plot(first["step"], first["travelled"], "--", color="0.4", label=label)
        right.set(title="distance of the weights", xlabel="step",
                  ylabel="Euclidean distance")  # fmt: skip
        right.set_ylim(bottom=0)
        handles, labels = right.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower right")
        return figure


def pastur(
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    density: Callable[[np.ndarray, float], np.ndarray],
) -> Figure:
    """Figure 9: the bulk of logistic regression and Marchenko-Pastur's law.

    Args:
      found: "one" and "two" clusters -> alpha, eigenvalues and, with two, the expected
        outlier.
      density: of the law, at given eigenvalues, for one alpha.
    """
    with style():
        figure = Figure(figsize=(7.2, 4.6), layout="constrained")
        grid = figure.subplots(2, 3)
        for axes, each in zip(grid[0], found["one"], strict=False):
            _bulk(axes, np.array(each["values"]), each["alpha"], density)
            axes.set_title(f"one cluster, M/N = {each['alpha']:g}")
        for axes, each in zip(grid[1], found["two"], strict=True):
            values = np.array(each["values"])
            _bulk(axes, values[1:], each["alpha"], density)
            axes.set_title(
                f"two clusters, M/N = {each['alpha']:g}\n"
                f"outlier {values[0]:.4g}, expected {each['expected']:.4g}",
                fontsize=8,
            )
        handles, labels = grid[0, 0].get_legend_handles_labels()
        grid[0, 2].axis("off")
        grid[0, 2].legend(handles, labels, loc="center left")
        return figure


def _bulk(axes, values, alpha, density) -> None:
    shown = values[values > 1e-9 * values.max()]
    # The mass at zero is left out: the law's density integrates to the rest.
    weights = np.full(len(shown), 1 / len(values))
    _, edges, _ = axes.hist(
        shown, min(40, len(shown) // 3 + 1), weights=weights, alpha=0.6,
        label="eigenvalues (without zeros)",
    )  # fmt: skip
    x = np.linspace(1e-4 * shown.max(), 1.05 * shown.max(), 400)
    width = edges[1] - edges[0]
    axes.plot(x, density(x, alpha) * width, color=colors()[1], lw=1.0,
              label="Marchenko-Pastur")  # fmt: skip
    axes.set(xlabel="eigenvalue", ylabel="fraction per bin")
    if alpha == 1:
        axes.set_yscale("log")
