"""What the study trains and measures, part by part."""

from typing import Any, NamedTuple

from analysis.studies.gradient_flow import (
    escape,
    initial,
    networks,
    rows,
    sweep,
    sweep_settings,
    trainings,
    updates,
)
from analysis.studies.gradient_flow.config import Config
from analysis.studies.gradient_flow.scales import Scale
from analysis.studies.steps import Steps

Part = dict[str, Any]


class Measured(NamedTuple):
    """All that was measured; lists are over seeds, keys are text.

    Attributes:
      with_published: whether network and data are those of the published table.
      table: see `networks.measure`; empty with --sweep.
      initial: see `initial.measure`; it and the next two are empty with --published.
      updates: of several states, see `updates.measure`.
      escape: see `escape.measure`.
      sweep, equal: see `sweep.measure`, with equal steps and equal training FLOPs;
        empty without --sweep.
      compared: two runs that further commands can be tried on.
    """

    with_published: bool
    table: dict[str, Part]
    initial: dict[str, Part]
    updates: list[Part]
    escape: dict[str, Part]
    sweep: dict[str, Part]
    equal: dict[str, Part]
    compared: list[str]


def measure(config: Config, scale: Scale) -> Measured:
    """Trains and measures all that is not there yet."""
    root = trainings.root_of(config)
    if config.sweep:
        return _sweep(scale, root)
    chosen = rows.chosen(config.published)
    steps = Steps(_num_steps(config, scale, len(chosen)))
    table = networks.measure(config, scale, steps)
    compared = [rows.folder(root, rows.PRUNED, 0), rows.folder(root, chosen[0], 1)]
    first, seen, escapes = {}, [], {}
    if not config.published:
        steps.begin("gradients at initialisation")
        first = initial.measure(scale, root)
        for name in steps.each("Hessian around a mask update,", states(scale, root)):
            seen.append(updates.measure(name, scale.examples))
        escapes = escape.measure(scale, root, steps)
    return Measured(
        scale.published, table, first, seen, escapes, {}, {}, compared
    )  # fmt: skip


def states(scale: Scale, root: str) -> list[str]:
    """The states of RigL networks whose next mask update is looked at."""
    row = next(row for row in rows.ROWS if row.name == "rigl")
    runs = [each.workdir for each in trainings.of_row(scale, root, row)]
    return [f"{run}@{step}" for step in scale.updates for run in runs]


def _num_steps(config: Config, scale: Scale, num_rows: int) -> int:
    table = 1 + scale.num_seeds * num_rows
    if config.published:
        return table
    around = scale.num_seeds * len(scale.updates)
    return table + 1 + around + escape.num_steps(scale)


def _sweep(scale: Scale, root: str) -> Measured:
    steps = Steps(sweep.num_steps(scale.sweep))
    found = sweep.measure(scale.sweep, root, steps)
    equal = sweep.measure_equal(scale.sweep, root, found, steps)
    key = f"{scale.sweep.sparsities[-1]:g}"
    compared = [
        sweep_settings.settings_of(scale.sweep, root, entry, key, 0).workdir
        for entry in sweep_settings.ENTRIES[:2]
    ]
    return Measured(False, {}, {}, [], {}, found, equal, compared)
