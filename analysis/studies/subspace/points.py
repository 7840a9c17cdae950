"""What kind of point a network is within its mask, by the numbers of its analysis."""

from collections.abc import Callable
from typing import Any

from analysis.studies.subspace.curvature import NEGATIVE

STEEP = 0.01
"""Of the objective: a smaller fall is none. Of l1: a lower eigenvalue is a saddle's."""

KINDS = ("slope", "saddle", "flat", "minimum")

Analysis = dict[str, Any]
"""The result of `curvature.analyse`."""


def kind(analysis: Analysis) -> str:
    """One of `KINDS`, by the rules of `text.NOTES`."""
    inside, limit = analysis["inside"], STEEP * abs(analysis["objective"])
    lowest, scale = inside["smallest"][0], abs(inside["largest"])
    if inside["down"]["fall"] >= limit:
        return "slope"
    if lowest < -STEEP * scale or fall_along_eigenvectors(inside) >= limit:
        return "saddle"
    rounding = NEGATIVE * scale if inside["exact"] else 1e-6 * scale
    return "flat" if lowest < -rounding else "minimum"


def fall_along_eigenvectors(side: dict[str, Any]) -> float:
    """The largest one; `side` is "inside" or "outside" of an analysis."""
    return max((each["fall"] for each in side["eigenvectors"]), default=0.0)


def fraction_fallen(side: str) -> Callable[[Analysis], float]:
    """The fall along minus the gradient of one side, as a fraction of the objective."""
    return lambda analysis: analysis[side]["down"]["fall"] / analysis["objective"]
