"""What the study prints beside its claims."""

import shlex
from collections.abc import Mapping
from typing import Any

from analysis.studies.gradient_flow.runs import Measured
from analysis.studies.gradient_flow.table import format_rows
from landscape.tables import format_table, spread

TABLE = """\
Accuracies are of the test split: mean +- standard deviation over the networks of a row.
Ensemble: the mean of their softmax. Disagreement: the fraction of the test examples on
which two networks differ, mean over pairs; with pruned: that of each with the pruned
network. parameters: those that are not zero, the least of the row."""
PUBLISHED = (
    "After the stroke: the published number (LeNet-5 on MNIST at 95 %,"
    " arXiv:2010.03533)."
)
FLOW = """\
Gradients and Hessians are of the data loss within the mask, biases included, over the
first training examples; negative: below -1e-5 of the largest eigenvalue before."""
SWEEP = """\
Test accuracies in percent, mean +- standard deviation over seeds. Equal FLOPs: every
training takes a quarter of the dense one's (forward and backward passes of kept weights
and, where a method needs them, gradients of all); in brackets its steps, as a multiple
of the sweep's own. Left out there: what takes the mask of another run."""


def tables(measured: Measured) -> list[str]:
    """The tables of what was measured."""
    if measured.sweep:
        both = (("equal steps", measured.sweep), ("equal FLOPs", measured.equal))
        return [_accuracies(title, found) for title, found in both]
    found = [format_rows(measured.table, measured.with_published)]
    found += [PUBLISHED] if measured.with_published else []
    found += [_initial(measured)] if measured.initial else []
    return found + ([_updates(measured)] if measured.updates else [])


def notes(measured: Mapping[str, Any]) -> str:
    """How the numbers are to be read; of the content of result.json."""
    if measured["sweep"]:
        return SWEEP
    return f"{TABLE}\n{FLOW}" if measured["updates"] else TABLE


def following(compared: list[str]) -> str:
    """The command that looks between the pruned network and another."""
    return shlex.join(["python", "-m", "analysis.path", *compared])


def _initial(measured: Measured) -> str:
    rows = [
        [f"{mask} mask", *(spread(values) for values in by.values())]
        for mask, by in measured.initial.items()
    ]
    header = ["gradient at step 0, weights scaled by", *measured.initial["static"]]
    return format_table(header, rows)


def _updates(measured: Measured) -> str:
    rows = [
        [
            str(each["update"]),
            f"{each['replaced']:,} of {each['before']['size']:,}",
            *(
                f"{each[which]['negative']}, {each[which]['smallest']:.2g}"
                for which in ("before", "rigl", "random")
            ),
        ]
        for each in measured.updates
    ]
    header = [
        "mask update at step", "weights replaced",
        "before: negative eigenvalues, smallest", "after RigL's", "after a random one",
    ]  # fmt: skip
    return format_table(header, rows)


def _accuracies(title: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    keys = sorted({key for by in found.values() for key in by}, key=sparsity_of)
    rows = []
    for name, by in found.items():
        row = [name]
        for key in keys:
            part = by.get(key)
            cell = "" if part is None else _percent(part["accuracy"])
            if part and "factor" in part:
                cell += f" ({part['factor']:.2f})"
            row.append(cell)
        rows.append(row)
    return format_table([title, *(_column(key) for key in keys)], rows)


def sparsity_of(key: str) -> float:
    """The sparsity that a key of the sweep names.

    >>> sparsity_of("0.9"), sparsity_of("1:4")
    (0.9, 0.75)
    """
    n, colon, m = key.partition(":")
    return 1 - int(n) / int(m) if colon else float(key)


def _column(key: str) -> str:
    return key if ":" in key else f"{100 * float(key):g} %"


def _percent(values: list[float]) -> str:
    return spread([100 * value for value in values], ".2f")
