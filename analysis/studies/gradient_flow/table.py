"""The table: accuracy, ensemble and disagreement of each row, beside the published."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analysis.studies.gradient_flow import agreement
from analysis.studies.gradient_flow.published import PUBLISHED, Published
from landscape.tables import format_table, spread

HEADER = (
    "network", "varies", "seeds", "test accuracy (%)", "ensemble (%)", "disagreement",
    "with pruned", "parameters",
)  # fmt: skip


def numbers(
    logits: np.ndarray, labels: np.ndarray, pruned: np.ndarray
) -> dict[str, Any]:
    """What a row of the table says.

    Args:
      logits: of the networks of the row, [S, N, C].
      labels: of the test examples, [N].
      pruned: predictions of the pruned network, [N].

    Returns:
      `accuracy` of each network; `ensemble`, of all together, and `disagreement`, of
      each pair, unless there is one network alone; `with_pruned`, the disagreement of
      each with the pruned one.
    """
    each = agreement.classes(logits)
    several = len(each) > 1
    together = agreement.accuracy(agreement.ensemble(logits), labels)
    return {
        "accuracy": [agreement.accuracy(one, labels) for one in each],
        "ensemble": together if several else None,
        "disagreement": agreement.pairwise(each),
        "with_pruned": [agreement.disagreement(one, pruned) for one in each],
    }


def gain(row: Mapping[str, Any]) -> float | None:
    """What a row's ensemble is above the mean of its networks, in points.

    >>> round(gain({"accuracy": [0.96, 0.97], "ensemble": 0.98}), 6)
    1.5
    """
    if row["ensemble"] is None:
        return None
    return 100 * (row["ensemble"] - float(np.mean(row["accuracy"])))


def format_rows(table: Mapping[str, Mapping[str, Any]], with_published: bool) -> str:
    """The rows as text; with the published numbers each cell is "ours / published".

    Args:
      table: name of a row -> `numbers`, and `varies` and `parameters` (of each network
        those that are not zero).
      with_published: whether they are of the same network and data.
    """
    lines = []
    for name, row in table.items():
        theirs = PUBLISHED.get(name) if with_published else None
        percent = [100 * value for value in row["accuracy"]]
        together = [] if row["ensemble"] is None else [100 * row["ensemble"]]
        itself = name == "pruned"
        ours = (
            spread(percent, ".2f"),
            spread(together, ".2f"),
            spread(_mean(row["disagreement"]), ".4f"),
            spread([] if itself else row["with_pruned"], ".4f"),
        )
        cells = [
            f"{a} / {b}" if b else a
            for a, b in zip(ours, _published(theirs), strict=True)
        ]
        size = f"{min(row['parameters']):,}"
        lines.append([name, row["varies"], str(len(percent)), *cells, size])
    return format_table(HEADER, lines)


def _mean(values: Sequence[float]) -> list[float]:
    """Of pairs the mean alone: they are not independent."""
    return [float(np.mean(values))] if values else []


def _published(theirs: Published | None) -> list[str]:
    """The four cells of the published row, "" where there is none."""
    if theirs is None:
        return [""] * 4
    accuracy = f"{theirs.accuracy:.2f}"
    if theirs.deviation is not None:
        accuracy += f" +- {theirs.deviation:.2f}"
    rest = (
        (theirs.ensemble, ".2f"), (theirs.disagreement, ".4f"),
        (theirs.with_pruned, ".4f"),
    )  # fmt: skip
    return [accuracy, *("" if x is None else f"{x:{spec}}" for x, spec in rest)]
