"""Checks C2.1 to C2.10 of paper 2, and what was found.

The thresholds were set before anything was measured here. The thesis' own numbers are
not to be had, but for the model five times smaller of its abstract.
"""

from collections.abc import Callable

import numpy as np

from analysis.studies.claims import Claim, judged
from analysis.studies.dead_units import units, weights
from analysis.studies.dead_units.joint_claims import joint_claims
from analysis.studies.dead_units.parts import rank_correlation
from analysis.studies.dead_units.runs import Measured, Part
from analysis.studies.dead_units.scales import TOLERANCE
from analysis.studies.dead_units.shrink_claims import shrink_claims
from analysis.studies.dead_units.weights import ALL, MAGNITUDE

MOST = 0.8
"""Of the seeds in which C2.2 must hold."""


def claims(measured: Measured) -> list[Claim]:
    """All of them."""
    return [
        *_single_weights(measured),
        *_many_weights(measured),
        *_units(measured),
        *_replacement(measured),
        *shrink_claims(measured.shrunk),
        *_accumulation(measured),
        *joint_claims(measured),
    ]


def _single_weights(measured: Measured) -> list[Claim]:
    """C2.1: the least over stages and layers, of each seed."""
    least, margins, norms = [], [], []
    for parts in zip(*measured.weights.values(), strict=True):
        each = [rho for part in parts for rho in part["correlation"].values()]
        ours = [scores[weights.ABS] for scores in each]
        theirs = [scores[MAGNITUDE] for scores in each]
        least.append(_least(ours))
        margins.append(
            _least([_minus(a, b) for a, b in zip(ours, theirs, strict=True)])
        )
        norms.append(_least(theirs))
    return [
        judged(
            "C2.1",
            "one weight: |w g| ranks as the oracle does (Spearman >= 0.85; least over"
            " stages and layers)",
            "",
            least,
            lambda value: value >= 0.85,
        ),
        judged(
            "C2.1m",
            "and better than magnitude (by, least)",
            "",
            margins,
            lambda value: value > 0,
        ),
        judged("-", "one weight: magnitude (Spearman, least)", "", norms),
    ]


def _many_weights(measured: Measured) -> list[Claim]:
    """C2.2 to C2.5, of the whole trained network unless said otherwise."""
    trained = measured.weights[_last(measured)]
    started = measured.weights[str(measured.stages[0])]

    def rise(part: Part, score: str, fraction: float, target: str = ALL) -> float:
        losses = part["pruned"][target][score]["loss"]
        return losses[measured.fractions.index(fraction)] - part["loss"]

    def gap(part: Part, worse: str, better: str, fraction: float) -> float:
        return rise(part, worse, fraction) - rise(part, better, fraction)

    halves = [f for f in (0.5, 0.8) if f in measured.fractions]
    gaps = [
        min(gap(p, weights.ABS, MAGNITUDE, f) for f in halves) for p in trained
    ]  # fmt: skip
    held = [value > 0 for value in gaps]
    beaten = [_beaten(part, measured.fractions) for part in trained]
    return [
        Claim(
            "C2.2",
            "half or 0.8 of all weights: magnitude raises the loss less than |w g|"
            " (>= 80 % of seeds; by, nats)",
            gaps,
            "",
            sum(held) >= MOST * len(held),
            held,
        ),
        judged(
            "C2.3",
            "a fifth: signed w g raises it at least 3 times as much as |w g| (beyond"
            " 3 times, nats)",
            "",
            [
                rise(p, weights.SIGNED, 0.2) - 3 * rise(p, weights.ABS, 0.2)
                for p in trained
            ],
            lambda value: value >= 0,
        ),
        judged(
            "C2.3i",
            "at initialisation a fifth by signed w g changes the loss by (nats)",
            "below 0",
            [rise(part, weights.SIGNED, 0.2) for part in started],
        ),
        *(
            judged(
                "C2.4",
                f"half: {words} raises the loss less than |w g|, by (nats)",
                "",
                [gap(part, weights.ABS, name, 0.5) for part in trained],
            )
            for words, name in (
                ("|w (Hw)|", weights.PRODUCT_ABS),
                ("|second-order Taylor|", weights.SECOND_ABS),
            )
        ),
        judged(
            "C2.5",
            "up to a half, each layer and all: magnitude and absolute scores beat"
            " random (fraction of cells; all)",
            "",
            beaten,
            lambda value: value == 1,
        ),
    ]


def _beaten(part: Part, fractions: list[float]) -> float:
    """The fraction of cells (score, target, fraction <= 0.5) where random is worse."""
    better = (MAGNITUDE, weights.ABS, weights.PRODUCT_ABS, weights.SECOND_ABS)
    found = [
        scores[name]["loss"][i] < scores[weights.RANDOM]["loss"][i]
        for scores in part["pruned"].values()
        for name in better
        for i, fraction in enumerate(fractions)
        if fraction <= 0.5
    ]
    return sum(found) / len(found)


