"""Which units go in a round: scored on training examples, down to a budget."""

import zlib
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from landscape import models, rng, runs, trees
from landscape.aliases import Batches
from landscape.config import UnitsConfig, UnitsRun
from landscape.data import Dataset
from landscape.errors import InputError
from landscape.machine import devices, on_devices
from landscape.objective import Objective
from landscape.tables import counted, format_table
from landscape.units import (
    Network,
    Plan,
    Spec,
    budget,
    constants_after,
    corrected,
    describe,
    logit_error,
    mean_outputs,
    plan_removal,
    remove,
    sites_of,
    specification,
    take,
    tapped_losses,
    unit_scores,
)

_FEW = 8
"""Examples that tell the shape of an image, and what a constant becomes."""


class Smaller(NamedTuple):
    """A network without some units of its parent's.

    Attributes:
      settings: of its run.
      network: parameters, statistics and masks.
      plan: of the removal.
      text: the same in words.
    """

    settings: UnitsRun
    network: Network
    plan: Plan
    text: str


def cost_of(
    config: UnitsConfig, model: Any, spec: Spec, params: Any, input_shape: tuple
) -> tuple[budget.Cost, str]:
    """What the budget counts, from the units of each group, and its name."""
    if config.keep_flops is None:
        return budget.parameters(spec, params), "parameters"
    positions = models.positions(model, input_shape)
    if None in positions.values():
        raise InputError("--keep-flops: the FLOPs of the network are not known.")
    return budget.flops(spec, params, positions), "FLOPs"


def cost_of_run(config: UnitsConfig, name: str, dataset: Dataset) -> int:
    """What the network of a run costs, in what the budget counts."""
    known = runs.describe(runs.parse(name).folder, data=False, data_dir=config.data_dir)
    model, params = known.components.model, known.shapes.params
    spec = specification(model, params)
    return cost_of(config, model, spec, params, dataset.input_shape)[0](spec.sizes)


def smaller(settings: UnitsRun, dataset: Dataset, target: float) -> Smaller:
    """The network of a round before its training.

    Args:
      settings: of the round; the network in them is that of the first one.
      dataset: on whose training split units are scored.
      target: parameters or FLOPs that may be left.

    Raises:
      InputError: the target is below one unit a layer, or a score is NaN.
    """
    run = runs.load(settings.parent, data=False, data_dir=settings.data_dir)
    objective, network = run.objective, Network(*run.state[1:4])
    spec = specification(run.model, network.params)
    examples = {k: v[: settings.score_examples] for k, v in dataset.train.items()}
    few = {k: v[:_FEW] for k, v in examples.items()}
    there = on_devices.on(devices.make_mesh(settings.num_devices))
    spread = there.whole(network), there.divided(examples)
    idle = plan_removal(objective, spec, network, few).removed
    scores = _scores(settings, objective, spec, *spread)
    cost, what = cost_of(settings, run.model, spec, network.params, dataset.input_shape)
    chosen = budget.choose_units(
        {group: np.where(idle[group], -np.inf, s) for group, s in scores.items()},
        cost,
        target,
        protected=settings.keep_layers,
        what=what,
    )
    # The plan finds those that are idle by itself, and says why they go.
    chosen = {group: units & ~idle[group] for group, units in chosen.items()}
    constants = _constants(settings, objective, spec, *spread)
    if constants is not None and settings.where != "after":
        constants = constants_after(objective, spec, network, few, constants)
    plan = plan_removal(
        objective, spec, network, few, chosen, constants, approximate=True
    )
    whole = remove(plan, network)
    uncorrected = take(plan, whole)
    if settings.removal == "mean":
        whole = corrected(
            plan, objective, network, whole, examples, chunk_size=settings.batch_size
        )
    found = take(plan, whole)
    name, widths = models.widths_of(run.model, found.params)
    masks, kept = _masks(found)
    found = found._replace(masks=masks)
    made = replace(settings, model=name, widths=widths, masked=kept)
    error = logit_error(
        plan,
        objective,
        network,
        objective._replace(model=run.model.clone(widths=widths)),
        uncorrected,
        [few],
    )
    return Smaller(made, found, plan, _text(made, plan, cost, what, error))


def digests(found: Smaller) -> dict[str, int]:
    """CRC-32s of the arrays of a smaller network, which all processes must find."""
    named = trees.named_leaves(found.network._asdict())
    leaves = {name: np.ascontiguousarray(leaf) for name, leaf in named.items()}
    return {name: zlib.crc32(leaf.tobytes()) for name, leaf in leaves.items()}


def _scores(settings, objective, spec, network, batches) -> dict[str, np.ndarray]:
    params = network.params
    sites = sites_of(spec, params, settings.where)
    losses = tapped_losses(objective, network.batch_stats, sites)
    key = rng.stream(settings.seed, "units", settings.round)
    scores = unit_scores(
        settings.score,
        losses,
        params,
        batches,
        sites,
        spec,
        key,
        chunk_size=settings.batch_size,
    )
    return {group: np.asarray(score) for group, score in scores.items()}


def _constants(
    settings: UnitsRun,
    objective: Objective,
    spec: Spec,
    network: Network,
    batches: Batches,
) -> dict[str, np.ndarray] | None:
    """The mean of each unit, which takes its place, or None for 0."""
    if settings.removal == "plain":
        return None
    sites = sites_of(spec, network.params, settings.where)
    losses = tapped_losses(objective, network.batch_stats, sites)
    means = mean_outputs(
        losses, network.params, batches, sites, chunk_size=settings.batch_size
    )
    return {name: np.asarray(mean) for name, mean in means.items()}


def _masks(network: Network) -> tuple[Any, dict[str, int]]:
    """Masks that are arrays where they remove something, and what those keep."""

    def simple(mask):
        return np.asarray(True) if np.all(mask) else np.asarray(mask)

    masks = jax.tree.map(simple, network.masks)
    named = trees.named_leaves(masks)
    kept = {name: int(mask.sum()) for name, mask in named.items() if mask.ndim}
    if empty := [name for name, count in kept.items() if not count]:
        raise InputError(f"no weight of {empty[0]} is left: the network is a constant.")
    return masks, kept


def _text(
    settings: UnitsRun, plan: Plan, cost: budget.Cost, what: str, error: float
) -> str:
    left = {group: int((~gone).sum()) for group, gone in plan.removed.items()}
    sizes = plan.spec.sizes
    rows = [
        [group, ", ".join(plan.layers[group]), f"{size:,}", f"{left[group]:,}"]
        for group, size in sizes.items()
    ]
    gone = sum(sizes.values()) - sum(left.values())
    lines = [
        f"Round {settings.round}, {settings.workdir}: {counted(gone, 'unit')} of"
        f" {settings.parent} go, and {cost(left):,} of {cost(sizes):,} {what} stay.",
        format_table(["units", "layers together", "before", "after"], rows),
        *describe(plan),
    ]
    instead = "their means" if settings.removal == "mean" else "zeros"
    lines.append(
        f"The logits differ from those with {instead} in the units' place by"
        f" {error:.1e} of the largest."
    )
    if plan.approximate:
        lines.append(
            "A constant is none at the border of what these layers read, padded with"
            f" zeros: {', '.join(plan.approximate)}."
        )
    return "\n".join(lines)
