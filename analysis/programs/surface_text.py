"""The surface program's result in words: title, axes and description."""

import math
from typing import Any

from analysis.programs.text import describe_data
from landscape.tables import counted

IN_PLANE = 1e-6
"""Fraction of the variance that is rounding of the states."""


def title(result: dict[str, Any]) -> str:
    """The plane, the examples and batch norm, in one line."""
    kind = {
        "random": f"random directions, filter-normalised, {result['subspace']} space",
        "through": "plane through three runs",
        "eigenvectors": f"two leading eigenvectors, {result['subspace']} space",
        "trajectory": "principal axes of the training trajectory",
    }[result["plane"]]
    return f"{kind}, {describe_data(result)}"


def axes(result: dict[str, Any]) -> tuple[str, str]:
    """Labels of the horizontal and the vertical axis."""
    if result["plane"] == "random":
        return "alpha (filter norms)", "beta (filter norms)"
    if result["plane"] == "eigenvectors":
        first, second = result["eigenvalues"]
        along = "distance along eigenvector"
        return f"{along} 1 ({first:.3g})", f"{along} 2 ({second:.3g})"
    if result["plane"] == "through":
        return "distance along run 1 to run 2", "distance orthogonal to it"
    fractions = zip(("first", "second"), result["explained"], strict=True)
    return tuple(
        f"{n} principal axis ({100 * fraction:.0f} % of the variance)"
        for n, fraction in fractions
    )


def describe(result: dict[str, Any]) -> str:
    """The result in words; the objective is data loss + L2, in nats."""
    at = ", ".join(f"{x:.3g}" for x in result["minimum_at"])
    lines = [
        f"{title(result)}.",
        f"Objective from {result['minimum']:.4g}, at ({at}), to"
        f" {result['maximum']:.4g}.",
    ]
    if result["plane"] == "trajectory":
        lines.append(_explained(result))
    if result["plane"] == "through" and not result["same_masks"]:
        lines.append(
            "The runs have different masks: the plane is in no sparse subspace."
        )
    if result["not_finite"]:
        points = counted(result["not_finite"], "point")
        lines.append(f"Not finite at {points} (left white).")
    return "\n".join(lines)


def _explained(result: dict[str, Any]) -> str:
    """How much of a trajectory its plane holds."""
    count, explained = len(result["names"]), sum(result["explained"])
    if explained > 1 - IN_PLANE:
        return f"All {count} states lie in the plane."
    return (
        f"The two axes explain {_percent(explained)} of the variance of {count}"
        f" states (of a random walk in many dimensions"
        f" {_percent(random_walk(count))}); only the last state is in the plane, the"
        " others are projected."
    )


def _percent(fraction: float) -> str:
    """Never rounded up to all."""
    return f"{100 * fraction:.{1 if fraction > 0.99 else 0}f} %"


def random_walk(count: int) -> float:
    """The fraction of variance on two principal axes of as many states of a walk.

    In many dimensions the Gram matrix of `count` states, about their mean, has
    eigenvalues in proportion to 1 / sin(pi k / 2 count)^2.

    >>> round(random_walk(3), 6), round(random_walk(1000), 2)
    (1.0, 0.76)
    """
    leading = sum(math.sin(math.pi * k / (2 * count)) ** -2 for k in (1, 2))
    return leading / (2 / 3 * (count**2 - 1))
