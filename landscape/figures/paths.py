"""The loss along a path."""

import numpy as np
from matplotlib.figure import Figure

from landscape.figures.styles import plain, style


def path(
    ts: np.ndarray, values: dict[str, np.ndarray], ends: tuple[str, str], title: str
) -> Figure:
    """Objective with its two terms, and accuracy, along a path.

    Args:
      ts: [T], 0 and 1 are the two solutions.
      values: "loss" and "l2", the terms of the objective, and "accuracy", each [T].
      ends: names of the solutions at t = 0 and t = 1.
      title: the kind of path.
    """
    with style():
        figure = Figure(figsize=(7.2, 2.9), layout="constrained")
        loss, accuracy = figure.subplots(1, 2)
        loss.plot(ts, values["loss"] + values["l2"], label="objective")
        loss.plot(ts, values["loss"], "--", label="cross-entropy")
        loss.plot(ts, values["l2"], ":", label="L2 term")
        loss.set(ylabel="loss (nats)")
        accuracy.plot(ts, 100 * values["accuracy"], color="black")
        accuracy.set(ylabel="training accuracy (%)")
        start, end = map(plain, ends)
        for axes in (loss, accuracy):
            axes.set(xlabel=f"t   (0: {start},  1: {end})")
            for t in (0, 1):
                axes.axvline(t, color="gray", lw=0.6)
        figure.legend(loc="outside lower center", ncols=3)
        figure.suptitle(plain(title), fontsize=9)
        return figure
