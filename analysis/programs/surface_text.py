"""The surface program's result in words: title, axes and what was found."""

from typing import Any

from analysis.programs.text import of_data


def title(result: dict[str, Any]) -> str:
    kind = {
        "random": f"random directions, filter-normalised, {result['subspace']} space",
        "through": "plane through three runs",
        "eigenvectors": f"two steepest eigenvectors, {result['subspace']} space",
        "trajectory": "principal axes of the training trajectory",
    }[result["plane"]]
    return f"{kind}, {of_data(result)}"


def axes(result: dict[str, Any]) -> tuple[str, str]:
    if result["plane"] == "random":
        return "alpha (filter lengths)", "beta (filter lengths)"
    if result["plane"] == "eigenvectors":
        first, second = result["eigenvalues"]
        along = "distance along eigenvector"
        return f"{along} 1 ({first:.3g})", f"{along} 2 ({second:.3g})"
    if result["plane"] == "through":
        return "distance along run 1 to run 2", "distance across"
    shares = (100 * share for share in result["explained"])
    return tuple(
        f"{n} principal axis ({share:.0f} % of the variance)"
        for n, share in zip(("first", "second"), shares, strict=True)
    )


def describe(result: dict[str, Any]) -> str:
    """What was found, in words; the objective is data loss + L2, in nats."""
    at = ", ".join(f"{x:.3g}" for x in result["minimum_at"])
    lines = [
        f"{title(result)}.",
        f"Objective from {result['minimum']:.4g}, at ({at}), to"
        f" {result['maximum']:.4g}.",
    ]
    if result["plane"] == "trajectory":
        share = 100 * sum(result["explained"])
        lines.append(
            f"The two axes hold {share:.0f} % of the variance of"
            f" {len(result['names'])} states (a random walk in many dimensions gives"
            " about three quarters, too); states but the last lie beside the plane."
        )
    if result["plane"] == "through" and not result["same_masks"]:
        lines.append("The runs have different masks: the plane leaves each subspace.")
    if result["not_finite"]:
        lines.append(f"Not finite at {result['not_finite']} points (left white).")
    return "\n".join(lines)
