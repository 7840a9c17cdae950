"""Checks C2.6, C2.7 and C2.10 of paper 2: scores of units, and dead ones."""

from collections.abc import Callable

import numpy as np

from analysis.programs.ranks import rank_correlation
from analysis.studies.claims import Claim, judged
from analysis.studies.dead_units import units
from analysis.studies.dead_units.parts import least, minus
from analysis.studies.dead_units.runs import Measured, Part
from analysis.studies.dead_units.scales import NORMED, TOLERANCE
from analysis.studies.dead_units.weights import ALL


def unit_claims(measured: Measured) -> list[Claim]:
    """C2.6 and C2.7."""
    return [*_units(measured), *_replacement(measured)]


def _units(measured: Measured) -> list[Claim]:
    """C2.6."""
    trained = measured.unit_scores[measured.last]
    started = measured.unit_scores[str(measured.stages[0])]

    def of(parts: list[Part], name: str) -> list[float | None]:
        return [least(list(correlations(part, name).values())) for part in parts]

    def margin(part: Part) -> float | None:
        ours, theirs = (correlations(part, n) for n in (units.SALIENCY, units.NORM))
        return least([minus(ours[group], theirs[group]) for group in ours])

    return [
        judged(
            "C2.6",
            "units: one backward pass ranks as mean replacement does (Spearman of MRS"
            " and |MRP| >= 0.8; least over layers)",
            "",
            of(trained, units.SALIENCY),
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
            of(started, units.SALIENCY),
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
            of(trained, units.NORM),
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
    return least([rank_correlation(penalty[g], saliency[g]) for g in penalty])


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
    trained = measured.unit_scores[measured.last]
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
            "-",
            "where the mean is worse, up to half, by at most (nats)",
            "",
            [_excess(part, fractions) for part in measured.removal],
        ),
        judged(
            "C2.7h",
            "and at 0.8 in (fraction of layers and scores)",
            "",
            [cells(part, lambda f: f == 0.8) for part in measured.removal],
        ),
    ]


def _excess(part: Part, fractions: list[float]) -> float:
    """The most by which the mean is worse than removal, up to half of a layer."""
    return max(
        ways["mean"]["loss"][i] - ways["removal"]["loss"][i]
        for target, scores in part.items()
        if target != ALL
        for ways in scores.values()
        for i, fraction in enumerate(fractions)
        if fraction <= 0.5
    )


def _no_worse(part: Part) -> float:
    pairs = [
        abs(a) <= abs(b)
        for group, penalty in part["penalty"].items()
        for a, b in zip(penalty, part["removal"][group], strict=True)
    ]
    return sum(pairs) / len(pairs)


def dead_claims(measured: Measured) -> list[Claim]:
    """C2.10, and C2.10n where batch norm was trained, too."""
    first, *_ = measured.dead
    counted = measured.dead[first]
    early, late = (
        [units.num_dead(part, TOLERANCE) for part in counted[step]]
        for step in (str(measured.stages[1]), measured.last)
    )
    return [
        judged(
            "C2.10",
            f"dead units accumulate (|MRP| < {TOLERANCE:g}: more at step"
            f" {measured.last} than at {measured.stages[1]}, by)",
            "",
            [b - a for a, b in zip(early, late, strict=True)],
            lambda value: value > 0,
        ),
        *_normed(measured, first),
        *(
            judged(
                "-",
                f"dead units at the end with {name}, of"
                f" {units.num_units(steps[measured.last][0])}",
                "",
                [units.num_dead(part, TOLERANCE) for part in steps[measured.last]],
            )
            for name, steps in measured.dead.items()
        ),
        *(
            judged(
                "-",
                f"constant units at the end with {name}",
                "",
                [_num_constant(part) for part in steps[measured.last]],
            )
            for name, steps in measured.dead.items()
        ),
    ]


def _normed(measured: Measured, judged_one: str) -> list[Claim]:
    """C2.10n; expected as batch norm centres what a unit rectifies."""
    with_norm = measured.dead.get(f"{judged_one}{NORMED}")
    if with_norm is None:
        return []
    without, with_ = (
        [units.num_dead(part, TOLERANCE) for part in steps[measured.last]]
        for steps in (measured.dead[judged_one], with_norm)
    )
    return [
        judged(
            "C2.10n",
            "and at the end there are fewer with batch norm than without (fewer by)",
            "",
            [a - b for a, b in zip(without, with_, strict=False)],
            lambda value: value > 0,
        )
    ]


def _num_constant(part: Part) -> int:
    return sum(int(np.sum(flat)) for flat in part["constant"].values())
