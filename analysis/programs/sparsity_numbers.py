"""What a sparse run holds and costs, out of its folder: FLOPs, idle units, masks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from analysis.programs import checks
from landscape import derivatives, models, recipe, runs, sparsity, units
from landscape.cli import Progress
from landscape.errors import InputError
from landscape.methods import METHODS
from landscape.sparsity import accounting, training_cost

CHUNK = 250
"""Examples in one gradient: what bounds the memory."""


class State(NamedTuple):
    """A state that a run kept: its step, masks, and layers."""

    ref: runs.Ref
    masks: Any
    rows: list[accounting.Row]

    @property
    def size(self) -> int:
        """Entries of all kernels."""
        return sum(row.size for row in self.rows)

    @property
    def density(self) -> float:
        """Kept entries over all."""
        return sum(row.kept for row in self.rows) / self.size

    @property
    def flops(self) -> int:
        """Of the kept weights: f(m) of `landscape.sparsity.training_cost`."""
        return sum(row.flops_kept for row in self.rows)


def account(run: runs.Run, ref: runs.Ref, count: int) -> dict[str, Any]:
    """All numbers of one run: see the functions below.

    Args:
      run: loaded, with its data.
      ref: its name.
      count: training examples of the gradients.
    """
    config, states = run.config, kept_states(run, ref)
    last = states[-1]
    found = {
        "run": str(ref),
        "method": config.method,
        "model": config.model,
        "dataset": config.dataset,
        "pattern": getattr(config, "nm", None),
        "batch_size": config.batch_size,
        "size": last.size,
        "kept": sum(row.kept for row in last.rows),
        "density": last.density,
        "layers": layers(last),
        "training": cost_of_training(config, ref.folder, states),
        "earlier": [],
        "idle": idle(run),
        "explored": explored(config, run.state.params, states),
        "gradients": gradients(run, states, count),
    }
    for folder in earlier_runs(config):
        theirs = runs.read_summary(folder)
        if theirs is not None:
            other, name = runs.load(folder, data=False), runs.Ref(folder)
            states = kept_states(other._replace(data=run.data), name)
            cost = cost_of_training(other.config, folder, states)
            found["earlier"].append({"run": str(folder)} | cost)
    return found


def kept_states(run: runs.Run, ref: runs.Ref) -> list[State]:
    """The states that a run kept up to a step, in order."""
    shape = run.data.input_shape
    positions = models.positions(run.model, shape)
    found = []
    for each in checks.kept_states(ref):
        masks = jax.tree.map(np.asarray, runs.load(each, data=False).masks)
        rows = accounting.table(run.state.params, masks, positions)
        found.append(State(each, masks, rows))
    return found


def layers(state: State) -> list[dict[str, Any]]:
    """What each layer holds and costs."""
    return [row._asdict() | {"shape": list(row.shape)} for row in state.rows]


def cost_of_training(config: Any, folder: Path, states: Sequence[State]) -> dict:
    """FLOPs of the steps up to the last of the states.

    f(m) is that of the density, linear between states that were kept: see `by_density`.
    The density is that of the schedule of gradual pruning, or of metrics.jsonl.

    Returns:
      Fields of `TrainingCost`, its ratio to dense training as "relative".
    """
    dense = sum(row.flops for row in states[0].rows)
    known = [(state.density, state.flops) for state in states]
    at = training_cost.by_density([(1.0, dense), *known])
    last = states[-1].ref.step
    row = METHODS[config.method]
    if "pruning_steps" in row.settings:
        densities = training_cost.gradual_densities(
            config.pruning_steps, last, states[-1].density
        )
        ends = [*(step for step, _ in densities[1:]), last]
        windows = [
            training_cost.Window(start, stop, at(density), at(density))
            for (start, density), stop in zip(densities, ends, strict=True)
        ]
    else:
        windows = _logged(folder, at, states)
    steps: Any = {"never": (), "always": range(1, last + 1)}
    if row.dense_gradients in steps:
        wide = steps[row.dense_gradients]
    else:
        wide = getattr(config, row.dense_gradients)
    cost = training_cost.total(windows, dense, config.batch_size, wide)
    return cost._asdict() | {"relative": cost.relative, "steps": last}


def _logged(
    folder: Path, at: Callable, states: Sequence[State]
) -> list[training_cost.Window]:
    """Windows between lines of metrics.jsonl, which tell the sparsity at their ends."""
    windows, (start, before) = [], (0, at(states[0].density))
    last = states[-1].ref.step
    lines = runs.read_metrics(folder)
    ends = [(x["step"], x["sparsity"]) for x in lines if x.get("split") == "train"]
    for step, removed in [*ends, (last, 1 - states[-1].density)]:
        if start < step <= last:
            windows.append(training_cost.Window(start, step, before, at(1 - removed)))
            start, before = step, at(1 - removed)
    return windows


def earlier_runs(config: Any) -> list[Path]:
    """The runs whose masks or network were taken, nearest first; until one is gone."""
    found: list[Path] = []
    while True:
        name = getattr(config, "mask_from", None) or getattr(config, "source", None)
        if not name:
            return found
        folder = runs.parse(name).folder
        if folder in found or not (folder / runs.CONFIG).exists():
            return found
        found.append(folder)
        config = runs.read_config(folder)


def idle(run: runs.Run) -> dict[str, dict[str, int]] | None:
    """By group, its units, and those with no input, no output, or cut off.

    None where the structure of the model is not known.
    """
    params = run.state.params
    try:
        spec = units.specification(run.model, params)
    except InputError:
        return None
    found = units.idle_units(spec, params, run.masks, run.objective.rules)
    return {
        group: {"units": spec.sizes[group]}
        | {kind: int(which.sum()) for kind, which in kinds.items()}
        for group, kinds in found.items()
    }


def explored(config: Any, params: Any, states: Sequence[State]) -> dict[str, Any]:
    """Rs over the kept states, by layer and in all; whether it is of the whole run.

    It is where a state with all weights is among them, masks never change, or a state
    was kept between each two mask updates.
    """
    layers = sparsity.ever_active([state.masks for state in states], params)
    ever, size = (sum(column) for column in zip(*layers.values(), strict=True))
    steps = [state.ref.step for state in states]
    row, whole = METHODS[config.method], ever == size
    if "update_every" in row.settings:
        updates = [u for u in config.mask_updates if u <= steps[-1]]
        ends = [*updates[1:], steps[-1] + 1]
        whole |= all(
            any(start <= step < end for step in steps)
            for start, end in zip(updates, ends, strict=False)
        )
    fixed = row.updater.partition(":")[0].endswith(".constant")
    return {
        "rs": ever / size,
        "layers": {name: n / of for name, (n, of) in layers.items()},
        "steps": steps,
        "whole": bool(whole or fixed),
    }


def gradients(
    run: runs.Run, states: Sequence[State], count: int
) -> list[dict[str, Any]]:
    """The gradient of the objective at each kept state, in eval mode.

    Returns:
      For each: "step"; "norm", of the gradient of the kept weights; "before", that of
      the weights which the state before kept, at the same weights and examples, None
      where the masks are the same; "predicted", the decrease of the loss by a small
      step of gradient descent at the run's learning rate, eta norm^2.
    """
    examples = {name: x[:count] for name, x in run.data.train.items()}
    shape, classes = run.data.input_shape, run.data.num_classes
    rate = recipe.make(run.config, shape, classes).learning_rate
    found: list[dict[str, Any]] = []
    bar = Progress("gradients", len(states), unit="state")
    for done, state in enumerate(states, 1):
        loaded = runs.load(state.ref, data=False).state
        loss_fn = run.objective.bind(loaded.batch_stats, l2=True)
        gradient = derivatives.gradient(
            loss_fn, loaded.params, examples, chunk_size=CHUNK
        )
        norm, before = _norm(gradient, state.masks), None
        if done > 1 and _differ(states[done - 2].masks, state.masks):
            before = _norm(gradient, states[done - 2].masks)
        eta = float(rate(state.ref.step))
        found.append(
            {
                "step": state.ref.step,
                "norm": norm,
                "before": before,
                "predicted": eta * norm**2,
            }
        )
        bar.update(done)
    bar.close()
    return found


def overlaps(loaded: Sequence[runs.Run], names: Sequence[str]) -> list[dict[str, Any]]:
    """Of each pair of runs, what their masks have in common, by layer and in all."""
    found = []
    for i, first in enumerate(loaded):
        for j, second in enumerate(loaded[:i]):
            rows = sparsity.overlap(second.masks, first.masks, first.state.params)
            measures = "jaccard chance_jaccard fraction chance_fraction".split()
            found.append(
                {
                    "runs": [names[j], names[i]],
                    "layers": [
                        row._asdict() | {name: getattr(row, name) for name in measures}
                        for row in rows
                    ],
                }
            )
    return found


def _norm(gradient: Any, masks: Any) -> float:
    kept = jax.tree.map(lambda m, g: np.where(m, np.float64(g), 0), masks, gradient)
    return float(np.sqrt(sum((x**2).sum() for x in jax.tree.leaves(kept))))


def _differ(first: Any, second: Any) -> bool:
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return any((np.asarray(a) != np.asarray(b)).any() for a, b in pairs)
