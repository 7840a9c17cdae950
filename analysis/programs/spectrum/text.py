"""Text of the spectrum program: title, results, and the next command."""

from dataclasses import replace
from typing import Any

from analysis.programs.spectrum.steps_text import (
    ALL,
    ALONE,
    describe_steps,
    findings,
    next_of_steps,
)
from analysis.programs.text import short_names
from landscape.cli import command
from landscape.tables import counted, format_table

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
        f" {counted(result['size'], 'parameter')},"
        f" {counted(result['num_examples'], 'example')}"
    )


def describe(result: dict[str, Any]) -> str:
    """Whatever was found: one spectrum, or those of layers, runs or steps."""
    if "by_run" in result:
        return describe_runs(result)
    if result.get("steps"):
        return describe_steps(result)
    return describe_layers(result) if result.get("by_layer") else _describe(result)


def _describe(result: dict[str, Any]) -> str:
    """The results of one spectrum, a few lines."""
    lines = [
        f"{title(result)}.",
        f"Largest eigenvalue {_end(result, 'largest', '.6g')}, smallest"
        f" {_end(result, 'smallest', '.4g')}; trace {result['trace']:.4g}"
        + (f" +- {result['trace_error']:.2g}." if result["trace_error"] else "."),
        _near_zero(result),
        _outliers(result["outliers"]),
    ]
    if count := result["unconverged"]:
        are = "1 of the extreme eigenvalues has" if count == 1 else (
            f"{count} of the extreme eigenvalues have"
        )  # fmt: skip
        lines.append(
            f"{are} not converged to a relative error of 1e-6: see their errors; left"
            " out of the figure."
        )
    return "\n".join(lines)


def _end(result: dict[str, Any], end: str, spec: str) -> str:
    """The outermost eigenvalue of an end, as far as it is known."""
    value = result[end][0]
    error = max(result.get(f"{end}_errors", [0.0])[0], result.get("resolution", 0.0))
    if abs(value) <= error:
        return f"0 +- {error:.1g}"
    converged = result.get(f"{end}_converged", [True])[0]
    return f"{value:{spec}}" if converged else f"{value:{spec}} +- {error:.1g}"


def _near_zero(result: dict[str, Any]) -> str:
    fraction, error = result["share_near_zero"], result["share_near_zero_error"]
    spread = f" +- {100 * error:.1f}" if error else ""
    text = f"{100 * fraction:.1f}{spread} % have abs(eigenvalue) <= 1e-3 of the largest"
    if result["share_near_zero_bounds"] is None:
        return f"{text}."
    low, high = (100 * bound for bound in result["share_near_zero_bounds"])
    return f"{text} (quadrature bounds {low:.1f} to {high:.1f} %)."


def _outliers(counts: dict[str, Any]) -> str:
    three = (
        "too few eigenvalues for the gap, ratio and elbow"
        if counts["gap"] is None
        else f"gap {counts['gap']}, ratio {counts['ratio']}, elbow {counts['elbow']}"
    )
    beyond = " (heavy tail: no bulk edge)"
    if counts["bulk_fits"]:
        low, high = counts["beyond_bulk_fewest"], counts["beyond_bulk_most"]
        between = "" if low == high else f" (from {low} to {high})"
        beyond = f"; beyond the bulk's edge {counts['beyond_bulk']}{between}"
    return f"Outliers at the large end: {three}{beyond}."


def describe_layers(result: dict[str, Any]) -> str:
    """The spectra of all layers, one row each."""
    found = result["by_layer"]
    traces = [layer["trace"] for layer in found.values()]
    total = sum(traces)
    # Terms of both signs are not fractions of their sum.
    one_sign = total and (min(traces) >= 0 or max(traces) <= 0)
    shares = [f"{100 * t / total:.1f} %" if one_sign else "-" for t in traces]
    lines = [
        f"{title(result)}.",
        _table("layer", found, shares),
        "of all: fraction of the sum of the layers' traces; near 0: abs(eigenvalue) <="
        " 1e-3 of the layer's own largest (bounds of the quadrature); outliers: beyond"
        " the edge of its bulk, - if it has none.",
    ]
    if result["skipped"]:
        names = ", ".join(result["skipped"])
        lines.append(f"Left out, since they keep too few parameters: {names}.")
    return "\n".join(lines)


