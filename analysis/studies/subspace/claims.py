"""Hypotheses about the landscape inside the mask and around it, and what was found.

H1 to H4 and their thresholds were set before anything was measured. The numbers that
are only reported came with the first look, which showed that the solutions are not yet
stationary within their masks.
"""

from collections.abc import Callable
from typing import Any

from analysis.studies.claims import Claim, judged
from analysis.studies.difficulty.runs import SOLUTIONS
from analysis.studies.subspace.look import NEGATIVE
from analysis.studies.subspace.runs import POINTS, Measured
from landscape.cli import format_table, spread

STEEP = 0.01
"""Of the objective: a fall of less is none. Of l1: a lower eigenvalue is a saddle's."""

WORDS = ("slope", "saddle", "flat", "minimum")

NOTES = f"""\
Numbers are mean +- standard deviation over seeds; of the objective (data loss + L2, in
nats, batch norm with its stored statistics), in float64. in: the kept entries; out: the
pruned weights, where they are zero. l1, low: largest and most negative eigenvalue; < 0:
how many are below -{NEGATIVE:g} l1, where all are computed. fall: how far the objective
falls along minus the gradient of that part, or along one of the lowest eigenvectors
(each way), at the best distance. settled: where L-BFGS leads within the mask. Within it
a point is a slope if the objective falls by {100 * STEEP:g} % of itself along minus the
gradient; else a saddle if it does so along an eigenvector or low < -{STEEP:g} l1; else
flat if an eigenvalue is negative beyond rounding; else a minimum. A ReLU at exactly
zero counts with derivative 0, as in training."""


def kind(look: dict[str, Any]) -> str:
    """What a point is within its mask, by the rules of `NOTES`."""
    inside, limit = look["inside"], STEEP * abs(look["objective"])
    lowest, scale = inside["smallest"][0], abs(inside["largest"])
    if inside["down"]["fall"] >= limit:
        return "slope"
    if lowest < -STEEP * scale or _fall(inside) >= limit:
        return "saddle"
    rounding = NEGATIVE * scale if inside["exact"] else 1e-6 * scale
    return "flat" if lowest < -rounding else "minimum"


def _fall(side: dict[str, Any]) -> float:
    """The largest fall along an eigenvector."""
    return max((each["fall"] for each in side["eigenvectors"]), default=0.0)


def claims(measured: Measured) -> list[Claim]:
    """All of them; see the module."""
    high = measured.sparsities_used[-1]

    def worst(number: Callable[[dict], float], of=max, point="trained"):
        looks = measured.looks[point].values()
        seeds = range(len(measured.looks[point]["pruned"][high]))
        return [
            of(number(found[seed]) for looked in looks for found in looked.values())
            for seed in seeds
        ]

    def gap(number: Callable[[dict], float], point="trained"):
        looks = measured.looks[point]
        pairs = zip(looks["scratch"][high], looks["pruned"][high], strict=True)
        return [number(scratch) - number(pruned) for scratch, pruned in pairs]

    def settled():
        shares = {name: [] for name in SOLUTIONS}
        for name, found in shares.items():
            ends = (measured.looks[point][name][high] for point in POINTS)
            for before, after in zip(*ends, strict=True):
                found.append(1 - after["objective"] / before["objective"])
        return shares

    lowered = settled()
    return [
        judged(
            "H1",
            "inside: near-minima (most negative eigenvalue <= 1 % of l1; worst)",
            "",
            worst(_negativity),
            lambda value: value <= 0.01,
        ),
        judged(
            "H2",
            "outside: not stationary (gradient >= 10 x that inside; least)",
            "",
            worst(
                lambda look: _ratio(
                    look["outside"]["gradient_norm"], look["inside"]["gradient_norm"]
                ),
                min,
            ),
            lambda value: value >= 10,
        ),
        judged(
            "H3",
            "outside: a way down along minus that gradient (>= 10 % of the objective;"
            " least)",
            "",
            worst(_share("outside"), min),
            lambda value: value >= 0.1,
        ),
        judged(
            "H4",
            f"and from scratch it falls further than from pruned (at {high}, nats)",
            "",
            gap(lambda look: look["outside"]["down"]["fall"]),
            lambda value: value > 0,
        ),
        judged(
            "-",
            "inside: falls along minus the gradient by (share; most)",
            "",
            worst(_share("inside")),
        ),
        *(
            judged(
                "-",
                f"L-BFGS within the mask takes off {name} (share, at {high})",
                "",
                lowered[name],
            )
            for name in SOLUTIONS
        ),
        judged(
            "-",
            f"scratch above pruned, objective as trained (at {high}, nats)",
            "",
            gap(lambda look: look["objective"]),
        ),
        judged(
            "-",
            f"scratch above pruned, objective settled (at {high}, nats)",
            "",
            gap(lambda look: look["objective"], "settled"),
        ),
        judged(
            "-",
            "settled, inside: most negative eigenvalue over l1 (worst)",
            "",
            worst(_negativity, point="settled"),
        ),
        judged(
            "-",
            "settled, outside: falls along minus the gradient by (share; least)",
            "",
            worst(_share("outside"), min, "settled"),
        ),
    ]


