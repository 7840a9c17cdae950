"""What a sparse run holds and costs, out of its folder: FLOPs, idle units, masks."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from analysis.programs import checks, inputs
from analysis.programs.sparsity.cost import (
    State,
    cost_of_training,
    earlier_runs,
    kept_states,
)
from landscape import derivatives, runs, sparsity, units
from landscape.cli import Progress
from landscape.errors import InputError
from landscape.layout import Rules
from landscape.machine import on_devices
from landscape.recipes import recipe
from landscape.registries.methods import method_row

CHUNK = 250
"""Examples in one gradient: what bounds the memory."""


def account(run: runs.Run, ref: runs.Ref, count: int) -> dict[str, Any]:
    """All numbers of one run: see the functions below.

    Args:
      run: loaded, with its data.
      ref: its name.
      count: training examples of the gradients.
    """
    config, states = run.config, kept_states(run, ref)
    last, num_train = states[-1], len(run.data.train["label"])
    found = {
        "run": str(ref),
        "method": config.method,
        "model": config.model,
        "widths": list(config.widths),
        "dataset": config.dataset,
        "pattern": getattr(config, "nm", None),
        "batch_size": config.batch_size,
        "size": last.size,
        "kept": sum(row.kept for row in last.rows),
        "density": last.density,
        "layers": layers(last),
        "training": cost_of_training(config, ref.folder, states, num_train),
        "earlier": [],
        "idle": idle(run),
        "explored": explored(config, run.state.params, states, run.objective.rules),
        "gradients": gradients(run, states, count),
    }
    for folder in earlier_runs(config):
        theirs = runs.read_summary(folder)
        if theirs is not None:
            other, name = runs.load(folder, data=False), runs.Ref(folder)
            states = kept_states(other._replace(data=run.data), name)
            cost = cost_of_training(other.config, folder, states, num_train)
            found["earlier"].append({"run": str(folder)} | cost)
    return found


def layers(state: State) -> list[dict[str, Any]]:
    """What each layer holds and costs."""
    return [row._asdict() | {"shape": list(row.shape)} for row in state.rows]


def idle(run: runs.Run) -> dict[str, dict[str, int]] | None:
    """By group, its units, and those with no input, no output, or cut off.

    None where its units are not known, or not those that it declares.
    """
    params = run.state.params
    try:
        spec = inputs.units_of(run)
    except InputError:
        return None
    found = units.idle_units(spec, params, run.masks, run.objective.rules)
    return {
        group: {"units": spec.sizes[group]}
        | {kind: int(which.sum()) for kind, which in kinds.items()}
        for group, kinds in found.items()
    }


def explored(
    config: Any, params: Any, states: Sequence[State], rules: Rules = ()
) -> dict[str, Any]:
    """Rs over the kept states, by layer and in all; whether it is of the whole run.

    It is where a state with all weights is among them, masks never change, or a state
    was kept between each two mask updates.
    """
    layers = sparsity.ever_active([state.masks for state in states], params, rules)
    ever, size = (sum(column) for column in zip(*layers.values(), strict=True))
    steps = [state.ref.step for state in states]
    row, whole = method_row(config.method), ever == size
    if "update_interval" in row.settings:
        updates = [u for u in config.mask_updates if u <= steps[-1]]
        ends = [*updates[1:], steps[-1] + 1]
        whole |= all(
            any(start <= step < end for step in steps)
            for start, end in zip(updates, ends, strict=False)
        )
    # Those of scores at step 0 are there in the state of that step; those of a level of
    # iterative pruning change between two runs.
    room = row.updater.partition(":")[0]
    fixed = bool(row.score) or room.endswith((".constant", ".levels"))
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
    where = on_devices.all_devices()
    examples = {name: x[:count] for name, x in run.data.train.items()}
    batches = where.divided(examples)
    shape, classes = run.data.input_shape, run.data.num_classes
    rate = recipe.make(run.config, shape, classes).learning_rate
    found: list[dict[str, Any]] = []
    bar = Progress("gradients", len(states), unit="state")
    for done, state in enumerate(states, 1):
        loaded = where.whole(runs.load(state.ref, data=False).state)
        loss_fn = run.objective.bind(loaded.batch_stats, l2=True)
        gradient = derivatives.gradient(
            loss_fn, loaded.params, batches, chunk_size=where.chunk_size(CHUNK)
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


def overlaps(
    loaded: Sequence[runs.Run], refs: Sequence[runs.Ref]
) -> list[dict[str, Any]]:
    """Of each pair of runs, what their masks have in common, by layer and in all.

    Returns:
      For each: "runs"; "layers", the last row of all; "start", that row at step 0 with
      "one_seed", whether both were drawn at random from one, or None where a state of
      step 0 was not kept, or keeps all weights.
    """
    params, rules = loaded[0].state.params, loaded[0].objective.rules
    starts = [_first_masks(ref) for ref in refs]

    def rows(a, b):
        measures = "jaccard chance_jaccard fraction chance_fraction".split()
        return [
            row._asdict() | {name: getattr(row, name) for name in measures}
            for row in sparsity.overlap(a, b, params, rules)
        ]

    found = []
    for i, second in enumerate(loaded):
        for j, first in enumerate(loaded[:i]):
            start = None
            if starts[i] is not None and starts[j] is not None:
                start = rows(starts[j], starts[i])[-1]
                drawn = all(_drawn(run.config) for run in (first, second))
                start["one_seed"] = drawn and first.config.seed == second.config.seed
            found.append(
                {
                    "runs": [str(refs[j]), str(refs[i])],
                    "layers": rows(first.masks, second.masks),
                    "start": start,
                }
            )
    return found


def _first_masks(ref: runs.Ref) -> Any:
    """The masks of step 0; None if it was not kept, or its network is dense."""
    if all(each.step for each in checks.kept_states(ref)):
        return None
    masks = runs.load(ref._replace(step=0), data=False).masks
    return masks if _differ(masks, jax.tree.map(np.ones_like, masks)) else None


def _drawn(config: Any) -> bool:
    """Whether the first masks are drawn at random from the seed."""
    row = method_row(config.method)
    own = not row.taken(getattr(config, "mask_from", None))
    return own and "masks" in row.takes


def _norm(gradient: Any, masks: Any) -> float:
    kept = jax.tree.map(lambda m, g: np.where(m, np.float64(g), 0), masks, gradient)
    return float(np.sqrt(sum((x**2).sum() for x in jax.tree.leaves(kept))))


def _differ(first: Any, second: Any) -> bool:
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return any((np.asarray(a) != np.asarray(b)).any() for a, b in pairs)
