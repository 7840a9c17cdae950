"""Checks C1.1 to C1.10 of paper 1, each a function from what was measured to a claim.

A claim about paths holds if it holds for every seed; the table says for how many. The
thresholds were set before anything was measured here.
"""

from statistics import mean, stdev

import numpy as np

from analysis.studies.claims import Claim, judged
from analysis.studies.difficulty.claims_norm import norm_modes
from analysis.studies.difficulty.path_numbers import (
    climb,
    half,
    per_seed,
    ratio,
    relative_rise,
    total,
)
from analysis.studies.difficulty.runs import Measured

NOTES = """\
Numbers are mean +- standard deviation over seeds. Objective = cross-entropy + L2 term;
rise: largest increase from a point of a path to the next; barrier: above the worse end.
Here a pruned weight is zero in the L2 term too; in the paper's it still counts."""

INIT = ("ID-1", "IS-1")
QUADRATIC, CUBIC = "quadratic, sparse", "cubic, sparse"


def accuracy_gap(measured: Measured) -> Claim:
    """C1.1: the gap is two pooled standard deviations, and grows with sparsity."""
    low, high = (measured.sparsities_used[i] for i in (0, -1))
    pruned, scratch = (measured.accuracy[name] for name in ("pruned", "scratch"))
    gaps = {key: np.subtract(pruned[key], scratch[key]) for key in (low, high)}
    groups = [pruned[high], scratch[high]]
    pooled = (mean(stdev(g) ** 2 for g in groups) ** 0.5) if len(groups[0]) > 1 else 0.0
    grows = low == high or gaps[high].mean() > gaps[low].mean()
    holds = gaps[high].mean() >= 2 * pooled and grows
    points = (100 * gaps[high]).tolist()
    words = (
        f"pruned is more accurate than scratch at {high} (points; twice the pooled"
        f" standard deviation is {200 * pooled:.2g}; at {low}"
        f" {100 * gaps[low].mean():.2g})"
    )
    return Claim("C1.1", words, points, "13.2", bool(holds and gaps[high].mean() > 0))


def first_lines(measured: Measured) -> Claim:
    """C1.2."""
    return judged(
        "C1.2",
        "dense and lottery initialisation to pruned: downhill (rise <= 1 % of t = 0)",
        "<= 0.0013",
        per_seed(measured, relative_rise, INIT, measured.sparsities_used),
        lambda value: value <= 0.01,
    )


def new_line(measured: Measured) -> Claim:
    """C1.3; twice the rise is allowed where there is batch norm."""
    limit = 0.02 if measured.has_norm else 0.01
    return judged(
        "C1.3",
        f"new initialisation to pruned: downhill (rise <= {100 * limit:g} % of t = 0)",
        "<= 0.0013",
        per_seed(measured, relative_rise, ("IS-2",), measured.sparsities_used),
        lambda value: value <= limit,
    )


def straight_barrier(measured: Measured) -> Claim:
    """C1.4: high, by what training lost, or with batch norm by what the ends differ."""
    keys = measured.sparsities_used
    values = []
    for seed in range(len(measured.paths["linear"][keys[-1]])):
        fractions = []
        for key in keys:
            linear = measured.paths["linear"][key][seed]
            start = total(measured.paths["ID-1"][key][seed])
            ends = total(linear)[[0, -1]]
            apart = abs(ends[1] - ends[0])
            lost = start[0] - start[-1]
            fractions.append(linear["barrier"] / (apart if measured.has_norm else lost))
        values.append(float(np.min(fractions)))
    least = 10 if measured.has_norm else 0.3
    what = "the ends' difference" if measured.has_norm else "what training lost"
    words = f"line from pruned to scratch: a high barrier (>= {least} of {what})"
    paper = "5.7" if measured.has_norm else "0.75"
    return judged("C1.4", words, paper, values, lambda value: value >= least)


def quadratic_barrier(measured: Measured) -> Claim:
    """C1.5."""
    return judged(
        "C1.5",
        "sparse quadratic keeps a barrier, lower than the line's (2 to 50 % of it)",
        "0.17",
        _quotients(measured, "barrier", QUADRATIC, "linear"),
        lambda value: 0.02 <= value <= 0.5,
    )


