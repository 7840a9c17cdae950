"""Text of the units program: what is dead, since when, and scores."""

from typing import Any

from analysis.programs.kept_steps import hardly_known
from analysis.programs.text import evenly
from landscape.errors import InputError
from landscape.tables import counted, format_table

ROUNDING = 2.0**-23
"""Between 1 and the next number of float32."""
SHOWN = 12
"""Steps, or units of a layer, that are printed."""
WORDS = {"train": "training", "test": "test"}
LABELS = {
    "rp": "removal penalty",
    "mrs": "mean replacement saliency",
    "mrs_signed": "mean replacement, signed",
    "rs": "removal saliency",
    "rs_signed": "removal, signed",
    "norm": "norm of the weights",
    "group_magnitude": "magnitude of the group",
    "activation_mean": "mean |output|",
    "activation_std": "deviation of the output",
    "apoz": "fraction not zero",
    "at_random": "at random",
}
"""Scores in the words of a figure; of others the name."""


def check_tolerance(tolerance: float, loss: float, what: str) -> None:
    """Refuses a tolerance below the rounding of a loss in float32.

    Raises:
      InputError: says what the rounding is.

    >>> check_tolerance(1e-7, 2.0, "runs/a")
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: --tolerance 1e-07 is below rounding: the loss of \
runs/a is 2, and float32 rounds it by 1.2e-07 of itself, 2.4e-07.
    """
    rounding = ROUNDING * abs(loss)
    if not tolerance >= rounding:
        raise InputError(
            f"--tolerance {tolerance:g} is below rounding: the loss of {what} is"
            f" {loss:.3g}, and float32 rounds it by {ROUNDING:.2g} of itself,"
            f" {rounding:.2g}."
        )


def title(result: dict[str, Any]) -> str:
    """What is judged, on which examples, in one line."""
    counts = " and ".join(
        f"{count:,} {WORDS[name]}" for name, count in result["num_examples"].items()
    )
    units = sum(row["units"] for row in result["groups"].values())
    return (
        f"{counted(units, 'unit')} {result['where']} the activation, at step"
        f" {result['steps'][-1]}, {counts} examples"
    )


def definition(result: dict[str, Any]) -> str:
    """What is called dead."""
    return (
        f"Dead: the loss ({_losses(result)}) changes by less than"
        f" {result['tolerance']:g} nats when the unit alone is replaced by its mean."
    )


def describe(result: dict[str, Any]) -> str:
    """The result in words and tables."""
    splits = list(result["losses"])
    return "\n".join(
        [
            f"{title(result)}.",
            definition(result),
            "",
            _layers(result, splits),
            _which(result, splits[0]),
            *_together(result),
            "",
            _history(result, splits[0]),
            "",
            _scores(result),
        ]
    )


def _losses(result: dict[str, Any]) -> str:
    return ", ".join(f"{WORDS[k]} {v[-1]:.4g}" for k, v in result["losses"].items())


def _layers(result: dict[str, Any], splits: list[str]) -> str:
    def cells(name, row):
        dead = [str(len(row["dead"][split])) for split in splits]
        return [name, str(row["units"]), *dead, str(len(row["constant"]))]

    rows = [cells(name, row) for name, row in result["groups"].items()]
    total = [str(sum(int(row[i]) for row in rows)) for i in range(1, len(rows[0]))]
    if len(rows) > 1:
        rows.append(["all", *total])
    names = [f"dead, {WORDS[split]}" for split in splits]
    return format_table(["layer", "units", *names, "constant"], rows)


def _which(result: dict[str, Any], split: str) -> str:
    """The dead units by their indices."""
    lines, first = [], result["first_units"]
    for name, row in result["groups"].items():
        if not (dead := row["dead"][split]):
            continue
        shown = ", ".join(map(str, dead[:SHOWN]))
        more = f", and {len(dead) - SHOWN} more" if len(dead) > SHOWN else ""
        text = f"Dead in {name}: {shown}{more}"
        if first is not None:
            before = ", ".join(str(first[name][i]) for i in dead[:SHOWN])
            text += f" (before it was made smaller: {before})"
        lines.append(text + ".")
    groups = result["groups"].items()
    flat = [name for name, row in groups if len(row["constant"]) == row["units"]]
    if flat:
        lines.append(
            f"Every unit of {', '.join(flat)} is constant: nothing of the input passes."
        )
    return "\n".join(lines or ["No unit is dead."])


def _together(result: dict[str, Any]) -> list[str]:
    """What all dead units are worth, where each alone is worth nothing."""
    lines = []
    for split, found in result.get("together", {}).items():
        count = sum(len(row["dead"][split]) for row in result["groups"].values())
        if count > 1:
            lines.append(
                f"All {count} dead units replaced together change the loss by"
                f" {found['change']:+.2g} ({WORDS[split]} split); one by one, by"
                f" {found['alone']:.2g} in sum."
            )
    return lines


def _history(result: dict[str, Any], split: str) -> str:
    """Dead units at each step, and how many of them are dead to the end."""
    steps, groups = result["steps"], result["groups"]
    at = evenly(len(steps), SHOWN)
    rows = []
    for i in at:
        counts = [row["counts"][split][i] for row in groups.values()]
        since = (s for row in groups.values() for s in row["since"][split])
        ever = sum(s is not None and s <= steps[i] for s in since)
        rows.append([f"{steps[i]}", *map(str, counts), str(sum(counts)), str(ever)])
    left_out = len(steps) - len(at)
    lines = [
        format_table(["step", *groups, "all", "to the end"], rows),
        f"Units that are dead at each kept step ({WORDS[split]} split); to the end:"
        " those of all that are dead at each later one, too.",
    ]
    if left_out:
        lines[-1] += f" Of {len(steps)} steps {left_out} are not shown."
    if few := hardly_known(steps, "when units died"):
        lines.append(few)
    return "\n".join(lines)


def _scores(result: dict[str, Any]) -> str:
    if not result["correlations"]:
        return "No score was compared with the change of the loss."
    groups = list(result["groups"])
    rows = [
        [name, *("-" if found[g] is None else f"{found[g]:.2f}" for g in groups)]
        for name, found in result["correlations"].items()
    ]
    split = WORDS[next(iter(result["losses"]))]
    return (
        f"{format_table(['score', *groups], rows)}\nSpearman's rank correlation with"
        f" the change of the loss ({split} split); -: one of the two is constant."
    )


def exported(written: Any) -> str:
    """What was exported, and how well it agrees.

    Args:
      written: `landscape.export.Written`.
    """
    return (
        f"Exported to {written.path} ({counted(written.size, 'byte')}): read back, its"
        f" logits of {counted(written.count, 'test image')} differ from the network's"
        f" by at most {written.difference:.2g} (logits up to {written.largest:.3g})."
    )
