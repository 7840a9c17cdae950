"""What the study of paper 2 trains and measures, part by part."""

from typing import Any, NamedTuple

from analysis.studies.dead_units import (
    paths,
    shrinking,
    sparse,
    spectra,
    trainings,
    unit_removal,
    units,
    weights,
)
from analysis.studies.dead_units.config import Config
from analysis.studies.dead_units.scales import Scale
from analysis.studies.steps import Steps
from analysis.studies.training import train

Part = dict[str, Any]


class Measured(NamedTuple):
    """All that was measured; lists are over seeds, keys are text.

    Attributes:
      stages, fractions: of the scale.
      weights: stage -> see `weights.measure`; some weights of the first seed alone.
      unit_scores: stage -> see `units.measure`.
      dead: activation -> step -> see `units.count`.
      removal: see `unit_removal.measure`, at the end of training.
      shrunk: network -> see `shrinking.measure`.
      spectra: see `spectra.measure`; all eigenvalues of the first seed alone.
      sparse: sparsity -> see `sparse.measure`.
      paths: see `paths.measure`.
      example: a run that further commands can be tried on.
    """

    stages: list[int]
    fractions: list[float]
    weights: dict[str, list[Part]]
    unit_scores: dict[str, list[Part]]
    dead: dict[str, dict[str, list[Part]]]
    removal: list[Part]
    shrunk: dict[str, list[Part]]
    spectra: list[Part]
    sparse: dict[str, list[Part]]
    paths: list[Part]
    example: str

    @property
    def last(self) -> str:
        """The last of the stages, as a key."""
        return str(self.stages[-1])


def measure(config: Config, scale: Scale) -> Measured:
    """Trains and measures all that is not there yet."""
    root = trainings.root_of(config)
    seeds, judged = range(scale.num_seeds), scale.activations[0]
    steps = Steps(_num_steps(scale))
    dead: dict[str, Any] = {name: {} for name in scale.activations}
    for activation in scale.activations:
        some = range(_num_seeds(scale, activation))
        for seed in steps.each(f"dead units over training, {activation}, seed", some):
            settings = trainings.dense(scale, root, activation, seed)
            train(settings)
            for step in scale.counted:
                found = units.count(f"{settings.workdir}@{step}", scale)
                dead[activation].setdefault(str(step), []).append(found)
    folders = [trainings.dense(scale, root, judged, s).workdir for s in seeds]
    by_weight: dict[str, list[Part]] = {str(step): [] for step in scale.stages}
    by_unit: dict[str, list[Part]] = {str(step): [] for step in scale.stages}
    removal = []
    for seed in steps.each("weights and units against oracles, seed", seeds):
        for step in scale.stages:
            name = f"{folders[seed]}@{step}"
            many = step in (scale.stages[0], scale.stages[-1])
            found = weights.measure(name, scale, seed, many)
            by_weight[str(step)].append(found if not seed else _no_scatter(found))
            by_unit[str(step)].append(units.measure(name, scale, seed))
        removal.append(unit_removal.measure(folders[seed], scale, seed))
    spectrum = []
    for seed in steps.each(
        "spectrum without dead units, seed", range(scale.spectrum_seeds)
    ):
        settings = trainings.for_spectrum(scale, root, seed)
        train(settings)
        found = spectra.measure(settings.workdir, scale)
        spectrum.append(spectra.counted(found, with_values=not seed))
    solutions = trainings.sparse_root(config, scale)
    masked: dict[str, list[Part]] = {f"{s:g}": [] for s in scale.sparse.sparsities}
    for sparsity in scale.sparse.sparsities:
        for seed in steps.each(f"networks of one mask, {sparsity:g}, seed", seeds):
            found = sparse.measure(scale, solutions, sparsity, seed)
            masked[f"{sparsity:g}"].append(found)
    high = scale.sparse.sparsities[-1]
    on_paths = [
        paths.measure(scale, solutions, high, seed)
        for seed in steps.each("units on paths, seed", range(scale.path_seeds))
    ]
    shrunk = shrinking.measure(scale, root, steps) if scale.shrink else {}
    return Measured(
        list(scale.stages), list(scale.fractions), by_weight, by_unit, dead, removal,
        shrunk, spectrum, masked, on_paths, folders[0],
    )  # fmt: skip


def _num_seeds(scale: Scale, activation: str) -> int:
    judged = activation == scale.activations[0]
    return scale.num_seeds if judged else scale.other_seeds


def _num_steps(scale: Scale) -> int:
    return (
        sum(_num_seeds(scale, activation) for activation in scale.activations)
        + (1 + len(scale.sparse.sparsities)) * scale.num_seeds
        + scale.spectrum_seeds
        + scale.path_seeds
        + (shrinking.num_steps(scale) if scale.shrink else 0)
    )


def _no_scatter(found: Part) -> Part:
    return {key: value for key, value in found.items() if key != "scatter"}
