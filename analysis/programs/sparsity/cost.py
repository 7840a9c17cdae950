"""What the training of a run cost in FLOPs, out of its folder."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from analysis.programs import checks
from landscape import models, runs
from landscape.registries.methods import method_row
from landscape.registries.scores import NUM_EXAMPLES, PASSES, SCORES
from landscape.sparsity import accounting, training_cost

_TOTALS = "flops", "low", "high"


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


def kept_states(run: runs.Run, ref: runs.Ref) -> list[State]:
    """The states that a run kept up to a step, in order."""
    shape = run.data.input_shape
    positions = models.positions(run.model, shape)
    found = []
    for each in checks.kept_states(ref):
        masks = jax.tree.map(np.asarray, runs.load(each, data=False).masks)
        rows = accounting.table(run.state.params, masks, positions, run.objective.rules)
        accounting.check_known(rows)
        found.append(State(each, masks, rows))
    return found


def cost_of_training(
    config: Any, folder: Path, states: Sequence[State], num_train: int
) -> dict:
    """FLOPs of the steps up to the last of the states.

    f(m) is that of the density, linear between states that were kept: see `by_density`.
    The density is that which the settings tell (`scheduled`), or of metrics.jsonl.

    Args:
      config, folder: of the run.
      states: those that it kept, up to the step in question.
      num_train: its training examples.

    Returns:
      Fields of `TrainingCost`, its ratio to dense training as "relative", and "scores",
      what scores over data cost, which is part of the sum; None: it is not known. Of a
      method of the user's own "low" and "high" alone are: the gradient of all weights
      may be needed at no step, or at each.
    """
    dense = sum(row.flops for row in states[0].rows)
    known = [(state.density, state.flops) for state in states]
    at = training_cost.by_density([(1.0, dense), *known])
    last = states[-1].ref.step
    row = method_row(config.method)
    densities = scheduled(config, last, states[-1].density)
    if densities is not None:
        ends = [*(step for step, _ in densities[1:]), last]
        windows = [
            training_cost.Window(start, stop, at(density), at(density))
            for (start, density), stop in zip(densities, ends, strict=True)
        ]
    else:
        windows = _logged(folder, at, states)
    steps: Any = {"never": (), "always": range(1, last + 1)}
    if row.dense_gradients == "unknown":
        least, most = (
            training_cost.total(windows, dense, config.batch_size, wide)
            for wide in steps.values()
        )
        known = {"low": least.low, "high": most.high, "dense": least.dense}
        unknown = dict.fromkeys(("flops", "relative", "dense_gradients"))
        return known | unknown | {"steps": last, "scores": 0.0}
    if row.dense_gradients in steps:
        wide = steps[row.dense_gradients]
    else:
        wide = getattr(config, row.dense_gradients)
    cost = training_cost.total(windows, dense, config.batch_size, wide)
    scores = cost_of_scores(config, densities, at, states[-1].density, num_train)
    cost = cost._replace(**{k: getattr(cost, k) + (scores or 0) for k in _TOTALS})
    found = {"relative": cost.relative, "steps": last, "scores": scores}
    return cost._asdict() | found


def scheduled(config: Any, last: int, density: float) -> list[tuple[int, float]] | None:
    """Steps up to `last` at which the density changes, and those from there.

    None where the settings do not tell. `density` is that of the last step.
    """
    row = method_row(config.method)
    if "pruning_steps" in row.settings:
        parts = {}
        if config.pattern is not None:
            n, m = config.pattern
            parts = {"parts": m - n}
        return training_cost.gradual_densities(
            config.pruning_steps, last, density, **parts
        )
    if "phase_starts" in row.settings:
        sparse, dense = config.phase_starts
        kept = density if density < 1 else 1 - config.sparsity
        changes = [*((s, kept) for s in sparse), *((s, 1.0) for s in dense)]
        return [(0, 1.0), *sorted(change for change in changes if change[0] <= last)]
    return None


def cost_of_scores(
    config: Any, densities: Any, at: Callable, density: float, num_train: int
) -> float | None:
    """FLOPs of scores over data, at step 0 or at updates; None where not known.

    Of each score `registries.scores.PASSES` forward passes an example, at the density
    before: of round r of R at step 0 that is (k / n)^((r - 1) / R).
    """
    row = method_row(config.method)
    given = getattr(config, "score_examples", None)
    examples = min(given or NUM_EXAMPLES, num_train)
    if row.score:
        rounds, name = config.rounds_of_scores, row.score
        before = [density ** (r / rounds) for r in range(rounds)]
    elif "score" in row.settings:
        name = config.score
        # An update that removes nothing asks for no score.
        before = [x for (_, x), (_, then) in pairwise(densities) if then != x]
        if SCORES[name].needs in ("nothing", "grads") and given is None:
            return 0.0
    else:
        return 0.0
    if name not in PASSES:
        return None
    # SynFlow's is of one input, all of ones.
    examples = 1 if SCORES[name].needs == "model" else examples
    return float(PASSES[name] * examples * sum(map(at, before)))


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
