"""The spectrum program's results in words: title, and what was found."""

from typing import Any

from landscape.cli import format_table

SMALL = 4000
"""Parameters up to which --exact is proposed: seconds."""


def title(result: dict[str, Any]) -> str:
    layers = f" of {', '.join(result['layers'])}" if result["layers"] else ""
    l2 = " with L2 term" if result["include_l2"] else ""
    return (
        f"{result['operator']}{layers}{l2}, {result['subspace']} space,"
        f" {result['size']:,} parameters, {result['num_examples']} examples"
    )


def describe(result: dict[str, Any]) -> str:
    """What was found, in words."""
    largest, smallest = result["largest"][0], result["smallest"][0]
    lines = [
        f"{title(result)}.",
        f"Largest eigenvalue {largest:.6g}, smallest {smallest:.4g}; trace"
        f" {result['trace']:.4g}"
        + (f" +- {result['trace_error']:.2g}." if result["trace_error"] else "."),
        _near_zero(result),
    ]
    outliers = result["outliers"]
    three = (
        "too few eigenvalues for the gap, ratio and elbow"
        if outliers["gap"] is None
        else f"{outliers['gap']} by the largest gap, {outliers['ratio']} by the largest"
        f" ratio, {outliers['elbow']} by the elbow"
    )
    lines.append(
        f"Outliers at the large end: {three};"
        f" beyond the bulk's edge {outliers['beyond_bulk']} (from"
        f" {outliers['beyond_bulk_fewest']} to {outliers['beyond_bulk_most']})"
        + ("." if outliers["bulk_fits"] else "; the bulk has a tail, without an edge.")
    )
    if result["unconverged"]:
        lines.append(
            f"{result['unconverged']} of the extreme eigenvalues are not known to 1e-6"
            " of themselves: see their errors."
        )
    if not result["exact"] and smallest < 0 and -smallest < 1e-6 * largest:
        lines.append("The negative edge is within single precision's rounding of zero.")
    return "\n".join(lines)


def _near_zero(result: dict[str, Any]) -> str:
    words = "of the eigenvalues are within a thousandth of the largest of zero"
    share, error = result["share_near_zero"], result["share_near_zero_error"]
    spread = f" (+- {100 * error:.1f} over probes)" if error else ""
    if result["share_near_zero_bounds"] is None:
        return f"{100 * share:.1f} % {words}."
    low, high = (100 * bound for bound in result["share_near_zero_bounds"])
    return (
        f"{100 * share:.1f} % {words}{spread}; with {result['num_steps']} steps it may"
        f" be anything from {low:.1f} to {high:.1f} %."
    )


def describe_layers(result: dict[str, Any]) -> str:
    """Each layer's own spectrum, a row each."""
    found = result["by_layer"]
    traces = [layer["trace"] for layer in found.values()]
    total = sum(traces)
    # Of a sum with both signs there are no shares.
    shared = total and (min(traces) >= 0 or max(traces) <= 0)
    rows = [
        [
            name, f"{layer['size']:,}", f"{layer['largest'][0]:.4g}",
            f"{layer['smallest'][0]:.2g}", f"{layer['trace']:.4g}",
            f"{100 * layer['trace'] / total:.1f} %" if shared else "-",
            f"{100 * layer['share_near_zero']:.1f} %",
            f"{layer['outliers']['beyond_bulk']}",
        ]
        for name, layer in found.items()
    ]  # fmt: skip
    header = ["layer", "parameters", "largest", "smallest", "trace", "of all", "near 0"]
    lines = [
        f"{title(result)}.",
        format_table([*header, "outliers"], rows),
        "of all: of the layers' traces together; near 0: within a thousandth of the"
        " layer's own largest; outliers: beyond the edge of its bulk.",
    ]
    if result["skipped"]:
        few = ", ".join(result["skipped"])
        lines.append(f"Left out, with too few parameters kept: {few}.")
    return "\n".join(lines)


def following(config: Any, result: dict[str, Any]) -> str:
    """The next command to try, with what was asked for in this one."""
    words = ["python -m analysis.spectrum", config.run]
    operator = config.operator
    if not config.by_layer and operator == "hessian":
        operator = "gauss-newton"
    words += [f"--operator {operator}"] * (operator != "hessian")
    words += [f"--subspace {config.subspace}"] * (config.subspace != "sparse")
    if config.by_layer:
        tops = {name: each["largest"][0] for name, each in result["by_layer"].items()}
        steepest = max(tops, key=tops.get)
        small = result["by_layer"][steepest]["size"] <= SMALL
        words += [f"--layers {steepest}"]
        words += ["--exact"] * (small and not config.exact)
    elif operator == config.operator:
        words += ["--by-layer"]
    return " ".join(words)
