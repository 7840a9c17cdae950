"""Figures 7 and 8 of Sagun et al. 2017: trainings whose batches become small."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from landscape.figures import colors, mean_and_range, seeds_in_words, style

WORDS = {"train": "training", "test": "test"}


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
                for axes, what, scale in (
                    (loss, "loss", 1), (accuracy, "accuracy", 100)
                ):  # fmt: skip
                    x = np.concatenate([part[step] for part in parts])
                    y = np.concatenate([part[f"{split}_{what}"] for part in parts])
                    label = WORDS[split] if i == 0 else None
                    axes.plot(x, scale * y, color=color, lw=0.9, alpha=0.8, label=label)
        steps, values = np.array(paper["train_loss"]).T
        loss.plot(
            steps * switch / paper["switch"], values, "--", color="0.5", lw=0.8,
            label="training, paper (its steps scaled to ours)",
        )  # fmt: skip
        for axes in (loss, accuracy):
            axes.axvline(switch, color="gray", lw=0.7, ls=":")
            axes.set_xlabel("step")
        loss.set(ylabel="cross-entropy (nats)", yscale="log")
        accuracy.set(ylabel="accuracy (%)", ylim=(0, 102))
        handles, labels = loss.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
        note = "large batches, then (from the dotted line on) small ones"
        figure.suptitle(note, fontsize=9)
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
            scale = 1 if what == "loss" else 100
            for color, split in zip(colors(), ("train", "test"), strict=False):
                name = f"{split}_{what}"
                curves = scale * np.array([run[name] for run in runs])
                mean_and_range(
                    axes, runs[0]["ts"], curves, color=color, lw=1.1, label=WORDS[split]
                )
                if name in paper:
                    t, values = np.array(paper[name]).T
                    axes.plot(
                        t, scale * values, "o--", ms=2, lw=0.7, color=color, alpha=0.45,
                        label=f"{WORDS[split]}, paper",
                    )  # fmt: skip
            for end in (0, 1):
                axes.axvline(end, color="gray", lw=0.5)
            axes.set_xlabel("t   (0: after large batches,  1: after small ones)")
            if what == "loss":
                axes.set(ylabel="cross-entropy (nats)", yscale="log")
            else:
                axes.set(ylabel="accuracy (%)", ylim=(0, 102))
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        figure.suptitle(seeds_in_words(len(runs)), fontsize=9)
        return figure
