"""A sparse network: density by layer, what it costs, its latency, and its masks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from landscape.figures.styles import colors, plain, style

LATENCIES = {
    "dense": "dense, XLA",
    "masked": "masked, XLA",
    "NumPy": "dense, NumPy",
    "sparse": "CSR, SciPy",
}


def sparsity(result: dict[str, Any], title: str) -> Figure:
    """Four panels: density by layer, cost relative to dense, time of a forward pass,
    and gradient norms, or, of several runs, what their masks have in common.

    Args:
      result: "found", of each run "run", "layers" ("layer", "size", "kept", "flops",
        "flops_kept"), "training" ("relative", "steps"), and "gradients" ("step",
        "norm", "before"); "overlaps", of each pair "runs" and "layers"; "savings",
        "sizes" and "times", or None.
      title: of the figure.
    """
    with style():
        figure = Figure(figsize=(9.2, 6.2), layout="constrained")
        (density, cost), (time, masks) = figure.subplots(2, 2)
        names = _names([found["run"] for found in result["found"]])
        _density(density, result["found"], names)
        _cost(cost, result, names)
        _time(time, result["savings"])
        if result["overlaps"]:
            _overlap(masks, result["overlaps"])
        else:
            _gradients(masks, result["found"][0]["gradients"])
        figure.suptitle(plain(title), fontsize=9)
        return figure


def _density(axes, runs, names) -> None:
    layers = [row["layer"] for row in runs[0]["layers"]]
    width = 0.8 / len(runs)
    lowest = 100.0
    for i, (found, name) in enumerate(zip(runs, names, strict=True)):
        values = [100 * row["kept"] / row["size"] for row in found["layers"]]
        at = np.arange(len(layers)) + (i - (len(runs) - 1) / 2) * width
        label = plain(name) if len(runs) > 1 else None
        axes.bar(at, values, 0.92 * width, color=colors()[i % 8], label=label)
        lowest = min([lowest, *(v for v in values if v > 0)])
        if len(layers) * len(runs) <= 12:
            for x, value in zip(at, values, strict=True):
                axes.annotate(
                    f"{value:.3g}", (x, max(value, 0.6 * lowest)), (0, 1), ha="center",
                    textcoords="offset points", fontsize=6.5,
                )  # fmt: skip
        axes.axhline(100 * found["density"], color=colors()[i % 8], lw=0.8, ls="--")
    axes.set_yscale("log")
    axes.set_ylim(0.4 * lowest, 170)
    ticks = [t for t in (0.01, 0.1, 1, 10, 100) if t > 0.4 * lowest]
    axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
    _layers(axes, layers)
    axes.set(title="density by layer (dashed: of all)", ylabel="weights kept (%)")
    if len(runs) > 1:
        _legend(axes)


def _cost(axes, result, names) -> None:
    """Bars in percent of the dense network, of the first run its file, too."""
    runs = result["found"]
    kinds = ["weights\nkept", "forward\nFLOPs", "training\nFLOPs"]
    saved = result["savings"]
    if saved is not None:
        kinds += ["bytes,\ncompressed", "bytes,\nCSR"]
    width = 0.8 / len(runs)
    for i, (found, name) in enumerate(zip(runs, names, strict=True)):
        flops, kept = (
            sum(row[k] for row in found["layers"]) for k in ("flops", "flops_kept")
        )
        values = [found["density"], kept / flops, found["training"]["relative"]]
        if saved is not None and i == 0:
            sizes = saved["sizes"]
            values += [sizes[k] / sizes["dense"] for k in ("compressed", "sparse")]
        at = np.arange(len(values)) + (i - (len(runs) - 1) / 2) * width
        if len(values) > 3 and len(runs) > 1:
            # There is one bar of these, that of the first run.
            at[3:] = np.arange(3, len(values))
        percent = [100 * value for value in values]
        label = plain(name) if len(runs) > 1 else None
        axes.bar(at, percent, 0.92 * width, color=colors()[i % 8], label=label)
        if len(runs) <= 3:
            for x, value in zip(at, percent, strict=True):
                axes.annotate(
                    f"{value:.3g}", (x, value), (0, 1), ha="center",
                    textcoords="offset points", fontsize=6.5,
                )  # fmt: skip
    axes.axhline(100, color="0.3", lw=0.8)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.grid(False, axis="x")
    axes.set(title="cost, relative to the dense network", ylabel="of dense (%)")
    axes.set_ylim(0, max(112, 1.08 * max(bar.get_height() for bar in axes.patches)))
    if len(runs) > 1:
        _legend(axes)


def _time(axes, savings) -> None:
    """Bars to the fastest call, with lines from the lower to the upper quartile."""
    axes.set(title="forward pass on this machine")
    if savings is None:
        axes.axis("off")
        axes.text(
            0.5, 0.5, "nothing is pruned:\nno time is saved", ha="center", va="center",
            transform=axes.transAxes, color="0.4",
        )  # fmt: skip
        return
    times = savings["times"]
    shades = ["0.75", "0.55", colors()[0], colors()[1]]
    for i, (name, label) in enumerate(LATENCIES.items()):
        quartiles = 1e3 * np.array([each["seconds"][name] for each in times.values()])
        fastest, low, middle, high = quartiles.T
        at = np.arange(len(times)) + (i - 1.5) * 0.2
        axes.bar(at, fastest, 0.18, color=shades[i], label=label)
        ends = [middle - low, high - middle]
        axes.errorbar(at, middle, ends, fmt="_", color="black", capsize=2, lw=0.8)
        for x, value in zip(at, fastest, strict=True):
            axes.annotate(
                f"{value:.2g}", (x, value), (0, -2), ha="center", va="top",
                textcoords="offset points", fontsize=6.5,
                color="black" if i == 0 else "white",
            )  # fmt: skip
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(0.5 * low, 1.2 * high)
    axes.set_xticks(range(len(times)), [f"batch of {size}" for size in times])
    axes.grid(False, axis="x")
    axes.set(ylabel="ms: bar, fastest call;\nline, median and quartiles")
    _legend(axes, ncols=4)


def _gradients(axes, rows) -> None:
    steps = [row["step"] for row in rows]
    blue, red = colors()[:2]
    axes.plot(steps, [row["norm"] for row in rows], "o-", ms=3, color=blue,
              label="in its own masks")  # fmt: skip
    changed = [row for row in rows if row["before"] is not None]
    if changed:
        axes.plot(
            [row["step"] for row in changed], [row["before"] for row in changed], "x",
            ms=4, color=red, label="in the masks of the kept state before",
        )  # fmt: skip
        _legend(axes)
    if min(row["norm"] for row in rows) > 0:
        axes.set_yscale("log")
    axes.set(title="gradient over the kept weights", xlabel="training step",
             ylabel="norm")  # fmt: skip


def _overlap(axes, pairs) -> None:
    """Jaccard of each layer, and what chance gives as a line across its bar."""
    layers = [row["layer"] for row in pairs[0]["layers"]]
    shown = pairs[:6]
    width = 0.8 / len(shown)
    for i, pair in enumerate(shown):
        at = np.arange(len(layers)) + (i - (len(shown) - 1) / 2) * width
        label = " and ".join(plain(name) for name in _names(pair["runs"]))
        values = [row["jaccard"] for row in pair["layers"]]
        axes.bar(at, values, 0.92 * width, color=colors()[i % 8], label=label)
        chance = [row["chance_jaccard"] for row in pair["layers"]]
        axes.hlines(chance, at - width / 2, at + width / 2, color="black", lw=1.2,
                    label="chance" if i == len(shown) - 1 else None)  # fmt: skip
    _layers(axes, layers)
    left = len(pairs) - len(shown)
    more = f" ({left} pairs not shown)" if left else ""
    axes.set(title=f"what masks have in common{more}", ylabel="Jaccard", ylim=(0, 1.02))
    _legend(axes, ncols=2)


def _layers(axes, layers) -> None:
    crowded = len(layers) > 6
    axes.set_xticks(
        range(len(layers)), [plain(name) for name in layers],
        rotation=90 if crowded else 0, fontsize=5.5 if len(layers) > 12 else 7,
    )  # fmt: skip
    axes.grid(False, axis="x")


def _legend(axes, ncols: int = 3) -> None:
    """Below, where nothing is drawn."""
    axes.legend(
        fontsize=6.5, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=ncols
    )


def _names(names: Sequence[str]) -> list[str]:
    """Without folders, where they stay different."""
    short = [name.rstrip("/").rpartition("/")[2] for name in names]
    return short if len(set(short)) == len(set(names)) else list(names)