def cubic_barrier(measured: Measured) -> Claim:
    """C1.6."""
    return judged(
        "C1.6",
        "sparse cubic does not remove it (>= 50 % of the quadratic's)",
        "0.95",
        _quotients(measured, "barrier", CUBIC, QUADRATIC),
        lambda value: value >= 0.5,
    )


def cubic_mean(measured: Measured) -> Claim:
    """C1.6m."""
    return judged(
        "C1.6m",
        "but is lower on average (mean at most the quadratic's)",
        "0.90",
        _quotients(measured, "mean", CUBIC, QUADRATIC),
        lambda value: value <= 1,
    )


def _quotients(measured: Measured, name: str, above: str, below: str) -> list[float]:
    return per_seed(measured, lambda a, b: ratio(a[name], b[name]), (above, below))


def dense_curve(measured: Measured) -> Claim:
    """C1.7: through all dimensions there is a path without a barrier."""
    high = measured.sparsities_used[-1]
    dense, sparse = (
        [found["barrier"] for found in measured.paths[name][high]]
        for name in ("quadratic, dense", QUADRATIC)
    )
    held = [
        value <= max(0.05, 0.05 * other)
        for value, other in zip(dense, sparse, strict=True)
    ]
    words = "dense quadratic removes it (<= 5 % of the sparse one's, or <= 0.05 nats)"
    return Claim("C1.7", words, dense, "0", all(held), held)


def plateau(measured: Measured) -> Claim:
    """C1.8."""
    return judged(
        "C1.8",
        "plateau, then drop: half of it is lost after t = 0.5 on all init lines",
        "0.65",
        per_seed(
            measured,
            lambda *found: np.min([half(each) for each in found]),
            (*INIT, "IS-2"),
        ),
        lambda value: value > 0.5,
    )


def later_drop(measured: Measured) -> Claim:
    """C1.8d."""
    return judged(
        "C1.8d",
        "and later from the dense initialisation than from the lottery's (by, in t)",
        "0.23",
        per_seed(measured, lambda dense, lottery: half(dense) - half(lottery), INIT),
        lambda value: value > 0,
    )


def cost_of_zeros(measured: Measured) -> Claim:
    """C1.9: a dense training recovers from an initialisation of zeros."""
    drops = (100 * (np.array(measured.zeros["0"]) - measured.zeros["0.95"])).tolist()
    return Claim(
        "C1.9",
        "dense training from 95 % zeros loses at most a point (points lost)",
        drops,
        "0",
        mean(drops) <= 1,
    )


def collapse_from_zeros(measured: Measured) -> Claim:
    """C1.9c: up to a point."""
    dense = np.mean(measured.zeros["0"])
    accuracy = {float(k): float(np.mean(v)) for k, v in measured.zeros.items()}
    collapsed = sorted(zeros for zeros, value in accuracy.items() if value < dense / 2)
    return Claim(
        "C1.9c",
        "and collapses (to half) only from 99 % zeros on (first collapse)",
        collapsed[:1],
        "0.999",
        collapsed[0] >= 0.99 if collapsed else None,
    )


def entropy_alone(measured: Measured) -> Claim:
    """C1.10."""
    return judged(
        "C1.10",
        "cross-entropy alone from the dense initialisation: climbs by (nats)",
        "0.18",
        per_seed(measured, lambda found: climb(found["losses"], found["ts"]), INIT[:1]),
    )


def gradients(measured: Measured) -> Claim:
    """Whether the solutions are stationary within their masks."""
    high = measured.sparsities_used[-1]
    values = [v for found in measured.gradient.values() for v in found[high]]
    words = "mean |gradient| at the solutions, inside the mask"
    return judged("-", words, "4e-6", values)


def lottery_line(measured: Measured) -> Claim:
    """Whether the lottery solution lies in the basin of the pruned one."""
    values = per_seed(measured, lambda found: found["barrier"], ("lottery",))
    return judged("-", "line from pruned to lottery: barrier", "", values)


CLAIMS = (
    accuracy_gap, first_lines, new_line, straight_barrier, quadratic_barrier,
    cubic_barrier, cubic_mean, dense_curve, plateau, later_drop, cost_of_zeros,
    collapse_from_zeros, entropy_alone, gradients, lottery_line,
)  # fmt: skip
"""In the paper's order."""


def claims(measured: Measured) -> list[Claim]:
    """All of them; see the module."""
    return [claim(measured) for claim in CLAIMS] + norm_modes(measured)
