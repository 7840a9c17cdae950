"""Which steps a spectrum is followed over, and what is said of it; imports no JAX."""

from typing import TYPE_CHECKING, Any

from analysis.programs.spectrum import stability
from analysis.programs.text import evenly
from landscape.errors import InputError
from landscape.tables import counted, format_table

# What reads runs loads NumPy, which --help does without.
if TYPE_CHECKING:
    from landscape import runs

ALL = "all"

SHOWN = 12
"""Rows that are printed."""

ALONE = {
    "exact": False,
    "by_layer": False,
    "top": 20,
    "num_steps": 80,
    "num_probes": 10,
}
"""Settings, as by default, that say nothing of the outermost eigenvalues alone."""


def check_steps(config: Any) -> None:
    """Raises InputError if --steps names no steps, or goes with no other setting.

    Args:
      config: `analysis.spectrum.Config`, here and below.
    """
    for word in config.steps:
        if not word.isdecimal() and config.steps != (ALL,):
            raise InputError(f"--steps must be all, or integers, not {word!r}.")
    for name, default in ALONE.items():
        if config.steps and getattr(config, name) != default:
            flag = name.replace("_", "-")
            raise InputError(
                f"--steps finds the outermost eigenvalue of each end: it does not go"
                f" with --{flag}."
            )


def states(config: Any) -> "list[runs.Ref]":
    """The states whose spectra are followed, by rising step.

    Raises:
      InputError: a step was not kept, or the run is not there.
    """
    from analysis.programs import checks
    from landscape import runs

    refs = [runs.parse(name) for name in (config.run, *config.others)]
    if config.steps == (ALL,):
        return [state for ref in refs for state in checks.kept_states(ref)]
    steps = sorted({int(step) for step in config.steps})
    found = [ref._replace(step=step) for ref in refs for step in steps]
    for ref in found:
        runs.step_of(ref)
    return found


def next_of_steps(config: Any, result: dict[str, Any]) -> str | None:
    """The command of a training that keeps more steps, where a run kept few."""
    from analysis.programs.kept_steps import training_command
    from landscape import runs

    found = result.get("by_run", {config.run: result})
    for name, each in found.items():
        folder = runs.parse(name).folder
        if _few(each):
            return training_command(str(folder), runs.read_config(folder))
    return None


def title(result: dict[str, Any]) -> str:
    """Operator, layers, subspace, steps and examples, in one line.

    Args:
      result: the content of result.json, here and below.
    """
    layers = f" of {', '.join(result['layers'])}" if result["layers"] else ""
    l2 = " with L2 term" if result["include_l2"] else ""
    steps = result["steps"]
    return (
        f"{result['operator']}{layers}{l2}, {result['subspace']} space,"
        f" {counted(len(steps), 'step')} from {steps[0]} to {steps[-1]},"
        f" {counted(result['num_examples'], 'example')}"
    )


def describe_steps(result: dict[str, Any]) -> str:
    """How the edges of a spectrum moved over the training."""
    lines = [f"{title(result)}.", _table(result), *findings(result)]
    if few := _few(result):
        lines.append(few)
    return "\n".join(lines)


def _few(result: dict[str, Any]) -> str | None:
    """A sentence where all steps are few."""
    from analysis.programs.kept_steps import hardly_known

    if result["asked"] != [ALL]:
        return None
    return hardly_known(result["steps"], "how they moved")


def findings(result: dict[str, Any]) -> list[str]:
    """What was found, in sentences."""
    steps, large = result["steps"], result["largest"]
    peak = max(range(len(steps)), key=large.__getitem__)
    text = f"Largest eigenvalue {large[0]:.4g} (step {steps[0]}){_of(result, 0)}"
    if peak:
        text = (
            f"Largest eigenvalue rises from {large[0]:.4g} (step {steps[0]}) to"
            f" {large[peak]:.4g} (step {steps[peak]}){_of(result, peak)}"
        )
    if peak < len(steps) - 1:
        text += f"; {large[-1]:.4g} at the end (step {steps[-1]})"
    lines = [f"{text}.", f"{_smallest(result)}."]
    if (count := sum(not known for known in _converged(result))) > 0:
        lines.append(
            f"At {counted(count, 'step')} an edge has not converged to a relative error"
            " of 1e-4: see its error."
        )
    return [*lines, _stability(result)]


