"""The figures of Sagun et al. 2017, in their arrangement, with theirs drawn thin."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from landscape.figures import colors, style

Curve = tuple[np.ndarray, np.ndarray]


def whole(values: Mapping[str, Sequence[float]], paper: Mapping[str, Any]) -> Figure:
    """Figure 1: all eigenvalues over their rank, before and after training.

    Args:
      values: "initial" and "final" -> eigenvalues, descending.
      paper: relative ranks and initial values at them, and the ends of both.
    """
    with style():
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        for axes, (when, given) in zip(
            figure.subplots(1, 2), values.items(), strict=True
        ):
            ascending = np.sort(np.asarray(given))
            ranks = (np.arange(len(ascending)) + 0.5) / len(ascending)
            axes.plot(ranks, ascending, ".", ms=2.5, label="this run")
            their_ranks, theirs = [0, 1], list(paper["ends"][when])
            if when == "initial":
                their_ranks = [0, *paper["share"], 1]
                theirs = [theirs[0], *paper["initial"], theirs[1]]
            axes.plot(
                their_ranks, theirs, "x", color="0.4", ms=4, mew=0.8, label="paper"
            )
            axes.axhline(0, color="gray", lw=0.5)
            axes.set(
                title=f"{when}, {len(ascending)} parameters",
                xlabel="rank / number of parameters",
                ylabel="eigenvalue",
            )
            axes.legend()
        return figure


def by_classes(
    ours: Mapping[str, Sequence[Sequence[float]]],
    theirs: Mapping[str, Curve],
    threshold: float,
) -> Figure:
    """Figure 2: the largest eigenvalues over their rank, a panel a number of classes.

    Args:
      ours: number of classes -> seeds -> eigenvalues, descending.
      theirs: number of classes -> ranks and eigenvalues.
      threshold: the paper's, above which it counts.
    """
    with style():
        figure = Figure(figsize=(2.3 * len(ours) + 0.5, 2.8), layout="constrained")
        panels = figure.subplots(1, len(ours), sharey=True, squeeze=False)[0]
        for axes, (k, seeds) in zip(panels, ours.items(), strict=True):
            for values in seeds:
                ranks = np.arange(1, len(values) + 1)
                axes.plot(ranks, values, ".", ms=3.5, color=colors()[0], alpha=0.7)
            if k in theirs:
                axes.plot(*theirs[k], "-", color="0.5", lw=0.8)
            axes.axvline(int(k) + 0.5, color=colors()[1], lw=0.7, ls="--")
            axes.axhline(threshold, color="0.5", lw=0.7, ls=":")
            high = max(len(values) for values in seeds)
            axes.set(title=f"{k} classes", xlabel="rank", yscale="log")
            axes.set_xlim(0, high + 1)
        shown = [v[: 2 * int(k) + 20] for k, seeds in ours.items() for v in seeds]
        low = min(min(np.nanmin(values) for values in shown), threshold / 20)
        panels[0].set_ylim(bottom=max(low, threshold / 100) / 1.3)
        panels[0].set_ylabel("eigenvalue")
        marks = [
            panels[0].plot([], [], ".", color=colors()[0])[0],
            panels[0].plot([], [], color="0.5", lw=0.8)[0],
            panels[0].plot([], [], color="0.5", lw=0.7, ls=":")[0],
            panels[0].plot([], [], color=colors()[1], lw=0.7, ls="--")[0],
        ]
        names = ["this run (all seeds)", "paper", "the paper's threshold", "k"]
        figure.legend(marks, names, loc="outside lower center", ncols=4)
        return figure


def edges(
    ours: Mapping[str, Sequence[Curve]],
    theirs: Mapping[str, Curve],
    xlabel: str,
    *,
    log: bool = False,
    ylabel: str = "eigenvalue",
    note: str = "",
) -> Figure:
    """Figures 3 to 6: one edge of several spectra, ours and the paper's side by side.

    Args:
      ours: label -> curves of all seeds.
      theirs: label -> curve.
      xlabel, ylabel: of both.
      log: whether eigenvalues are on a log axis.
      note: over ours.
    """
    with style():
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        for color, (name, curves) in zip(colors(), ours.items(), strict=False):
            for i, (x, y) in enumerate(curves):
                label = name if i == 0 else None
                left.plot(x, y, ".-", ms=2.5, lw=0.6, color=color, label=label)
        for color, (name, (x, y)) in zip(colors(), theirs.items(), strict=False):
            right.plot(x, y, "-", lw=0.9, color=color, label=name)
        for axes, title in ((left, f"this run{note and ', '}{note}"), (right, "paper")):
            axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
            axes.locator_params(axis="x", nbins=5)
            if log:
                axes.set_yscale("log")
            elif axes.get_ylim()[0] < 0:
                axes.axhline(0, color="gray", lw=0.5)
            axes.legend()
        return figure


def phases(runs: Sequence[Sequence[Mapping[str, Any]]], paper: Mapping) -> Figure:
    """Figure 7: losses and accuracies of a training whose batches become small.

    Args:
      runs: seeds -> the two phases: step, train_loss, train_accuracy, test_step,
        test_loss, test_accuracy.
      paper: "switch" and "train_loss", pairs of step and loss.
    """
    with style():
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        loss, accuracy = figure.subplots(1, 2)
        switch = runs[0][0]["step"][-1]
        for i, parts in enumerate(runs):
            for color, split, step in zip(
                colors(), ("train", "test"), ("step", "test_step"), strict=False
            ):
                for axes, what in ((loss, "loss"), (accuracy, "accuracy")):
                    x = np.concatenate([part[step] for part in parts])
                    y = np.concatenate([part[f"{split}_{what}"] for part in parts])
                    label = split if i == 0 else None
                    axes.plot(x, y, color=color, lw=0.8, alpha=0.7, label=label)
        steps, values = np.array(paper["train_loss"]).T
        loss.plot(
            steps * switch / paper["switch"], values, "--", color="0.5", lw=0.8,
            label="train, paper (steps rescaled)",
        )  # fmt: skip
        for axes in (loss, accuracy):
            axes.axvline(switch, color="gray", lw=0.7, ls=":")
            axes.set_xlabel("step")
        loss.set(ylabel="cross-entropy (nats)", yscale="log")
        accuracy.set(ylabel="accuracy")
        handles, labels = loss.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        figure.suptitle("large batches, then (dotted line) small ones", fontsize=9)
        return figure


def line(runs: Sequence[Mapping[str, Any]], paper: Mapping[str, Any]) -> Figure:
    """Figure 8: losses and accuracies on the line between the ends of the two phases.

    Args:
      runs: seeds -> ts, train_loss, test_loss, train_accuracy, test_accuracy.
      paper: name -> pairs of t and value.
    """
    with style():
        figure = Figure(figsize=(7.2, 3.0), layout="constrained")
        for axes, what in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            for color, split in zip(colors(), ("train", "test"), strict=False):
                name = f"{split}_{what}"
                for i, run in enumerate(runs):
                    axes.plot(
                        run["ts"], run[name], color=color, lw=0.9, alpha=0.8,
                        label=split if i == 0 else None,
                    )  # fmt: skip
                if name in paper:
                    axes.plot(
                        *np.array(paper[name]).T, "o--", ms=2, lw=0.7, color=color,
                        alpha=0.45, label=f"{split}, paper",
                    )  # fmt: skip
            for end in (0, 1):
                axes.axvline(end, color="gray", lw=0.5)
            axes.set_xlabel("t   (0: after large batches,  1: after small ones)")
            if what == "loss":
                axes.set(ylabel="cross-entropy (nats)", yscale="log")
            else:
                axes.set(ylabel="accuracy", ylim=(0, 1.02))
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        return figure
