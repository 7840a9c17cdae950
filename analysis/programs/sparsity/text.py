"""Text of the sparsity program: what a run holds and costs, and what that saves."""

import shlex
from typing import Any

from analysis.programs.sparsity.overlaps_text import overlaps
from analysis.programs.sparsity.savings_text import savings
from analysis.programs.text import evenly
from landscape import runs
from landscape.tables import counted, format_table
from landscape.users.code import is_user_code

FORMULA = (
    "A step costs 3 f(m) an example: f(m) forward, as much back to the inputs, as much"
    " for the gradient of the kept weights; 2 f(m) + f(1) where the gradient of all"
    " weights is needed ({wide}). f(m): FLOPs of the kept weights, f(1) of all."
)
SHOWN = 12
"""Kept states that are printed."""


def title(result: dict[str, Any], name: str | None = None) -> str:
    """What is looked at, in a line; `name`: what the first run is called there."""
    first, *others = result["found"]
    text = (
        f"{name or first['run']}: {first['method']}, {first['model']} on"
        f" {first['dataset']}, at step {first['training']['steps']},"
        f" {100 * first['density']:.2f} % of the weights kept"
    )
    return f"{text}; and {counted(len(others), 'other run')}" if others else text


def describe(result: dict[str, Any]) -> str:
    """The result in words and tables."""
    parts = [
        "\n\n".join(_run(found, result["num_examples"])) for found in result["found"]
    ]
    if result["overlaps"]:
        parts.append(overlaps(result["overlaps"]))
    return "\n\n".join([*parts, savings(result)])


def _run(found: dict[str, Any], examples: int) -> list[str]:
    parts = [f"{title({'found': [found]})}.\n\n{_layers(found)}"]
    parts += [_training(found), _idle(found), _explored(found)]
    return [*parts, _gradients(found, examples)]


def _layers(found: dict[str, Any]) -> str:
    rows = [
        [
            row["layer"], "x".join(map(str, row["shape"])), f"{row['size']:,}",
            f"{row['kept']:,}", f"{100 * row['kept'] / row['size']:.2f} %",
            f"{row['flops']:,}", f"{row['flops_kept']:,}",
        ]
        for row in found["layers"]
    ]  # fmt: skip
    flops, kept = (
        sum(row[name] for row in found["layers"]) for name in ("flops", "flops_kept")
    )
    rows.append(
        [
            "all", "", f"{found['size']:,}", f"{found['kept']:,}",
            f"{100 * found['density']:.2f} %", f"{flops:,}", f"{kept:,}",
        ]
    )  # fmt: skip
    head = ["layer", "shape", "weights", "kept", "density", "FLOPs", "kept FLOPs"]
    return (
        f"{format_table(head, rows)}\nFLOPs of a forward pass for one example, 2 a"
        f" multiply-add, of kernels alone; those of the kept weights are"
        f" {100 * kept / flops:.2f} % of the dense."
    )


def _training(found: dict[str, Any]) -> str:
    cost = found["training"]
    if not cost["steps"]:
        return "At step 0 nothing has been trained."
    if cost["flops"] is None:
        return "\n".join([_bounds(found), *_earlier(found)])
    wide = cost["dense_gradients"]
    said = "at no step here" if not wide else f"at {wide:,} of {cost['steps']:,} steps"
    lines = [
        f"Training: {cost['flops']:.3g} FLOPs for {counted(cost['steps'], 'step')} of"
        f" {found['batch_size']} examples, {100 * cost['relative']:.1f} % of a dense"
        f" training of as many steps. {FORMULA.format(wide=said)}"
    ]
    if found["method"] == "small-dense":
        widths = " ".join(map(str, found["widths"]))
        lines.append(
            f"Dense: this network of widths {widths} with all its weights, not the"
            " larger one that it stands for, as in the figure."
        )
    if cost["scores"] is None:
        lines.append("What the scores of its weights cost is not in that.")
    elif cost["scores"]:
        lines.append(f"Scores of its weights over data: {cost['scores']:.3g} FLOPs.")
    if cost["high"] - cost["low"] > 0.01 * cost["flops"]:
        bounds = [f"{100 * cost[k] / cost['dense']:.1f} %" for k in ("low", "high")]
        lines.append(
            "Masks are taken to change at the lines of metrics.jsonl; wherever between"
            f" them they do, it is {' to '.join(bounds)}."
        )
    return "\n".join([*lines, *_earlier(found)])


def _bounds(found: dict[str, Any]) -> str:
    """The cost of a method of the user's own."""
    cost = found["training"]
    low, high = (f"{100 * cost[k] / cost['dense']:.1f} %" for k in ("low", "high"))
    return (
        f"Training: {low} to {high} of the FLOPs of a dense training of"
        f" {counted(cost['steps'], 'step')}: at which of them {found['method']} needs"
        " the gradient of all weights is not known, nor what its updates cost."
        f" {FORMULA.format(wide='at none to all of them here')}"
    )


