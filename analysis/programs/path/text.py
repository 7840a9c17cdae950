"""The path program's results in words: title, description, and a table of several."""

from typing import Any

from analysis.programs.text import describe_data, short_names
from landscape.tables import format_table

ROUNDING = 1e-6
"""Of an objective, relative: smaller changes are no rise."""
SHAPES = {
    "line": "straight line",
    "quadratic": "quadratic curve",
    "cubic": "cubic curve",
}


def shape(result: dict[str, Any]) -> str:
    """The kind of path, the space of a curve, and whether units are aligned.

    >>> shape({"kind": "cubic", "subspace": "dense", "align": False})
    'cubic curve, dense space'
    """
    space = {"sparse": ", sparse subspace", "dense": ", dense space"}
    inside = "" if result["kind"] == "line" else space[result["subspace"]]
    return f"{SHAPES[result['kind']]}{inside}{', aligned' if result['align'] else ''}"


def title(result: dict[str, Any]) -> str:
    """The path and the data, in one line."""
    return f"{shape(result)}; {describe_data(result)}"


def describe(result: dict[str, Any]) -> str:
    """The result in words; the objective is data loss + L2, in nats."""
    totals = _totals(result)
    start, end = (totals[result["ts"].index(t)] for t in (0.0, 1.0))
    first = f"{title(result)}."
    lines = [
        first[0].upper() + first[1:],
        f"Objective {start:.4g} nats at t = 0, {end:.4g} at t = 1.",
        verdict(result),
        f"Above the chord {result['barrier_chord']:.4g} nats, above the mean of the"
        f" ends {result['barrier_mean']:.4g}, at the midpoint"
        f" {result['barrier_midpoint']:.4g}.",
    ]
    if "barrier_before_alignment" in result:
        lines.append(
            "Loss barrier before alignment:"
            f" {result['barrier_before_alignment']:.4g} nats."
        )
    return "\n".join(lines)


def verdict(result: dict[str, Any]) -> str:
    """Whether there is a barrier, how high and where, in a sentence.

    >>> result = {"ts": [0.0, 0.5, 1.0], "losses": [0.1, 0.9, 0.2], "l2": [0.0] * 3}
    >>> result |= {"accuracies": [1.0, 0.5, 0.9], "barrier": 0.7, "ascent": 0.8}
    >>> verdict(result | {"t_max": 0.5})
    'Loss barrier 0.7 nats at t = 0.50 (train accuracy 90.0 % -> 50.0 %).'
    """
    barrier, ascent = result["barrier"], result["ascent"]
    inside = [
        y for t, y in zip(result["ts"], _totals(result), strict=True) if 0 <= t <= 1
    ]
    # Means over examples in single precision differ by this much by themselves.
    rounding = ROUNDING * max(map(abs, inside))
    if max(inside) - min(inside) <= rounding:
        return "The loss is constant from t = 0 to t = 1, to rounding."
    if ascent <= rounding:
        return "No barrier: the loss never rises from t = 0 to t = 1."
    if barrier <= rounding:
        return (
            "No barrier: the loss never exceeds its endpoints (it rises by"
            f" {ascent:.4g} nats at most on the path)."
        )
    return (
        f"Loss barrier {barrier:.4g} nats at t = {result['t_max']:.2f}{_fall(result)}."
    )


def _fall(result: dict[str, Any]) -> str:
    """From the accuracy of the worse end to that at the barrier."""
    if "accuracies" not in result:
        return ""
    at = dict(zip(result["ts"], result["accuracies"], strict=True))
    worse, there = 100 * min(at[0.0], at[1.0]), 100 * at[result["t_max"]]
    split = result.get("split", "train")
    return f" ({split} accuracy {worse:.1f} % -> {there:.1f} %)"


def several(result: dict[str, Any]) -> str:
    """A row for each of several paths, whose results are `result["paths"]`."""
    results = result["paths"]
    names = short_names([r[end] for r in results for end in ("run_a", "run_b")])
    rows = []
    for i, result in enumerate(results):
        at = dict(zip(result["ts"], result["accuracies"], strict=True))
        worse, there = 100 * min(at[0.0], at[1.0]), 100 * at[result["t_max"]]
        rows.append(
            [
                *names[2 * i : 2 * i + 2],
                shape(result),
                result.get("split", "train"),
                f"{result['barrier']:.4f}",
                f"{result['t_max']:.2f}",
                f"{worse:.1f} -> {there:.1f} %",
            ]
        )
    head = ["t = 0", "t = 1", "path", "split", "barrier", "at t", "accuracy"]
    note = (
        "barrier: of the objective, in nats above the worse end; accuracy: of the worse"
        " end -> at the barrier."
    )
    return f"{format_table(head, rows)}\n{note}"


def _totals(result: dict[str, Any]) -> list[float]:
    return [x + y for x, y in zip(result["losses"], result["l2"], strict=True)]