def runs_title(result: dict[str, Any]) -> str:
    """What is compared of several runs, in one line."""
    first = next(iter(result["by_run"].values()))
    layers = f" of {', '.join(result['layers'])}" if result["layers"] else ""
    l2 = " with L2 term" if result["include_l2"] else ""
    return (
        f"{result['operator']}{layers}{l2}, {result['subspace']} space,"
        f" {counted(first['num_examples'], 'example')}"
    )


def describe_runs(result: dict[str, Any]) -> str:
    """The spectra of several runs, one row each."""
    found = result["by_run"]
    found = dict(zip(short_names(list(found)), found.values(), strict=True))
    if result["steps"]:
        lines = [f"{runs_title(result)}."]
        for name, each in found.items():
            lines += [f"{name}:", *(f"  {line}" for line in findings(each))]
        return "\n".join(lines)
    return "\n".join(
        [
            f"{runs_title(result)}.",
            _table("run", found),
            "near 0: abs(eigenvalue) <= 1e-3 of the run's own largest (bounds of the"
            " quadrature); outliers: beyond the edge of its bulk, - if it has none.",
        ]
    )


def _table(
    what: str, found: dict[str, dict[str, Any]], shares: list[str] | None = None
) -> str:
    """A row for each spectrum, with the shares of all traces, if there are any."""
    rows = [
        [
            name, f"{each['size']:,}", _end(each, "largest", ".4g"),
            _end(each, "smallest", ".2g"), f"{each['trace']:.4g}",
            *([] if shares is None else [shares[i]]),
            _range_near_zero(each), _beyond_bulk(each["outliers"]),
        ]
        for i, (name, each) in enumerate(found.items())
    ]  # fmt: skip
    header = [what, "parameters", "largest", "smallest", "trace"]
    header += [] if shares is None else ["of all"]
    return format_table([*header, "near 0", "outliers"], rows)


def _range_near_zero(layer: dict[str, Any]) -> str:
    share = f"{100 * layer['share_near_zero']:.1f} %"
    if layer["share_near_zero_bounds"] is None:
        return share
    low, high = (100 * bound for bound in layer["share_near_zero_bounds"])
    return f"{share} ({low:.1f} to {high:.1f})"


def _beyond_bulk(counts: dict[str, Any]) -> str:
    return f"{counts['beyond_bulk']}" if counts["bulk_fits"] else "-"


def next_command(config: Any, result: dict[str, Any]) -> str:
    """The next command to try, with the options of this one.

    Args:
      config: `analysis.spectrum.Config`.
      result: of it.
    """
    if config.steps:
        return next_of_steps(config, result) or command_line(replace(config, steps=()))
    if config.others:
        changes = {"steps": (ALL,), **ALONE}
    elif config.by_layer:
        tops = {name: each["largest"][0] for name, each in result["by_layer"].items()}
        sharpest = max(tops, key=tops.get)
        small = result["by_layer"][sharpest]["size"] <= SMALL
        changes = {
            "by_layer": False, "layers": (sharpest,),
            # Where all eigenvalues were found, their density is what is new.
            "exact": small and not config.exact,
        }  # fmt: skip
    elif config.operator == "hessian":
        changes = {"operator": "gauss-newton", "include_l2": False}
    else:
        changes = {"by_layer": True}
    return command_line(replace(config, **changes))


def command_line(config: Any) -> str:
    """The command that finds a spectrum."""
    return command("analysis.spectrum", config, positional=("run", "others"))
