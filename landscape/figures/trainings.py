"""A training over its steps."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from landscape.figures.styles import colors, plain, style


def training(runs: dict[str, list[list[dict[str, Any]]]]) -> Figure:
    """Loss, test accuracy and sparsity over steps, one colour a label.

    Where no run has any weight removed, sparsity is left out.

    The accuracy axis ends below the lowest value, or 20 points below the best one if
    that is higher, and always below the worst last one.

    Args:
      runs: label to the runs that share it (several seeds, say), each the lines of its
        metrics.jsonl.
    """
    with style():
        palette = colors()
        sparse = any(
            line.get("sparsity", 0) > 0
            for group in runs.values()
            for lines in group
            for line in lines
        )
        panels = 3 if sparse else 2
        figure = Figure(figsize=(3.2 * panels, 2.9), layout="constrained")
        loss, accuracy, *others = figure.subplots(1, panels)
        best, worst, lowest = 0.0, 100.0, 100.0
        curves = [
            (i, lines) for i, group in enumerate(runs.values()) for lines in group
        ]
        for i, lines in curves:
            color = palette[i % len(palette)]
            train, test = _Columns(lines, "train"), _Columns(lines, "test")
            loss.plot(*train("loss"), color=color)
            loss.plot(*test("loss"), "--", color=color)
            accuracy.plot(*test("accuracy", 100), "--", color=color)
            # Curves of equal masks coincide: later ones are drawn thinner.
            width = 2.6 / (i + 1)
            for axes in others:
                axes.plot(*train("sparsity", 100), color=color, lw=width)
            found = test("accuracy", 100)[1]
            best, worst = max(best, *found), min(worst, *found[-1:])
            lowest = min(lowest, *found)
        loss.set(yscale="log", ylabel="cross-entropy (nats)")
        low = max(0, min(max(best - 20, lowest - 1), worst - 2))
        accuracy.set(ylabel="test accuracy (%)", ylim=(low, best + 1))
        for axes in others:
            axes.set(ylabel="weights removed (%)", ylim=(-3, 103))
        for axes in (loss, accuracy, *others):
            axes.set(xlabel="step")
        marks = [
            Line2D([], [], color=palette[i % len(palette)]) for i in range(len(runs))
        ]
        marks += [Line2D([], [], color="gray", ls=style) for style in ("-", "--")]
        names = [*map(plain, runs), "training", "test"]
        figure.legend(marks, names, loc="outside upper center", ncols=len(names))
        return figure


class _Columns:
    """The lines of one split, read by column."""

    def __init__(self, lines: list[dict[str, Any]], split: str):
        self._lines = [line for line in lines if line["split"] == split]

    def __call__(self, name: str, scale: float = 1) -> tuple[list, list]:
        values = [scale * line[name] for line in self._lines]
        return [line["step"] for line in self._lines], values
