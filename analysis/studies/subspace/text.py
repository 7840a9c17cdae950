"""What the study of the sparse subspace prints beside its claims."""

from collections.abc import Callable, Iterable

from analysis.studies.difficulty.solutions import SOLUTIONS
from analysis.studies.subspace.curvature import NEGATIVE
from analysis.studies.subspace.points import (
    KINDS,
    STEEP,
    Analysis,
    fall_along_eigenvectors,
    fraction_fallen,
    kind,
)
from analysis.studies.subspace.runs import POINTS, Measured
from landscape.tables import format_table, spread

NOTES = f"""\
Numbers are mean +- standard deviation over seeds; of the objective (data loss + L2, in
nats, batch norm with its stored statistics), in float64. in: the kept entries; out: the
pruned weights, where they are zero. l1, low: largest and most negative eigenvalue; < 0:
the count below -{NEGATIVE:g} l1, where all are computed. fall: how far the objective
falls along minus the gradient of that part, or along one of the lowest eigenvectors
(on both sides), at the best distance. minimised: after L-BFGS within the mask. Within
it a point is a slope if the objective falls by {100 * STEEP:g} % of itself along minus
the gradient; else a saddle if it does so along an eigenvector or low < -{STEEP:g} l1;
else flat if an eigenvalue is negative beyond rounding; else a minimum. A ReLU at
exactly zero counts with derivative 0, as in training."""

COLUMNS: dict[str, Callable[[Analysis], float | None]] = {
    "objective": lambda analysis: analysis["objective"],
    "data loss": lambda analysis: analysis["data_loss"],
    "|g| in": lambda analysis: analysis["inside"]["gradient_norm"],
    "|g| out": lambda analysis: analysis["outside"]["gradient_norm"],
    "l1 in": lambda analysis: analysis["inside"]["largest"],
    "low in": lambda analysis: analysis["inside"]["smallest"][0],
    "< 0": lambda analysis: analysis["inside"]["num_negative"],
    "fall in": lambda analysis: analysis["inside"]["down"]["fall"],
    "by vector": lambda analysis: fall_along_eigenvectors(analysis["inside"]),
    "fall out": lambda analysis: analysis["outside"]["down"]["fall"],
    "low out": lambda analysis: next(iter(analysis["outside"]["smallest"]), None),
    "by vector out": lambda analysis: (
        fall_along_eigenvectors(analysis["outside"])
        if analysis["outside"]["smallest"]
        else None
    ),
}
SHOWN = {"trained": "trained", "settled": "minimised"}


def table(measured: Measured) -> str:
    """A row a sparsity, solution and point."""
    rows = []
    for key in measured.sparsities_used:
        for name in SOLUTIONS:
            for point in POINTS:
                analyses = measured.looks[point][name][key]
                numbers = [list(map(column, analyses)) for column in COLUMNS.values()]
                cells = [
                    "-" if None in values else spread(values, ".2g")
                    for values in numbers
                ]
                rows.append([key, name, SHOWN[point], *cells, _kinds(analyses)])
    header = ["sparsity", "solution", "point", *COLUMNS, "inside it is"]
    return format_table(header, rows)


def _kinds(analyses: Iterable[Analysis]) -> str:
    """How many points are of which kind."""
    kinds = [kind(analysis) for analysis in analyses]
    return ", ".join(f"{kinds.count(word)} {word}" for word in KINDS if word in kinds)


def sentences(measured: Measured) -> str:
    """The numbers in sentences, one a line, at the highest sparsity."""
    high = measured.sparsities_used[-1]
    lines = []
    for name in SOLUTIONS:
        trained, settled = (measured.looks[point][name][high] for point in POINTS)
        inside, outside, after = (
            spread([100 * fraction_fallen(side)(each) for each in analyses], ".2g")
            for side, analyses in (
                ("inside", trained),
                ("outside", trained),
                ("outside", settled),
            )
        )
        ends = zip(trained, settled, strict=True)
        less = spread([100 * (1 - b["objective"] / a["objective"]) for a, b in ends])
        lines += [
            f"{name}, at {high}: within the mask {_kinds(trained)}. The objective falls"
            f" along minus the gradient by {inside} % within the mask and by"
            f" {outside} % along the pruned weights.",
            f"  L-BFGS within the mask lowers it by {less} %, to points that are"
            f" {_kinds(settled)}; from there it falls by {after} % along the pruned"
            " weights.",
        ]
    return "\n".join(lines)