def _negativity(look) -> float:
    inside = look["inside"]
    return max(0.0, -inside["smallest"][0]) / abs(inside["largest"])


def _share(side: str) -> Callable[[dict], float]:
    return lambda look: look[side]["down"]["fall"] / look["objective"]


def _ratio(above: float, below: float) -> float:
    return above / below if below else float("inf")


COLUMNS: dict[str, Callable[[dict], float | None]] = {
    "objective": lambda look: look["objective"],
    "data loss": lambda look: look["data_loss"],
    "|g| in": lambda look: look["inside"]["gradient_norm"],
    "|g| out": lambda look: look["outside"]["gradient_norm"],
    "l1 in": lambda look: look["inside"]["largest"],
    "low in": lambda look: look["inside"]["smallest"][0],
    "< 0": lambda look: look["inside"]["num_negative"],
    "fall in": lambda look: look["inside"]["down"]["fall"],
    "by vector": lambda look: _fall(look["inside"]),
    "fall out": lambda look: look["outside"]["down"]["fall"],
    "low out": lambda look: next(iter(look["outside"]["smallest"]), None),
    "by vector out": lambda look: (
        _fall(look["outside"]) if look["outside"]["smallest"] else None
    ),
}


def table(measured: Measured) -> str:
    """A row a sparsity, solution and point."""
    rows = []
    for key in measured.sparsities_used:
        for name in SOLUTIONS:
            for point in POINTS:
                looks = measured.looks[point][name][key]
                numbers = [
                    [column(look) for look in looks] for column in COLUMNS.values()
                ]
                cells = [
                    "-" if None in values else spread(values, ".2g")
                    for values in numbers
                ]  # fmt: skip
                rows.append([key, name, point, *cells, _counted(map(kind, looks))])
    header = ["sparsity", "solution", "point", *COLUMNS, "inside it is"]
    return format_table(header, rows)


def _counted(kinds) -> str:
    kinds = list(kinds)
    found = [f"{kinds.count(word)} {word}" for word in WORDS if word in kinds]
    return ", ".join(found)


def sentences(measured: Measured) -> str:
    """What the numbers say, a sentence a line, at the highest sparsity."""
    high = measured.sparsities_used[-1]
    lines = []
    for name in SOLUTIONS:
        trained, settled = (measured.looks[point][name][high] for point in POINTS)
        inside, outside = (
            spread([100 * _share(side)(look) for look in trained], ".2g")
            for side in ("inside", "outside")
        )
        ends = zip(trained, settled, strict=True)
        less = spread([100 * (1 - b["objective"] / a["objective"]) for a, b in ends])
        out = spread([100 * _share("outside")(look) for look in settled], ".2g")
        lines += [
            f"{name}, at {high}: within the mask {_counted(map(kind, trained))}. One"
            f" straight way along minus the gradient lowers the objective by {inside} %"
            f" within the mask and by {outside} % along the pruned weights.",
            f"  L-BFGS within the mask lowers it by {less} %; what it reaches:"
            f" {_counted(map(kind, settled))}, from where the pruned weights' gradient"
            f" leads {out} % down.",
        ]
    return "\n".join(lines)
