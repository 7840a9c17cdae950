"""Panels of a sparse network: what it costs, relative to dense, and its latency."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullLocator

from landscape.figures import bars
from landscape.figures.method_looks import looks
from landscape.figures.styles import plain

LATENCIES = {
    "dense": "dense, XLA",
    "masked": "masked, XLA",
    "NumPy": "dense, NumPy",
    "sparse": "CSR, SciPy",
}
SHADES = "0.85", "0.68", "0.5", "0.3"
"""Of these networks; no run has them."""
TRAINING = 2
"""Which bar is that of the training."""


def draw_cost(
    axes: Any, result: dict[str, Any], names: Sequence[str], shown: bool
) -> None:
    """Bars in percent of the network with all weights; of the first run its file, too.

    That of the training has the runs that it took masks or weights from on top.

    Args:
      axes, result: as of `figures.sparsity`.
      names: of the runs.
      shown: whether the bars have their values.
    """
    runs, saved = result["found"], result["savings"]
    kinds = ["weights\nkept", "forward\nFLOPs", "training\nFLOPs"]
    if saved is not None:
        kinds += ["bytes,\ncompressed", "bytes,\nCSR"]
    stacked, highest = False, 100.0
    shades = looks([found["run"] for found in runs], marks=False)
    for i, (found, name) in enumerate(zip(runs, names, strict=True)):
        flops, kept = (
            sum(row[k] for row in found["layers"]) for k in ("flops", "flops_kept")
        )
        cost, color = found["training"], shades[i]["color"]
        own = [found["density"], kept / flops, cost["relative"]]
        # What a method of the user's own costs is not known: it has no bar.
        values = 100 * np.array([np.nan if value is None else value for value in own])
        at = bars.group(
            axes, i, len(runs), values, color=color,
            label=plain(name) if len(runs) > 1 else None,
        )  # fmt: skip
        others = [each["flops"] for each in found["earlier"]]
        if others and None not in others and cost["dense"]:
            before = sum(others) / cost["dense"]
            axes.bar(
                at[TRAINING], 100 * before, 0.92 * 0.8 / len(runs), color=color,
                bottom=values[TRAINING], alpha=0.45, hatch="////", edgecolor="white",
                lw=0,
            )  # fmt: skip
            values[TRAINING] += 100 * before
            stacked = True
        if saved is not None and i == 0:
            # There is one bar of these, in the middle.
            sizes = [saved["sizes"][k] for k in ("compressed", "sparse")]
            more = 100 * np.array(sizes) / saved["sizes"]["dense"]
            places = np.arange(len(values), len(kinds))
            axes.bar(places, more, 0.92 * 0.8 / len(runs), color=color)
            at, values = np.append(at, places), np.append(values, more)
        if shown:
            texts = ["?" if np.isnan(x) else f"{x:.3g}" for x in values]
            bars.label(axes, at, np.nan_to_num(values), texts)
        highest = max(highest, np.nanmax(values))
    axes.axhline(100, color="0.3", lw=0.8)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.grid(False, axis="x")
    axes.set(
        title="cost, relative to the same network with all weights",
        ylabel="of dense (%)", ylim=(0, 1.12 * highest),
    )  # fmt: skip
    handles, _ = axes.get_legend_handles_labels()
    if stacked:
        handles.append(
            Patch(facecolor="0.6", hatch="////", edgecolor="white", lw=0,
                  label="runs that it starts from")
        )  # fmt: skip
    if handles:
        bars.legend_below(axes, ncols=4, handles=handles)


def draw_time(axes: Any, times: dict[str, Any], shown: bool) -> None:
    """Bars to the median of the calls, with quartiles, and a mark at the fastest.

    Args:
      axes: of matplotlib.
      times: by batch size "seconds", of each network the fastest call, lower quartile,
        median and upper quartile.
      shown: whether the bars have their values.
    """
    everything = []
    for i, (name, label) in enumerate(LATENCIES.items()):
        found = 1e6 * np.array([each["seconds"][name] for each in times.values()])
        fastest, low, middle, high = found.T
        at = bars.group(
            axes, i, len(LATENCIES), middle, color=SHADES[i], label=label, zorder=2
        )
        ends = [middle - low, high - middle]
        axes.errorbar(
            at, middle, ends, fmt="none", color="black", capsize=2, lw=0.8, zorder=3
        )
        axes.plot(
            at, fastest, "D", ms=3.5, color="white", markeredgecolor="black", mew=0.7,
            ls="none", zorder=4, label="fastest call" if i == 3 else None,
        )  # fmt: skip
        if shown:
            bars.label(axes, at, high, [f"{value:,.0f}" for value in middle])
        everything.append(found)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0.5 * np.min(everything), 1.8 * np.max(everything))
    axes.set_xticks(range(len(times)), [f"batch of {size}" for size in times])
    axes.grid(False, axis="x")
    axes.set(
        title="forward pass on this machine: median and quartiles",
        ylabel="time of a call (us)",
    )  # fmt: skip
    bars.legend_below(axes, ncols=5)