def _units(measured: Measured) -> list[Claim]:
    """C2.6."""
    trained = measured.unit_scores[_last(measured)]
    started = measured.unit_scores[str(measured.stages[0])]

    def least(parts: list[Part], name: str) -> list[float | None]:
        return [_least(list(correlations(part, name).values())) for part in parts]

    def margin(part: Part) -> float | None:
        ours, theirs = (correlations(part, n) for n in (units.SALIENCY, units.NORM))
        return _least([_minus(ours[group], theirs[group]) for group in ours])

    return [
        judged(
            "C2.6",
            "units: one backward pass ranks as mean replacement does (Spearman of MRS"
            " and |MRP| >= 0.8; least over layers)",
            "",
            least(trained, units.SALIENCY),
            lambda value: value >= 0.8,
        ),
        judged(
            "C2.6n",
            "and better than the norm (by, least)",
            "",
            [margin(part) for part in trained],
            lambda value: value > 0,
        ),
        judged(
            "C2.6i",
            "and at initialisation, above 0 (least)",
            "",
            least(started, units.SALIENCY),
            lambda value: value > 0,
        ),
        judged(
            "C2.6c",
            "constant units have MRS < 1e-6 of the largest (largest quotient)",
            "",
            [_constant(part) for part in trained],
            lambda value: value < 1e-6,
            "a seed has no constant unit",
        ),
        judged(
            "-",
            "units: the norm (Spearman with |MRP|, least)",
            "",
            least(trained, units.NORM),
        ),
        judged(
            "-",
            "MRS and |MRP| before the activation (Spearman, least)",
            "",
            [_before(part) for part in trained],
        ),
    ]


def correlations(part: Part, name: str) -> dict[str, float | None]:
    """Group -> rank correlation of a score with the mean replacement penalty."""
    return {
        group: rank_correlation(part["scores"][name][group], np.abs(penalty))
        for group, penalty in part["penalty"].items()
    }


def _before(part: Part) -> float | None:
    penalty, saliency = (part["before"][n] for n in (units.PENALTY, units.SALIENCY))
    return _least([rank_correlation(penalty[g], saliency[g]) for g in penalty])


def _constant(part: Part) -> float | None:
    """The largest saliency of a constant unit over the largest of its group."""
    found = [
        max(x for x, flat in zip(values, part["constant"][group], strict=True) if flat)
        / max(values)
        for group, values in part["scores"][units.SALIENCY].items()
        if any(part["constant"][group]) and max(values) > 0
    ]
    return max(found, default=None)


def _replacement(measured: Measured) -> list[Claim]:
    """C2.7."""
    trained = measured.unit_scores[_last(measured)]
    fractions = measured.fractions

    def cells(part: Part, holds: Callable[[float], bool]) -> float:
        found = [
            ways["mean"]["loss"][i] <= ways["removal"]["loss"][i]
            for target, scores in part.items()
            if target != ALL
            for ways in scores.values()
            for i, fraction in enumerate(fractions)
            if holds(fraction)
        ]
        return sum(found) / len(found)

    return [
        judged(
            "C2.7",
            "one unit: |mean replacement| <= |removal| (>= 85 % of units)",
            "",
            [_no_worse(part) for part in trained],
            lambda value: value >= 0.85,
        ),
        judged(
            "C2.7c",
            "up to half of a layer: the mean is no worse than removal (>= 90 % of"
            " fractions, layers and scores)",
            "",
            [cells(part, lambda f: f <= 0.5) for part in measured.removal],
            lambda value: value >= 0.9,
        ),
        judged(
            "C2.7h",
            "and at 0.8 in (fraction of layers and scores)",
            "",
            [cells(part, lambda f: f == 0.8) for part in measured.removal],
        ),
    ]


def _no_worse(part: Part) -> float:
    pairs = [
        abs(a) <= abs(b)
        for group, penalty in part["penalty"].items()
        for a, b in zip(penalty, part["removal"][group], strict=True)
    ]
    return sum(pairs) / len(pairs)


def _accumulation(measured: Measured) -> list[Claim]:
    """C2.10."""
    first, *_ = measured.dead
    counted = measured.dead[first]
    early, late = (
        [units.num_dead(part, TOLERANCE) for part in counted[step]]
        for step in (str(measured.stages[1]), _last(measured))
    )
    return [
        judged(
            "C2.10",
            f"dead units accumulate (|MRP| < {TOLERANCE:g}: more at step"
            f" {_last(measured)} than at {measured.stages[1]}, by)",
            "",
            [b - a for a, b in zip(early, late, strict=True)],
            lambda value: value > 0,
        ),
        *(
            judged(
                "-",
                f"dead units at the end with {name}, of"
                f" {units.num_units(steps[_last(measured)][0])}",
                "",
                [units.num_dead(part, TOLERANCE) for part in steps[_last(measured)]],
            )
            for name, steps in measured.dead.items()
        ),
    ]


def _last(measured: Measured) -> str:
    return str(measured.stages[-1])


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def _least(values: list[float | None]) -> float | None:
    """None where one is not known, as of ranks of what is constant."""
    return None if None in values else min(values)
