"""What the study of paper 2 prints beside its claims."""

import shlex
from typing import Any

from analysis.studies.dead_units.runs import Measured
from analysis.studies.dead_units.scales import TOLERANCE
from analysis.studies.dead_units.shrink_claims import fraction, lost
from landscape.tables import format_table, spread

NOTES = f"""\
Numbers are mean +- standard deviation over seeds; losses are of the first training
examples in nats, accuracies of the test split. w g: weight times gradient; w (Hw):
times its Hessian product; MRP: the loss change when a unit is replaced by its mean
output (after the activation), MRS: its first order, all units from one backward pass.
A unit is dead if |MRP| < {TOLERANCE:g}. An eigenvalue is near zero below a thousandth
of the largest in magnitude, and negative below -1e-5 of it. U1 to U3 and
C2.10n are judged by expectations that were written down before they were measured."""


def tables(measured: Measured) -> list[str]:
    """One for each network that was made smaller."""
    return [_shrunk(name, seeds) for name, seeds in measured.shrunk.items()]


def _shrunk(name: str, seeds: list[dict[str, Any]]) -> str:
    rows = []
    for key in seeds[0]:
        each = [(seed, seed[key]) for seed in seeds]

        def times(read, each=each):
            return spread([read(seed["dense"]) / read(x) for seed, x in each], ".3g")

        rows.append(
            [
                key,
                spread([100 * fraction(seed, key) for seed, _ in each], ".3g"),
                spread([100 * x["accuracy"] for _, x in each], ".2f"),
                spread([lost(seed, key) for seed, _ in each], ".2f"),
                times(lambda x: x["flops"]),
                times(lambda x: x["latency"]["1"]),
                times(lambda x: x["latency"]["128"]),
            ]
        )
    header = [
        name, "parameters (%)", "accuracy (%)", "points lost", "FLOPs, times fewer",
        "batch 1, times faster", "batch 128, times faster",
    ]  # fmt: skip
    return format_table(header, rows)


def following(run: str) -> str:
    """The command that looks at a run's units."""
    return shlex.join(["python", "-m", "analysis.units", run])
