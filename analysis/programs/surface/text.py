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
    return f"{kind}; {describe_data(result)}"


def axes(result: dict[str, Any]) -> tuple[str, str]:
    """Labels of the horizontal and the vertical axis."""
    if result["plane"] == "random":
        return "alpha (filter norms)", "beta (filter norms)"
    if result["plane"] == "through":
        return "distance from the first run to the second", "orthogonal distance"
    from landscape import figures  # Which takes a second to load.

    return figures.plane_axes(result["eigenvalues"], result["explained"])


def describe(result: dict[str, Any]) -> str:
    """The result in words; the objective is data loss + L2, in nats."""
    at = ", ".join(f"{x:.3g}" for x in result["minimum_at"])
    first = f"{title(result)}."
    lines = [
        first[0].upper() + first[1:],
        f"Objective from {result['minimum']:.4g} nats, at ({at}){_accuracy(result)}, to"
        f" {result['maximum']:.4g} nats.",
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


def _accuracy(result: dict[str, Any]) -> str:
    if "accuracy_at_minimum" not in result:
        return ""
    split, value = result["split"], 100 * result["accuracy_at_minimum"]
    return f" with {split} accuracy {value:.1f} %"


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
