"""Text of the spectrum program: title, results, and the next command."""

from typing import Any

from landscape.tables import format_table

SMALL = 4000
"""Parameters up to which --exact is proposed: it takes seconds."""


def title(result: dict[str, Any]) -> str:
    """Operator, layers, subspace, parameters and examples, in one line.

    Args:
      result: the content of result.json, here and below.
    """
    layers = f" of {', '.join(result['layers'])}" if result["layers"] else ""
    l2 = " with L2 term" if result["include_l2"] else ""
    return (
        f"{result['operator']}{layers}{l2}, {result['subspace']} space,"
        f" {result['size']:,} parameters, {result['num_examples']} examples"
    )


def describe(result: dict[str, Any]) -> str:
    """The results of one spectrum, a few lines."""
    largest, smallest = result["largest"][0], result["smallest"][0]
    lines = [
        f"{title(result)}.",
        f"Largest eigenvalue {largest:.6g}, smallest {smallest:.4g}; trace"
        f" {result['trace']:.4g}"
        + (f" +- {result['trace_error']:.2g}." if result["trace_error"] else "."),
        _near_zero(result),
        _outliers(result["outliers"]),
    ]
    if result["unconverged"]:
        lines.append(
            f"{result['unconverged']} of the extreme eigenvalues have not converged to"
            " a relative error of 1e-6: see their errors."
        )
    if not result["exact"] and smallest < 0 and -smallest < 1e-6 * largest:
        lines.append("The smallest eigenvalue is zero within single precision.")
    return "\n".join(lines)


def _near_zero(result: dict[str, Any]) -> str:
    fraction, error = result["share_near_zero"], result["share_near_zero_error"]
    spread = f" (+- {100 * error:.1f})" if error else ""
    text = (
        f"{100 * fraction:.1f} % of the eigenvalues are below a thousandth of the"
        f" largest in magnitude{spread}"
    )
    if result["share_near_zero_bounds"] is None:
        return f"{text}."
    low, high = (100 * bound for bound in result["share_near_zero_bounds"])
    return (
        f"{text}; {result['num_steps']} steps bound it to between {low:.1f} and"
        f" {high:.1f} %."
    )


def _outliers(counts: dict[str, Any]) -> str:
    three = (
        "too few eigenvalues for the gap, ratio and elbow"
        if counts["gap"] is None
        else f"{counts['gap']} by the largest gap, {counts['ratio']} by the largest"
        f" ratio, {counts['elbow']} by the elbow"
    )
    return (
        f"Outliers at the large end: {three};"
        f" beyond the bulk's edge {counts['beyond_bulk']} (from"
        f" {counts['beyond_bulk_fewest']} to {counts['beyond_bulk_most']})"
        + ("." if counts["bulk_fits"] else "; the bulk has a tail, without an edge.")
    )


def describe_layers(result: dict[str, Any]) -> str:
    """The spectra of all layers, one row each."""
    found = result["by_layer"]
    traces = [layer["trace"] for layer in found.values()]
    total = sum(traces)
    # Terms of both signs are not fractions of their sum.
    one_sign = total and (min(traces) >= 0 or max(traces) <= 0)
    rows = [
        [
            name, f"{layer['size']:,}", f"{layer['largest'][0]:.4g}",
            f"{layer['smallest'][0]:.2g}", f"{layer['trace']:.4g}",
            f"{100 * layer['trace'] / total:.1f} %" if one_sign else "-",
            f"{100 * layer['share_near_zero']:.1f} %",
            f"{layer['outliers']['beyond_bulk']}",
        ]
        for name, layer in found.items()
    ]  # fmt: skip
    header = ["layer", "parameters", "largest", "smallest", "trace", "of all", "near 0"]
    lines = [
        f"{title(result)}.",
        format_table([*header, "outliers"], rows),
        "of all: fraction of the sum of the layers' traces; near 0: below a thousandth"
        " of the layer's own largest in magnitude; outliers: beyond the edge of its"
        " bulk.",
    ]
    if result["skipped"]:
        names = ", ".join(result["skipped"])
        lines.append(f"Left out, since they keep too few parameters: {names}.")
    return "\n".join(lines)


def next_command(config: Any, result: dict[str, Any]) -> str:
    """The next command to try, with the options of this one.

    Args:
      config: `analysis.spectrum.Config`.
      result: of it.
    """
    words = ["python -m analysis.spectrum", config.run]
    operator = config.operator
    if not config.by_layer and operator == "hessian":
        operator = "gauss-newton"
    if operator != "hessian":
        words.append(f"--operator {operator}")
    if config.subspace != "sparse":
        words.append(f"--subspace {config.subspace}")
    if config.by_layer:
        tops = {name: each["largest"][0] for name, each in result["by_layer"].items()}
        sharpest = max(tops, key=tops.get)
        words.append(f"--layers {sharpest}")
        if result["by_layer"][sharpest]["size"] <= SMALL and not config.exact:
            words.append("--exact")
    elif operator == config.operator:
        words.append("--by-layer")
    return " ".join(words)
