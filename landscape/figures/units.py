"""Dead units: over training, since when, each unit's penalty, and scores."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Normalize

from landscape.figures.method_looks import shades
from landscape.figures.styles import Figure, colors, plain, style

ALIVE = "0.85"
SPLITS = {"train": ("-", "training examples"), "test": ("--", "test examples")}


def dead_units(
    found: dict[str, Any], penalties: dict[str, np.ndarray], title: str
) -> Figure:
    """Four panels: dead units at each step, the step since which each is dead, the
    change of the loss by each unit at the last step, and rank correlations.

    Args:
      found: "steps" [S]; "tolerance", nats; "groups": by name "units", and by split
        "counts" [S], "since" [units], steps or None, and "dead", indices;
        "correlations": of each score, by its name, and by group, or None.
      penalties: by group, [units], changes of the loss in magnitude at the last step.
      title: of the figure.
    """
    with style():
        height = 4.6 + 0.13 * max(len(found["correlations"]), len(found["groups"]))
        figure = Figure(figsize=(9.2, height), layout="constrained")
        (over, since), (each, scores) = figure.subplots(2, 2)
        _over_training(over, found, shades(len(found["groups"])))
        _since(figure, since, found)
        _each(each, found, penalties)
        _correlations(figure, scores, found)
        figure.suptitle(plain(title), fontsize=9)
        return figure


def _over_training(axes, found, ordered) -> None:
    steps, groups = found["steps"], found["groups"]
    mark = "o" if len(steps) <= 30 else None
    splits = list(next(iter(groups.values()))["counts"])
    for (name, row), shade in zip(groups.items(), ordered, strict=True):
        for split in splits:
            share = 100 * np.array(row["counts"][split]) / row["units"]
            label = plain(name) if split == splits[0] else None
            line = SPLITS[split][0]
            axes.plot(steps, share, line, color=shade, marker=mark, ms=2.5, label=label)
    top = max(max(line.get_ydata()) for line in axes.lines)
    total = sum(row["units"] for row in groups.values())
    if len(groups) > 1:
        counts = sum(np.array(row["counts"][splits[0]]) for row in groups.values())
        # Wide and below the others, which may lie on it.
        axes.plot(steps, 100 * counts / total, color="0.75", lw=5, zorder=1.5,
                  label="all layers")  # fmt: skip
    if len(splits) > 1:
        for split in splits:
            line, label = SPLITS[split]
            axes.plot([], [], line, color="0.4", label=label)
    axes.set(
        title="dead units", xlabel="training step", ylabel="dead units (%)",
        ylim=(-3, min(103, max(10, 1.15 * top))),
    )  # fmt: skip
    # Below, where no curve is, whatever its course.
    axes.legend(
        fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.2),
        ncols=2 + min(3, (len(groups) + len(splits)) // 3),
    )  # fmt: skip


def _since(figure, axes, found) -> None:
    """A bar for each layer, whose parts are the units that died at one step."""
    steps, groups = found["steps"], found["groups"]
    norm = Normalize(steps[0], steps[-1] if len(steps) > 1 else steps[0] + 1)
    colormap = matplotlib.colormaps["plasma_r"]
    for row, group in enumerate(groups.values()):
        since = next(iter(group["since"].values()))
        start = 0.0
        for step in steps:
            share = 100 * since.count(step) / group["units"]
            axes.barh(row, share, left=start, color=colormap(norm(step)), height=0.7)
            start += share
        axes.barh(row, 100 - start, left=start, color=ALIVE, height=0.7)
        if start < 85:
            axes.text((100 + start) / 2, row, "alive", ha="center", va="center",
                      fontsize=6.5, color="0.4")  # fmt: skip
        dead = sum(step is not None for step in since)
        axes.text(101, row, f"{dead} of {group['units']}", va="center", fontsize=6.5)
    axes.set_yticks(range(len(groups)), [plain(name) for name in groups])
    axes.invert_yaxis()
    axes.grid(False)
    axes.set(
        title="since which step the dead units are dead", xlim=(0, 100),
        xlabel="units of the layer (%)",
    )  # fmt: skip
    mappable = matplotlib.cm.ScalarMappable(norm, colormap)
    figure.colorbar(mappable, ax=axes, label="dead since step", pad=0.12)


def _each(axes, found, penalties) -> None:
    """One point a unit, spread within its layer's column by its index."""
    tolerance = found["tolerance"]
    positive = np.concatenate([p[p > 0] for p in penalties.values()] or [[]])
    floor = min([tolerance, *positive]) / 5
    blue, red = colors()[:2]
    for column, values in enumerate(penalties.values()):
        at = column + np.linspace(-0.35, 0.35, len(values) + 2)[1:-1]
        shown, dead = np.maximum(values, floor), values < tolerance
        axes.plot(at[dead], shown[dead], ".", color=red, ms=3)
        axes.plot(at[~dead], shown[~dead], ".", color=blue, ms=3)
    axes.axhline(tolerance, color="0.3", lw=0.8)
    axes.plot([], [], ".", color=blue, label="alive")
    axes.plot([], [], ".", color=red, label="dead: below the tolerance")
    if any((values == 0).any() for values in penalties.values()):
        axes.axhline(floor, color="0.7", lw=0.6, ls=":")
        axes.annotate("0", (0, floor), (2, 2), ("axes fraction", "data"),
                      textcoords="offset points", fontsize=6)  # fmt: skip
    axes.set_yscale("log")
    rotation = 0 if len(penalties) <= 5 else 90
    axes.set_xticks(
        range(len(penalties)), [plain(name) for name in penalties], rotation=rotation
    )
    axes.grid(False, axis="x")
    axes.set(
        title=f"each unit at step {found['steps'][-1]}",
        ylabel="change of the loss, replaced\nby its mean (nats)",
    )
    # Room for the legend above the points.
    axes.set_ylim(top=100 * max([tolerance, *positive]))
    axes.legend(fontsize=7, loc="upper left", ncols=2)


def _correlations(figure, axes, found) -> None:
    groups, rows = list(found["groups"]), found["correlations"]
    values = np.array(
        [
            [np.nan if row[g] is None else row[g] for g in groups]
            for row in rows.values()
        ]
    ).reshape(len(rows), len(groups))
    shown = axes.imshow(values, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    for i, j in np.ndindex(values.shape):
        value = values[i, j]
        text = "-" if np.isnan(value) else f"{value:.2f}"
        axes.text(
            j, i, text, ha="center", va="center", fontsize=6 if len(groups) < 9 else 5,
            color="white" if abs(value) > 0.6 else "black",
        )  # fmt: skip
    rotation = 0 if len(groups) <= 4 else 90
    axes.set_xticks(range(len(groups)), [plain(g) for g in groups], rotation=rotation)
    axes.set_yticks(range(len(rows)), [plain(name) for name in rows])
    axes.grid(False)
    axes.set(title="do scores order the units as the loss does?")
    figure.colorbar(shown, ax=axes, label="rank correlation")
