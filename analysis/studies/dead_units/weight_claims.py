"""Checks C2.1 to C2.5 of paper 2: scores of weights."""

from analysis.studies.claims import Claim, judged
from analysis.studies.dead_units import weights
from analysis.studies.dead_units.parts import least, minus
from analysis.studies.dead_units.runs import Measured, Part
from analysis.studies.dead_units.weights import ALL, MAGNITUDE

MOST = 0.8
"""Of the seeds in which C2.2 must hold."""


def weight_claims(measured: Measured) -> list[Claim]:
    """All of them."""
    return [*_single_weights(measured), *_many_weights(measured)]


def _single_weights(measured: Measured) -> list[Claim]:
    """C2.1: the least over stages and layers, of each seed."""
    lowest, margins, norms = [], [], []
    for parts in zip(*measured.weights.values(), strict=True):
        each = [rho for part in parts for rho in part["correlation"].values()]
        ours = [scores[weights.ABS] for scores in each]
        theirs = [scores[MAGNITUDE] for scores in each]
        lowest.append(least(ours))
        margins.append(least([minus(a, b) for a, b in zip(ours, theirs, strict=True)]))
        norms.append(least(theirs))
    return [
        judged(
            "C2.1",
            "one weight: |w g| ranks as the oracle does (Spearman >= 0.85; least over"
            " stages and layers)",
            "",
            lowest,
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
    trained = measured.weights[measured.last]
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
        *(
            judged(
                "C2.3i",
                f"at initialisation {fraction:g} by signed w g changes the loss by"
                " (nats)",
                "below 0",
                [rise(part, weights.SIGNED, fraction) for part in started],
            )
            for fraction in (0.05, 0.2)
            if fraction in measured.fractions
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
