"""What trainings logged, as a figure for each number."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis.programs.runs.means import Group
from analysis.reports import names, pictures
from analysis.reports.pictures import Picture
from landscape import figures, runs
from landscape.errors import InputError

Lines = list[dict[str, Any]]


class Curves(NamedTuple):
    """What a page has of trainings.

    Attributes:
      pictures: a figure of each number.
      keys: label -> what it stands for, where labels are numbers.
      notes, problems: on what they leave out, and what is damaged, in sentences.
    """

    pictures: list[Picture]
    keys: dict[str, str]
    notes: list[str]
    problems: list[str]


class Metric(NamedTuple):
    """A number that is drawn.

    Attributes:
      split, name: of the lines of metrics.jsonl.
      words: what it is called.
      unit: of the axis; "" if it has none.
      scale: factor to that unit.
      log: whether the axis is logarithmic.
    """

    split: str
    name: str
    words: str
    unit: str = ""
    scale: float = 1
    log: bool = False


METRICS = (
    Metric("test", "accuracy", "Test accuracy", "%", 100),
    Metric("test", "loss", "Test loss", "nats", log=True),
    Metric("train", "loss", "Training loss", "nats", log=True),
    Metric("train", "accuracy", "Training accuracy", "%", 100),
    Metric("train", "sparsity", "Weights removed", "%", 100),
    Metric("train", "gradient_norm", "Gradient norm", log=True),
)


def draw(
    groups: Sequence[Group], differing: Sequence[str], short: dict[Path, str]
) -> Curves:
    """A figure of each metric, with all runs; of several seeds mean and range.

    Args:
      groups: runs that differ by seeds alone together: a label each.
      differing: the settings that tell groups apart.
      short: folder of a run -> its name.
    """
    problems, found = [], {}
    labels, keys = names.labels(groups, differing, short)
    for label, group in zip(labels, groups, strict=True):
        logs = []
        for row in group.rows:
            try:
                logs.append(runs.read_metrics(row.folder))
            except (InputError, KeyError, TypeError, OSError) as error:
                why = str(error) if isinstance(error, InputError) else repr(error)
                problems.append(f"{short[row.folder]}/{runs.METRICS}: {why}")
        if any(logs):
            found[label] = [lines for lines in logs if lines]
    notes = []
    if len(found) > figures.MOST_CURVES:
        left = len(found) - figures.MOST_CURVES
        notes.append(
            f"The curves are of the first {figures.MOST_CURVES} kinds of runs in the"
            f" table; {left} more are not drawn."
        )
        found = dict(list(found.items())[: figures.MOST_CURVES])
    drawn = []
    for metric in METRICS:
        try:
            drawn += _picture(metric, found)
        except Exception as error:  # of a value, a font or the drawing library
            problems.append(
                f"The curves of {metric.words.lower()} could not be drawn"
                f" ({type(error).__name__}: {error})."
            )
    keys = {label: words for label, words in keys.items() if label in found}
    return Curves(drawn, keys if drawn else {}, notes, problems)


def _picture(metric: Metric, found: dict[str, list[Lines]]) -> list[Picture]:
    curves = {
        label: [curve for lines in logs if (curve := _curve(metric, lines))[0]]
        for label, logs in found.items()
    }
    curves = {label: members for label, members in curves.items() if members}
    values = [v for members in curves.values() for _, values in members for v in values]
    if not values or (metric.name == "sparsity" and max(values) == 0):
        return []
    unit = f" ({metric.unit})" if metric.unit else ""
    figure = figures.curves(
        curves,
        f"{metric.words.lower()}{unit}",
        log=metric.log,
        accuracy=metric.name == "accuracy",
    )
    ends = [f"{label} {_end(members)}" for label, members in curves.items()]
    alt = f"{metric.words}{unit} over steps. At the end: {', '.join(ends)}."
    return [pictures.drawn(figure, alt, metric.words)]


def _curve(metric: Metric, lines: Lines) -> tuple[list[int], list[float]]:
    chosen = [
        line
        for line in lines
        if line.get("split") == metric.split and line.get(metric.name) is not None
    ]
    values = [metric.scale * line[metric.name] for line in chosen]
    return [line["step"] for line in chosen], values


def _end(members: list[tuple[list[int], list[float]]]) -> str:
    last = [values[-1] for _, values in members]
    return f"{math.fsum(last) / len(last):.3g}"
