"""Checks C1.1 to C1.10 of paper 1, each as a claim that holds or does not.

A claim about paths holds if it holds for every seed; the table says for how many. The
thresholds were set before anything was measured here.
"""

from collections.abc import Callable, Sequence
from statistics import mean, stdev

import numpy as np

from analysis.studies.claims import Claim, judged
from analysis.studies.difficulty.runs import Measured

NOTES = """\
Numbers are mean +- standard deviation over seeds. Objective = cross-entropy + L2 term;
rise: largest increase from a point of a path to the next; barrier: above the worse end.
Here a pruned weight is zero in the L2 term too; in the paper's it still counts."""


def claims(measured: Measured) -> list[Claim]:
    """All of them, in the paper's order; see the module."""
    keys = measured.sparsities_used
    low, high = keys[0], keys[-1]
    paths = measured.paths

    def per_seed(number: Callable[..., float], names: Sequence[str], at=(high,)):
        """number(*paths of a seed), the largest over the sparsities `at`."""
        seeds = range(len(paths[names[0]][high]))
        return [
            float(
                np.max(
                    [number(*(paths[name][key][seed] for name in names)) for key in at]
                )
            )
            for seed in seeds
        ]

    init = ("ID-1", "IS-1")
    limit = 0.02 if measured.has_norm else 0.01
    quadratic, cubic = "quadratic, sparse", "cubic, sparse"
    return [
        accuracy_gap(measured, low, high),
        judged(
            "C1.2",
            "dense and lottery start to pruned: downhill (rise <= 1 % of the start)",
            "<= 0.0013",
            per_seed(_relative_rise, init, keys),
            lambda value: value <= 0.01,
        ),
        judged(
            "C1.3",
            f"new start to pruned: downhill (rise <= {100 * limit:g} % of the start)",
            "<= 0.0013",
            per_seed(_relative_rise, ("IS-2",), keys),
            lambda value: value <= limit,
        ),
        straight_barrier(measured, keys),
        judged(
            "C1.5",
            "sparse quadratic keeps a barrier, lower than the line's (2 to 50 % of it)",
            "0.17",
            per_seed(_ratio("barrier"), (quadratic, "linear")),
            lambda value: 0.02 <= value <= 0.5,
        ),
        judged(
            "C1.6",
            "sparse cubic does not remove it (>= 50 % of the quadratic's)",
            "0.95",
            per_seed(_ratio("barrier"), (cubic, quadratic)),
            lambda value: value >= 0.5,
        ),
        judged(
            "C1.6m",
            "but is lower on average (mean at most the quadratic's)",
            "0.90",
            per_seed(_ratio("mean"), (cubic, quadratic)),
            lambda value: value <= 1,
        ),
        dense_curve(paths["quadratic, dense"][high], paths[quadratic][high]),
        judged(
            "C1.8",
            "plateau, then drop: half of it is lost after t = 0.5 on all init lines",
            "0.65",
            per_seed(
                lambda *found: np.min([half(each) for each in found]),
                (*init, "IS-2"),
            ),
            lambda value: value > 0.5,
        ),
        judged(
            "C1.8d",
            "and later from the dense start than from the lottery start (by, in t)",
            "0.23",
            per_seed(lambda dense, lottery: half(dense) - half(lottery), init),
            lambda value: value > 0,
        ),
        *from_zeros(measured),
        Claim(
            "C1.10",
            "cross-entropy alone from the dense start: climbs by (nats)",
            per_seed(lambda found: climb(found["losses"], found["ts"]), ("ID-1",)),
            "0.18",
            None,
        ),
        Claim(
            "-",
            "mean |gradient| at the solutions, inside the mask",
            [v for name in measured.gradient for v in measured.gradient[name][high]],
            "4e-6",
            None,
        ),
        Claim(
            "-",
            "line from pruned to lottery: barrier",
            per_seed(lambda found: found["barrier"], ("lottery",)),
            "",
            None,
        ),
    ]


def total(found: dict) -> np.ndarray:
    """The objective along a path, on [0, 1]."""
    ts = np.array(found["ts"])
    values = np.add(found["losses"], found["l2"])
    return values[(ts >= 0) & (ts <= 1)]


