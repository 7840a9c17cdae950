"""Text of the saliency program: what each score finds, and the next command."""

import math
from dataclasses import replace
from typing import Any

from analysis.programs.text import describe_data
from landscape import runs
from landscape.cli import command
from landscape.tables import counted, format_table

SHOWN = (0.2, 0.5, 0.8, 0.95)
"""Fractions removed, in the table."""
HALF = 0.5
"""The fraction removed at which scores are told apart in words."""
ALL_LAYERS = "all layers"
CLOSE = 0.01
"""Rank correlations that differ by less are named together."""
PLAIN = {"magnitude": "magnitude", "taylor1_abs": "first-order Taylor, |w g|"}
"""Scores that are always spoken of, and their words."""


def title(result: dict[str, Any]) -> str:
    """What is looked at, in one line."""
    rows = result["by_layer"].values()
    kept, size = (sum(row[k] for row in rows) for k in ("kept", "size"))
    weights = f"{counted(kept, 'weight')}" + (f" of {size:,}" if kept < size else "")
    data = describe_data(result)
    return (
        f"{weights} in {counted(len(rows), 'layer')}, loss {result['loss']:.4g}, {data}"
    )


def describe(result: dict[str, Any]) -> str:
    """The result in words and tables."""
    return "\n".join(
        [
            f"{title(result)}.",
            _guessing(result),
            "",
            _nothing(result),
            "",
            _correlations(result),
            _best(result),
            "",
            _increases(result),
            _removal(result),
        ]
    )


def _guessing(result: dict[str, Any]) -> str:
    """How the loss compares with that of equal odds for all classes."""
    if "classes" not in result:
        # Written before it was part of a result.
        return ""
    classes, loss = result["classes"], result["loss"]
    guess = math.log(classes)
    line = f"Guessing, with equal odds for {classes} classes, has loss ln {classes} ="
    line += f" {guess:.4g}"
    if not loss > guess:
        return f"{line}."
    return (
        f"{line}: this network is worse, as many are before training. What makes its"
        " outputs smaller then lowers the loss, whichever weights go: read the orders"
        " of single weights, not the loss when many are removed."
    )


def _nothing(result: dict[str, Any]) -> str:
    """How many weights do nothing, by layer."""
    rows = [
        [
            name,
            f"{row['kept']:,}",
            f"{row['evaluated']:,}",
            f"{row['nothing']:,}",
            f"{row['zero']:,}",
            f"{row['rounding']:.1g}",
        ]
        for name, row in result["by_layer"].items()
    ]
    table = format_table(
        ["layer", "kept", "removed one by one", "do nothing", "exactly", "rounding"],
        rows,
    )
    rows = result["by_layer"].values()
    nothing, all_ = (sum(row[k] for row in rows) for k in ("nothing", "evaluated"))
    return (
        f"{table}\n{nothing:,} of {counted(all_, 'weight')} ({_percent(nothing, all_)})"
        f" {'does' if nothing == 1 else 'do'} nothing: without one the loss changes by"
        " no more than rounding (nats; the largest difference of some changes from"
        " whole forward passes in float64); exactly: not at all."
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _correlations(result: dict[str, Any]) -> str:
    layers = result["by_layer"]
    rows = [
        [name, sign, *(_number(row["correlations"][name]) for row in layers.values())]
        for name, sign in result["oracle"].items()
    ]
    return (
        f"{format_table(['score', 'oracle', *layers], rows)}\n"
        "Spearman's rank correlation with the change of the loss at the removal of each"
        " weight: in magnitude (absolute), or, of a score that has negative values, as"
        " it is (signed). -: one of the two is constant."
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _best(result: dict[str, Any]) -> str:
    """Which scores agree with the oracle best, and how magnitude and Taylor do."""
    lines = []
    for sign, order in (("absolute", "do nothing"), ("signed", "can go at a gain")):
        names = [name for name, own in result["oracle"].items() if own == sign]
        for layer, row in result["by_layer"].items():
            found = {name: row["correlations"][name] for name in names}
            found = {k: v for k, v in found.items() if v is not None}
            if not found:
                continue
            top = max(found.values())
            best = [k for k, v in found.items() if v > top - CLOSE]
            others = [
                f"{words} {_number(found[name])}"
                for name, words in PLAIN.items()
                if name in found and name not in best
            ]
            lines.append(
                f"{layer}: weights that {order} are found best by {' and '.join(best)}"
                f" ({_number(top)}{'; ' if others else ''}{', '.join(others)})."
            )
    return "\n".join(
        lines or ["No score orders the weights of a layer as the loss does."]
    )


def _increases(result: dict[str, Any]) -> str:
    at = [result["fractions"].index(f) for f in SHOWN]
    rows = [
        [name, *(f"{rows[ALL_LAYERS][i]:+.3g}" for i in at)]
        for name, rows in result["increase"].items()
    ]
    header = ["score", *(f"{100 * f:.0f} % removed" for f in SHOWN)]
    return (
        f"{format_table(header, rows)}\nChange of the loss (nats) when that fraction of"
        " the kept weights of every layer, those of lowest score, is removed at once,"
        " without retraining; by layer: result.json."
    )


def _removal(result: dict[str, Any]) -> str:
    """Which score removes half of all weights at the smallest rise of the loss."""
    at = result["fractions"].index(HALF)
    rises = {name: rows[ALL_LAYERS][at] for name, rows in result["increase"].items()}
    rises = {name: rise for name, rise in rises.items() if rise == rise}
    if not rises:
        return ""
    best = min(rises, key=rises.__getitem__)
    others = [
        f"{words} {rises[name]:+.3g}"
        for name, words in (PLAIN | {"at_random": "at random"}).items()
        if name in rises and name != best
    ]
    beside = f" ({', '.join(others)})" if others else ""
    return (
        f"When half of all weights are removed together, the loss is lowest by {best}:"
        f" {rises[best]:+.3g}{beside}."
    )


def next_command(config: Any) -> str:
    """The end of a run whose beginning was looked at; else its units."""
    ref = runs.parse(config.run)
    if ref.step == 0:
        later = replace(config, run=str(ref._replace(step=None)))
        return command("analysis.saliency", later, positional=("run",))
    units = {"data_dir": config.data_dir, "output": config.output}
    flags = "".join(f" --{k.replace('_', '-')} {v}" for k, v in units.items() if v)
    return f"python -m analysis.units {config.run}{flags}"
