"""Figures of scores: against oracles, over training, and what removal by them costs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from landscape.figures import colors, mean_and_range, plain_numbers, style

SIGNED = ", signed"
"""Ends the name of a score whose sign counts."""

Bands = Mapping[str, np.ndarray]
"""Name -> values [seeds, x]; NaN where one is not known."""


def scatter(rows: Mapping[str, Mapping[str, tuple]], note: str) -> Figure:
    """A row a layer, a column a score: each weight's score over its loss change.

    Args:
      rows: layer -> score's name -> (|loss change|, |score|, rank correlation).
      note: above the figure.
    """
    names = list(next(iter(rows.values())))
    with style():
        size = (2.1 * len(names) + 0.5, 2.0 * len(rows) + 0.6)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(rows), len(names), squeeze=False)
        for line, (layer, columns) in zip(grid, rows.items(), strict=True):
            for axes, (name, (x, y, rho)) in zip(line, columns.items(), strict=True):
                # What is 0 to rounding is drawn at the edge.
                x, y = (np.maximum(np.abs(z), _floor(z)) for z in (x, y))
                axes.plot(x, y, "o", ms=2.2, alpha=0.55, mew=0)
                axes.set(xscale="log", yscale="log")
                title = "" if rho is None else f"\nrank correlation {rho:.2f}"
                axes.set_title(f"{layer}: {name}{title}", fontsize=8)
                axes.tick_params(labelsize=6)
            line[0].set_ylabel("|score|")
        for axes in grid[-1]:
            axes.set_xlabel("|loss change| (nats)")
        figure.suptitle(note, fontsize=9)
        return figure


def _floor(values) -> float:
    """A thousandth of the median of what is not zero."""
    known = np.abs(values)[np.abs(values) > 0]
    return float(np.median(known)) / 1e3 if len(known) else 1e-12


def over_training(
    panels: Mapping[str, Bands], steps: Sequence[int], ylabel: str, note: str
) -> Figure:
    """A panel a layer: mean and range of the seeds over the steps of training."""
    with style():
        figure = Figure(
            figsize=(2.9 * len(panels) + 0.4, 3.2), layout="constrained"
        )  # fmt: skip
        every = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        at = np.arange(len(steps))
        for axes, (title, bands) in zip(every, panels.items(), strict=True):
            forms = _forms(list(bands))
            for name, values in bands.items():
                form = forms[name]
                mean_and_range(axes, at, values, ink=0.1, label=name, **form)
            axes.axhline(0, color="0.6", lw=0.6)
            axes.set(title=title, xlabel="step of training")
            axes.set_xticks(at, [f"{step:,}" for step in steps])
        every[0].set_ylabel(ylabel)
        _legend(figure, every[0])
        figure.suptitle(note, fontsize=9)
        return figure


def removal(
    columns: Mapping[str, Mapping[str, Bands]],
    fractions: Sequence[float],
    what: str,
    start: Mapping[str, float],
    note: str,
) -> Figure:
    """Loss above and test accuracy below, over the fraction that is removed.

    Args:
      columns: title -> "loss" or "accuracy" -> bands of scores.
      fractions: of the weights or units.
      what: is removed.
      start: "loss" and "accuracy" of the whole network.
      note: above the figure.
    """
    with style():
        size = (2.4 * len(columns) + 0.4, 6.6)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(2, len(columns), sharex=True, sharey="row")
        grid = np.reshape(grid, (2, len(columns)))
        x = 100 * np.array([0, *fractions])
        labels = {"loss": "loss (nats)", "accuracy": "test accuracy (%)"}
        for line, (key, ylabel) in zip(grid, labels.items(), strict=True):
            scale = 1 if key == "loss" else 100
            for axes, (title, numbers) in zip(line, columns.items(), strict=True):
                forms = _forms(list(numbers[key]))
                for name, values in numbers[key].items():
                    whole = np.full((len(values), 1), start[key])
                    curves = scale * np.hstack([whole, values])
                    mean_and_range(axes, x, curves, ink=0.08, label=name, **forms[name])
                axes.set(title=title if key == "loss" else "")
            line[0].set_ylabel(ylabel)
        for axes in grid[0]:
            axes.set_yscale("log")
            plain_numbers(axes.yaxis)
        for axes in grid[1]:
            axes.set_xlabel(f"{what} removed (%)")
        _legend(figure, grid[0, 0])
        figure.suptitle(note, fontsize=9)
        return figure


def _forms(names: Sequence[str]) -> dict[str, dict]:
    """How each curve is drawn: signed scores as the same without a sign, but dashed.

    Later ones are thinner and have other marks, so that of curves that coincide all
    are seen.
    """
    families = list(dict.fromkeys(map(_family, names)))
    shades = dict(zip(families, colors(), strict=False))
    return {
        name: {
            "color": shades[_family(name)],
            "ls": "--" if name.endswith(SIGNED) else "-",
            "lw": 2.4 - 0.25 * families.index(_family(name)),
            "marker": _MARKS[families.index(_family(name)) % len(_MARKS)],
            "ms": 3.2,
            "mew": 0,
        }
        for name in names
    }


_MARKS = "os^DvPX"


def _family(name: str) -> str:
    return name.removesuffix(SIGNED).replace("|", "")


def _legend(figure, axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    columns = max(2, int(figure.get_figwidth() / 1.75))
    figure.legend(
        handles, names, loc="outside lower center", ncols=min(len(names), columns)
    )