def _smallest(result: dict[str, Any]) -> str:
    """The smallest eigenvalue at first, at last, and where it is the most negative."""
    steps, small = result["steps"], result["smallest"]
    low = min(range(len(steps)), key=small.__getitem__)
    first, last, lowest = (
        f"{_value(result, 'smallest', i)} (step {steps[i]})" for i in (0, -1, low)
    )
    text = f"Smallest eigenvalue {first}; {last} at the end"
    return text if low in (0, len(steps) - 1) else f"{text}; at least {lowest}"


def _value(result: dict[str, Any], end: str, i: int, spec: str = ".2g") -> str:
    """An eigenvalue, 0 where that is within its error."""
    value, error = result[end][i], result[f"{end}_errors"][i]
    return f"{value:{spec}}" if abs(value) > error else "0"


def _of(result: dict[str, Any], i: int) -> str:
    """The largest eigenvalue over the threshold, in words."""
    ratio = _ratio(result, i)
    return "" if ratio is None else f", {ratio:.2f} of the threshold"


def _ratio(result: dict[str, Any], i: int) -> float | None:
    limits = result["thresholds"]
    if limits is None or limits[i] is None:
        return None
    return result["largest"][i] / limits[i]


def _stability(result: dict[str, Any]) -> str:
    """Which threshold, and where it is exceeded."""
    if result["operator"] not in stability.OPERATORS:
        return f"No threshold is stated for the {result['operator']}: it is of H."
    if result["stability"] is None:
        return (
            f"No threshold is stated for {result['optimizer']}: what is stable depends"
            " on how it scales the gradient (that of an adaptive optimizer is of the"
            " preconditioned Hessian: Cohen et al. 2022, arXiv:2207.14484)."
        )
    rows = zip(result["steps"], result["largest"], result["thresholds"], strict=True)
    over = [step for step, value, limit in rows if limit is not None and value > limit]
    return (
        f"Threshold: {result['stability']}, above which full-batch gradient descent"
        f" diverges on a quadratic ({stability.REFERENCE}); minibatches keep the"
        f" largest eigenvalue lower. Above it: {_some(over)}."
    )


def _some(steps: list[int]) -> str:
    if not steps:
        return "none of the steps"
    shown = ", ".join(str(steps[i]) for i in evenly(len(steps), SHOWN))
    return f"{'step' if len(steps) == 1 else 'steps'} {shown}" + (
        f" ({len(steps)} in all)" if len(steps) > SHOWN else ""
    )


def _converged(result: dict[str, Any]) -> list[bool]:
    pairs = zip(result["largest_converged"], result["smallest_converged"], strict=True)
    return [large and small for large, small in pairs]


def _table(result: dict[str, Any]) -> str:
    at = evenly(len(result["steps"]), SHOWN)
    limits = result["thresholds"]
    header = ["step", "parameters", "loss", "learning rate", "largest", "+-"]
    header += ["smallest", "+-", *(["of the threshold"] if limits else [])]
    rows = [
        [
            f"{result['steps'][i]}", f"{result['size'][i]:,}",
            f"{result['loss'][i]:.4g}", f"{result['learning_rates'][i]:.3g}",
            f"{result['largest'][i]:.4g}", f"{result['largest_errors'][i]:.1g}",
            _value(result, "smallest", i), f"{result['smallest_errors'][i]:.1g}",
            *([_cell(_ratio(result, i))] if limits else []),
        ]
        for i in at
    ]  # fmt: skip
    left_out = len(result["steps"]) - len(at)
    note = f"\n{counted(left_out, 'step')} not shown." if left_out else ""
    return format_table(header, rows) + note


def _cell(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"
