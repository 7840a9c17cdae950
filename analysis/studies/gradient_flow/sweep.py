"""Every method at several sparsities, and again at equal training FLOPs."""

from typing import Any

from analysis.programs.sparsity import numbers as sparsity_numbers
from analysis.studies.gradient_flow.scales import Sweep
from analysis.studies.gradient_flow.sweep_settings import (
    ENTRIES,
    cells,
    dense,
    settings_of,
)
from analysis.studies.steps import Steps
from analysis.studies.stored import stored
from analysis.studies.training import train
from landscape import runs
from landscape.config import RunConfig, SparseRun
from train.settings import levels, mask_source, small_dense

Part = dict[str, Any]


def train_one(settings: RunConfig) -> Part:
    """Accuracy, training loss, FLOPs of the training, and the density of each layer.

    Of levels those of the last one, and the FLOPs of all.
    """
    if settings.method == "imp":
        each = [_trained(level) for level in levels.expand(settings)]
        return each[-1] | {"flops": sum(part["flops"] for part in each)}
    return _trained(settings)


def _trained(settings: RunConfig) -> Part:
    start = None
    if isinstance(settings, SparseRun):
        (settings,) = small_dense.sized([settings])
        start = mask_source.start_from(settings)
    summary = train(settings, start)
    return {
        "accuracy": summary["test_accuracy"],
        "train_loss": summary["train_loss"],
        **stored("gradient-flow", settings.workdir, "cost", {},
                 lambda: _cost(settings.workdir)),
    }  # fmt: skip


def _cost(folder: str) -> Part:
    run, ref = runs.load(folder), runs.parse(folder)
    states = sparsity_numbers.kept_states(run, ref)
    num_train = len(run.data.train["label"])
    found = sparsity_numbers.cost_of_training(run.config, ref.folder, states, num_train)
    layers = {row.layer: row.kept / row.size for row in states[-1].rows}
    return {"flops": found["flops"], "layers": layers}


def num_steps(sweep: Sweep) -> int:
    """Dense baselines, cells, and cells of equal FLOPs."""
    equal = sum(entry.alone for entry in ENTRIES) * len(sweep.equal)
    return 2 + len(cells(sweep)) + equal


def measure(sweep: Sweep, root: str, steps: Steps) -> dict[str, Part]:
    """Method -> sparsity or pattern -> what `train_one` finds, lists over seeds.

    The dense baseline is "dense" at "0".
    """
    seeds = range(sweep.num_seeds)
    steps.begin("the dense baseline")
    found = {
        "dense": {"0": together([train_one(dense(sweep, root, s)) for s in seeds])}
    }
    for entry, key in cells(sweep):
        steps.begin(f"{entry.name} at {key}")
        each = [train_one(settings_of(sweep, root, entry, key, s)) for s in seeds]
        found.setdefault(entry.name, {})[key] = together(each)
    return found


def measure_equal(
    sweep: Sweep, root: str, found: dict[str, Part], steps: Steps
) -> dict[str, Part]:
    """As `measure`, of the methods that need no other run, each with so many steps that
    its training takes the budget.

    FLOPs grow with the steps, as all of a schedule lies at fractions of them, so the
    factor follows from what was measured of the training with the sweep's own steps;
    of its first seed, so that more seeds leave the settings of the others as they are.

    Args:
      sweep: of the scale.
      root: the folder of the runs.
      found: what `measure` has found.
      steps: are told.
    """
    seeds, all_of = range(sweep.num_seeds), found["dense"]["0"]["flops"][0]
    steps.begin("the dense baseline with its share of steps")
    each = [train_one(dense(sweep, root, s, sweep.budget)) for s in seeds]
    equal = {"dense": {"0": together(each) | {"factor": sweep.budget}}}
    for entry in ENTRIES:
        for key in [f"{s:g}" for s in sweep.equal] if entry.alone else []:
            steps.begin(f"{entry.name} at {key}, equal FLOPs")
            factor = sweep.budget * all_of / found[entry.name][key]["flops"][0]
            each = [
                train_one(settings_of(sweep, root, entry, key, seed, factor))
                for seed in seeds
            ]
            part = together(each) | {"factor": factor}
            equal.setdefault(entry.name, {})[key] = part
    return equal


def together(each: list[Part]) -> Part:
    """A list over seeds in the place of every number.

    >>> together([{"a": 1, "b": {"c": 2}}, {"a": 3, "b": {"c": 4}}])
    {'a': [1, 3], 'b': {'c': [2, 4]}}
    """
    return {
        name: together([one[name] for one in each])
        if isinstance(value, dict)
        else [one[name] for one in each]
        for name, value in each[0].items()
    }