def half(found: dict) -> float:
    """The t at which half of what a line loses is lost, interpolated.

    >>> half({"ts": [0, 0.5, 1], "losses": [2.0, 2.0, 0.0], "l2": [0.0, 0.0, 0.0]})
    0.75
    """
    values = total(found)
    ts = np.array([t for t in found["ts"] if 0 <= t <= 1])
    level = (values[0] + values[-1]) / 2
    below = np.flatnonzero(values <= level)
    if not len(below) or below[0] == 0:
        return float("nan")
    i = below[0]
    share = (values[i - 1] - level) / (values[i - 1] - values[i])
    return float(ts[i - 1] + share * (ts[i] - ts[i - 1]))


def climb(losses: Sequence[float], ts: Sequence[float]) -> float:
    """The largest climb from a point in [0, 1] to a later one.

    >>> climb([3.0, 1.0, 2.0, 0.0], [0, 0.3, 0.6, 1])
    1.0
    """
    inside = [x for t, x in zip(ts, losses, strict=True) if 0 <= t <= 1]
    return float((np.array(inside) - np.minimum.accumulate(inside)).max())


def _relative_rise(*found: dict) -> float:
    return float(np.max([each["rise"] / total(each)[0] for each in found]))


def _ratio(name: str) -> Callable[[dict, dict], float]:
    def ratio(above: dict, below: dict) -> float:
        return above[name] / below[name] if below[name] else float("inf")

    return ratio


def accuracy_gap(measured: Measured, low: str, high: str) -> Claim:
    """C1.1: pruned above scratch, by two pooled deviations, and more so if sparser."""
    pruned, scratch = (measured.accuracy[name] for name in ("pruned", "scratch"))
    gaps = {key: np.subtract(pruned[key], scratch[key]) for key in (low, high)}
    groups = [pruned[high], scratch[high]]
    pooled = (mean(stdev(g) ** 2 for g in groups) ** 0.5) if len(groups[0]) > 1 else 0.0
    grows = low == high or gaps[high].mean() > gaps[low].mean()
    holds = gaps[high].mean() >= 2 * pooled and grows
    points = (100 * gaps[high]).tolist()
    words = (
        f"pruned is more accurate than scratch at {high} (points; twice the pooled"
        f" deviation is {200 * pooled:.2g}; at {low} {100 * gaps[low].mean():.2g})"
    )
    return Claim("C1.1", words, points, "13.2", bool(holds and gaps[high].mean() > 0))


def dense_curve(dense: list[dict], sparse: list[dict]) -> Claim:
    """C1.7: through all dimensions there is a way without a barrier."""
    values = [found["barrier"] for found in dense]
    held = [
        value <= max(0.05, 0.05 * other["barrier"])
        for value, other in zip(values, sparse, strict=True)
    ]
    words = "dense quadratic removes it (<= 5 % of the sparse one's, or <= 0.05 nats)"
    return Claim("C1.7", words, values, "0", all(held), held)


def straight_barrier(measured: Measured, keys: Sequence[str]) -> Claim:
    """C1.4: high, by what training lost, or with batch norm by what the ends differ."""
    values = []
    for seed in range(len(measured.paths["linear"][keys[-1]])):
        shares = []
        for key in keys:
            linear = measured.paths["linear"][key][seed]
            start = total(measured.paths["ID-1"][key][seed])
            ends = total(linear)[[0, -1]]
            apart = abs(ends[1] - ends[0])
            lost = start[0] - start[-1]
            shares.append(linear["barrier"] / (apart if measured.has_norm else lost))
        values.append(float(np.min(shares)))
    least = 10 if measured.has_norm else 0.3
    what = "the ends' difference" if measured.has_norm else "what training lost"
    words = f"line from pruned to scratch: a high barrier (>= {least} of {what})"
    paper = "5.7" if measured.has_norm else "0.75"
    return judged("C1.4", words, paper, values, lambda value: value >= least)


def from_zeros(measured: Measured) -> list[Claim]:
    """C1.9: a dense training gets over an initialisation of zeros, up to a point."""
    dense = np.mean(measured.zeros["0"])
    accuracy = {float(k): float(np.mean(v)) for k, v in measured.zeros.items()}
    drops = (100 * (np.array(measured.zeros["0"]) - measured.zeros["0.95"])).tolist()
    collapsed = [share for share, value in accuracy.items() if value < dense / 2]
    first = min(collapsed, default=float("nan"))
    return [
        Claim(
            "C1.9",
            "dense training from 95 % zeros loses at most a point (points lost)",
            drops,
            "0",
            mean(drops) <= 1,
        ),
        Claim(
            "C1.9c",
            "and collapses (to half) only from 99 % zeros on (first collapse)",
            [first],
            "0.999",
            None if not collapsed else first >= 0.99,
        ),
    ]