def _earlier(found: dict[str, Any]) -> list[str]:
    """The runs that its masks or weights come from, and what all cost together."""
    lines, cost = [], found["training"]
    for each in found["earlier"]:
        percent = "an unknown part"
        if each["relative"] is not None:
            percent = f"{100 * each['relative']:.1f} %"
        lines.append(
            f"Its masks or weights come from {each['run']}, whose"
            f" {counted(each['steps'], 'step')} took {percent} of a dense training of"
            " as many."
        )
    costs = [each["flops"] for each in [cost, *found["earlier"]]]
    if found["earlier"] and None not in costs:
        total = sum(costs)
        lines.append(
            f"Together {total:.3g} FLOPs, {100 * total / cost['dense']:.1f} % of the"
            " dense training of this run's steps."
        )
    return lines


def _idle(found: dict[str, Any]) -> str:
    if found["idle"] is None:
        return "Idle units: the structure of the model is not known here."
    kinds = ("units", "no input", "no output", "cut off")
    rows = [
        [name, *(str(row[kind]) for kind in kinds)]
        for name, row in found["idle"].items()
    ]
    if not rows:
        return "Idle units: there are no hidden units."
    total = [sum(row[kind] for row in found["idle"].values()) for kind in kinds]
    rows.append(["all", *map(str, total)])
    return (
        f"{format_table(['units of', *kinds], rows)}\nUnits without a kept weight into"
        " them (constants), out of them, and with those on no path of kept weights from"
        " the inputs to the logits."
    )


def _explored(found: dict[str, Any]) -> str:
    seen = found["explored"]
    count, percent = len(seen["steps"]), f"{100 * seen['rs']:.2f} %"
    rs = "Rs, the fraction of weights that were ever active:"
    if seen["whole"]:
        return f"{rs} {percent}, of the whole training."
    return (
        f"{rs} at least {percent}, over the {counted(count, 'kept state')} alone: masks"
        " between them are not known (--keep-every keeps more)."
    )


def _gradients(found: dict[str, Any], examples: int) -> str:
    every = found["gradients"]
    rows = [
        [
            f"{row['step']}", f"{row['norm']:.4g}",
            "-" if row["before"] is None else f"{row['before']:.4g}",
            "-" if not row["before"]
            else f"{100 * (row['norm'] / row['before'] - 1):+.1f} %",
            f"{row['predicted']:.3g}" if row["predicted"] else "-",
        ]
        for row in (every[i] for i in evenly(len(every), SHOWN))
    ]  # fmt: skip
    left_out = len(every) - len(rows)
    head = ["step", "gradient norm", "in the masks before", "change", "predicted"]
    text = (
        f"{format_table(head, rows)}\nNorm of the objective's gradient over the kept"
        f" weights, eval mode, {counted(examples, 'training example')}; in the masks"
        " before: over the weights that the state above keeps, at the same weights and"
        " examples, where masks have changed. Predicted: decrease of the loss by a"
        " gradient step at the run's learning rate, eta norm^2"
    )
    # As at the end of a cosine.
    stands = any(row["norm"] and not row["predicted"] for row in every)
    text += " (-: the rate is 0 there)." if stands else "."
    return text + (f" {left_out} states are not shown." if left_out else "")


def exported(written: Any) -> str:
    """What was exported, and how it can be read.

    Args:
      written: `landscape.export.Written`.
    """
    return (
        f"Exported to {written.path} ({counted(written.size, 'byte')}): read back by"
        " landscape.runs.load, equal to the bit. Its members are files of"
        " scipy.sparse.save_npz, matrices (outputs, inputs), and of numpy.save."
    )


def next_command(config: Any, result: dict[str, Any]) -> str:
    """The next command to try: the export, or the units.

    Args:
      config: `analysis.sparsity.Config`.
      result: of it.
    """
    ref = runs.parse(config.runs[0])
    words = ["python", "-m", "analysis.sparsity", *config.runs]
    if result["savings"] is None or config.export is not None:
        # Which axes of a network of the user's own are units is not known.
        own = is_user_code(runs.read_config(ref.folder).model)
        program = "analysis.spectrum" if own else "analysis.units"
        words = ["python", "-m", program, str(ref)]
    else:
        words += ["--export", f"{ref.folder.name}.zip"]
        words += [] if config.output is None else ["--output", config.output]
    words += [] if config.data_dir is None else ["--data-dir", config.data_dir]
    return shlex.join(words)
