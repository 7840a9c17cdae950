"""What was expected of the table and of what goes with it, each as a claim.

Every threshold was written down before a number was seen, with the published numbers
(arXiv:2010.03533, and arXiv:1911.11134 for RigL) as the only guide.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from analysis.studies.claims import Claim, judged
from analysis.studies.gradient_flow import claims_flow
from analysis.studies.gradient_flow.published import PUBLISHED
from analysis.studies.gradient_flow.table import gain

Table = Mapping[str, Mapping[str, Any]]

NEAR = 0.15
"""Points of test accuracy within which pruned and lottery are of the published ones."""
BELOW = 0.5
"""Points by which scratch is at least below pruned (published: 1.3 to 1.5)."""
NOTHING, SOMETHING = 0.15, 0.3
"""Points that the ensemble of five gains: at most of lottery and restart (published:
0.06 and 0.03), at least of scratch and of different pruned networks (0.77 to 1.24)."""


def claims(measured: Any) -> list[Claim]:
    """All of what was measured, a `runs.Measured`."""
    sweep, equal = (
        {
            name: {k: each["accuracy"] for k, each in by.items()}
            for name, by in of.items()
        }
        for of in (measured.sweep, measured.equal)
    )
    return [
        *of_table(measured.table, measured.with_published),
        *claims_flow.of_initial(measured.initial),
        *claims_flow.of_updates(measured.updates),
        *claims_flow.of_escape(measured.escape),
        *claims_flow.of_sweep(sweep, equal),
    ]


def of_table(table: Table, with_published: bool) -> list[Claim]:
    """C4.1 to C4.8; claims about rows that are not there are left out.

    Args:
      table: name of a row -> `table.numbers`.
      with_published: whether the network and the data are the published ones; else
        what compares with published accuracies is left out.
    """
    found = _accuracies(table) if with_published else []
    found += _below_pruned(table, "C4.2", ("scratch", "scratch, new"), BELOW, "1.5")
    return found + _disagreements(table) + _ensembles(table) + _others(table)


def _accuracies(table: Table) -> list[Claim]:
    return [
        judged(
            "C4.1",
            f"{name}: mean test accuracy near the published (within {NEAR} points; ours"
            " less theirs)",
            f"{PUBLISHED[name].accuracy}",
            [100 * _mean(table, name) - PUBLISHED[name].accuracy],
            lambda value: abs(value) <= NEAR,
        )
        for name in ("pruned", "lottery", "restart")
        if name in table
    ]


def _below_pruned(
    table: Table, number: str, names: tuple[str, ...], least: float, paper: str
) -> list[Claim]:
    return [
        judged(
            number,
            f"{name} is below pruned (mean test accuracy, >= {least:g} points)",
            paper,
            [100 * (_mean(table, "pruned") - _mean(table, name))],
            lambda value: value >= least,
        )
        for name in names
        if {"pruned", name} <= table.keys()
    ]


def _disagreements(table: Table) -> list[Claim]:
    found = []

    def ratio(number, words, paper, a, b, holds: Callable[[float], bool]):
        if all(name in table and table[name][key] for name, key in (a, b)):
            above, below = (float(np.mean(table[name][key])) for name, key in (a, b))
            value = above / below if below else None
            found.append(judged(number, words, paper, [value], holds))

    lottery, scratch, new = "lottery", "scratch", "scratch, new"
    ratio(
        "C4.3", "lottery and pruned disagree less than two scratch networks do (ratio"
        " < 1)", "0.28", (lottery, "with_pruned"), (scratch, "disagreement"),
        lambda value: value < 1,
    )  # fmt: skip
    ratio(
        "C4.4", "lottery networks agree with each other: their disagreement is at most"
        " half of that of scratch", "0.14", (lottery, "disagreement"),
        (scratch, "disagreement"), lambda value: value <= 0.5,
    )  # fmt: skip
    ratio(
        "C4.5", "scratch is as far from pruned as from another initialisation's scratch"
        " (0.5 to 1.5 of it)", "0.79", (new, "with_pruned"), (new, "disagreement"),
        lambda value: 0.5 <= value <= 1.5,
    )  # fmt: skip
    ratio(
        "C4.6", "the pruned network restarted stays as near to it as lottery (at most"
        " 1.2 of lottery's disagreement)", "0.87", ("restart", "with_pruned"),
        (lottery, "with_pruned"), lambda value: value <= 1.2,
    )  # fmt: skip
    return found


def _ensembles(table: Table) -> list[Claim]:
    """C4.7 and C4.8."""
    return [
        judged(
            number,
            f"the ensemble of {name} gains {words}",
            f"{_published_gain(name):.2f}",
            [gain(table[name])],
            holds,
        )
        for number, names, words, holds in (
            (
                "C4.7",
                ("lottery", "restart"),
                f"nothing (at most {NOTHING} points)",
                lambda value: value <= NOTHING,
            ),
            (
                "C4.8",
                ("scratch", "scratch, new", "pruned, new"),
                f"something (at least {SOMETHING} points)",
                lambda value: value >= SOMETHING,
            ),
        )
        for name in names
        if name in table and gain(table[name]) is not None
    ]


def _others(table: Table) -> list[Claim]:
    """C4.9 to C4.11: of the rows that the published table does not have."""
    found = []
    for number, better, worse in (
        ("C4.9", "rigl", "static"),
        ("C4.9", "set", "static"),
        ("C4.10", "pruned", "small-dense"),
        ("C4.10", "acdc", "static"),
    ):
        if {better, worse} <= table.keys():
            found.append(
                judged(
                    number,
                    f"{better} is better than {worse} (mean test accuracy, by, points)",
                    "",
                    [100 * (_mean(table, better) - _mean(table, worse))],
                    lambda value: value > 0,
                )
            )
    return found + _below_pruned(
        table, "C4.11", ("snip", "grasp", "synflow"), 0.1, ""
    )  # fmt: skip


def _mean(table: Table, name: str) -> float:
    return float(np.mean(table[name]["accuracy"]))


def _published_gain(name: str) -> float:
    return PUBLISHED[name].ensemble - PUBLISHED[name].accuracy
