"""What the study prints beside its claims."""

import shlex

from analysis.studies.gradient_flow.runs import Measured
from analysis.studies.gradient_flow.table import format_rows

NOTES = """\
Accuracies are of the test split: mean +- standard deviation over the networks of a row.
Ensemble: the mean of their softmax. Disagreement: the fraction of the test examples on
which two networks differ, mean over pairs; with pruned: that of each with the pruned
network. parameters: those that are not zero, the least of the row."""

PUBLISHED = (
    "Beside ours, after the stroke, the published number (LeNet-5 on MNIST at 95 %,"
    " arXiv:2010.03533)."
)


def tables(measured: Measured) -> list[str]:
    """The tables of what was measured."""
    found = [format_rows(measured.table, measured.with_published)]
    return [*found, PUBLISHED] if measured.with_published else found


def following(example: list[str]) -> str:
    """The command that looks between the pruned network and another."""
    return shlex.join(["python", "-m", "analysis.path", *example])
