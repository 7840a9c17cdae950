"""The surface program's result in words: title, axes and description."""

from typing import Any

from analysis.programs.text import describe_data


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
        explained = 100 * sum(result["explained"])
        lines.append(
            f"The two axes explain {explained:.0f} % of the variance of"
            f" {len(result['names'])} states (of a random walk in many dimensions also"
            " about three quarters); only the last state is in the plane, the others"
            " are projected."
        )
    if result["plane"] == "through" and not result["same_masks"]:
        lines.append(
            "The runs have different masks: the plane is in no sparse subspace."
        )
    if result["not_finite"]:
        lines.append(f"Not finite at {result['not_finite']} points (left white).")
    return "\n".join(lines)
