"""Hypotheses about the landscape inside the mask and around it, and what was found.

H1 to H4 and their thresholds were set before anything was measured. The numbers that
are only reported were added after the first results, which showed that the solutions
are not yet stationary within their masks.
"""

from collections.abc import Callable

from analysis.studies.claims import Claim, judged
from analysis.studies.difficulty.solutions import SOLUTIONS
from analysis.studies.subspace.points import Analysis, fraction_fallen
from analysis.studies.subspace.runs import POINTS, Measured


def near_minima(measured: Measured) -> Claim:
    """H1."""
    return judged(
        "H1",
        "inside: near-minima (most negative eigenvalue <= 1 % of l1; worst)",
        "",
        _extreme(measured, _negativity),
        lambda value: value <= 0.01,
    )


def gradient_outside(measured: Measured) -> Claim:
    """H2."""

    def number(analysis):
        inside, outside = (
            analysis[side]["gradient_norm"] for side in ("inside", "outside")
        )
        return outside / inside if inside else float("inf")

    return judged(
        "H2",
        "outside: not stationary (gradient >= 10 x that inside; least)",
        "",
        _extreme(measured, number, min),
        lambda value: value >= 10,
    )


def descent_outside(measured: Measured) -> Claim:
    """H3."""
    return judged(
        "H3",
        "outside: descent along minus that gradient (>= 10 % of the objective; least)",
        "",
        _extreme(measured, fraction_fallen("outside"), min),
        lambda value: value >= 0.1,
    )


def further_from_scratch(measured: Measured) -> Claim:
    """H4."""
    return judged(
        "H4",
        "and from scratch it falls further than from pruned"
        f" (at {measured.sparsities_used[-1]}, nats)",
        "",
        _gap(measured, lambda analysis: analysis["outside"]["down"]["fall"]),
        lambda value: value > 0,
    )


def descent_inside(measured: Measured) -> Claim:
    """Whether the solutions are stationary within their masks."""
    values = _extreme(measured, fraction_fallen("inside"))
    words = "inside: falls along minus the gradient by (fraction; largest)"
    return judged("-", words, "", values)


def minimised(measured: Measured) -> list[Claim]:
    """For each solution the fraction of the objective that L-BFGS removes."""
    high = measured.sparsities_used[-1]
    found = []
    for name in SOLUTIONS:
        ends = (measured.looks[point][name][high] for point in POINTS)
        values = [
            1 - after["objective"] / before["objective"]
            for before, after in zip(*ends, strict=True)
        ]
        words = f"L-BFGS within the mask lowers {name} by (fraction, at {high})"
        found.append(judged("-", words, "", values))
    return found


def gap_trained(measured: Measured) -> Claim:
    """How far scratch is above pruned."""
    high = measured.sparsities_used[-1]
    words = f"scratch above pruned, objective as trained (at {high}, nats)"
    return judged("-", words, "", _gap(measured, _objective))


def gap_minimised(measured: Measured) -> Claim:
    """And after L-BFGS."""
    high = measured.sparsities_used[-1]
    words = f"scratch above pruned, objective minimised (at {high}, nats)"
    return judged("-", words, "", _gap(measured, _objective, "settled"))


def negativity_minimised(measured: Measured) -> Claim:
    """H1 after L-BFGS."""
    values = _extreme(measured, _negativity, point="settled")
    words = "minimised, inside: most negative eigenvalue over l1 (worst)"
    return judged("-", words, "", values)


def descent_outside_minimised(measured: Measured) -> Claim:
    """H3 after L-BFGS."""
    values = _extreme(measured, fraction_fallen("outside"), min, "settled")
    words = "minimised, outside: falls along minus the gradient by (fraction; least)"
    return judged("-", words, "", values)


def claims(measured: Measured) -> list[Claim]:
    """All of them; see the module."""
    return [
        near_minima(measured),
        gradient_outside(measured),
        descent_outside(measured),
        further_from_scratch(measured),
        descent_inside(measured),
        *minimised(measured),
        gap_trained(measured),
        gap_minimised(measured),
        negativity_minimised(measured),
        descent_outside_minimised(measured),
    ]


def _extreme(
    measured: Measured,
    number: Callable[[Analysis], float],
    of: Callable = max,
    point: str = "trained",
) -> list[float]:
    """For each seed the extreme number over solutions and sparsities."""
    every = [
        seeds
        for sparsities in measured.looks[point].values()
        for seeds in sparsities.values()
    ]
    return [of(map(number, analyses)) for analyses in zip(*every, strict=True)]


def _gap(
    measured: Measured, number: Callable[[Analysis], float], point: str = "trained"
) -> list[float]:
    """For each seed the number of scratch less that of pruned, at the highest."""
    high = measured.sparsities_used[-1]
    scratch, pruned = (
        map(number, measured.looks[point][name][high]) for name in ("scratch", "pruned")
    )
    return [a - b for a, b in zip(scratch, pruned, strict=True)]


def _objective(analysis: Analysis) -> float:
    return analysis["objective"]


def _negativity(analysis: Analysis) -> float:
    inside = analysis["inside"]
    return max(0.0, -inside["smallest"][0]) / abs(inside["largest"])
