"""Units of a run at every step it kept, in pieces that are saved: one a step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.tree_util import Partial

from analysis.programs import inputs, results
from landscape import derivatives, models, rng, runs, units, weighting
from landscape.aliases import Batch
from landscape.callables import Static
from landscape.cli import Progress
from landscape.disk import units_json
from landscape.errors import InputError
from landscape.machine import on_devices
from landscape.objective import Objective

CHUNK = 250
"""Examples in one forward pass: what bounds the memory."""

STEPS = "steps"
"""Of a partial result: the steps that it has been through."""

Arrays = results.Arrays


class Setup(NamedTuple):
    """What is measured of the units of a network, whatever its parameters.

    Attributes:
      objective: of the run.
      spec, sites: its units, and where they are seen.
      splits: the examples that each is judged on, by the name of their split: batches.
      train: those whose means take the units' place.
      where: on which devices, among which examples are divided.
    """

    objective: Objective
    spec: units.Spec
    sites: dict[str, units.Site]
    splits: dict[str, list[Batch]]
    train: list[Batch]
    where: on_devices.OnDevices

    @property
    def chunk(self) -> int:
        """Examples in one forward pass of all devices."""
        return self.where.chunk_size(CHUNK)

    def state(self, ref: runs.Ref) -> Any:
        """Of a run that it kept, on the devices."""
        return self.where.whole(runs.load(ref, data=False).state)


def setup_of(run: runs.Run, where: str, names: Sequence[str], count: int) -> Setup:
    """The units of a run's network, and the first `count` examples of its splits.

    Raises:
      InputError: as `inputs.units_of`, or it has no hidden units.
    """
    try:
        spec = inputs.units_of(run)
    except InputError as error:
        raise InputError(
            f"{error} Scores work in a notebook, of any function that tells its units:"
            " landscape.units.unit_scores."
        ) from None
    if not spec.sizes:
        raise InputError(
            f"{run.config.workdir} has no units to look at: no layer of its"
            f" {run.config.model} is followed by another."
        )
    if models.is_adapted(run.model):
        raise InputError(
            f"{run.config.workdir} is a network in NNX or Equinox, and units are seen"
            " in the layers of Linen modules alone; analysis.path --align works."
        )
    there = on_devices.all_devices()
    first = {}
    for name in ("train", *names):
        split = {k: v[:count] for k, v in getattr(run.data, name).items()}
        first[name] = first.get(name) or there.divided(split)
    sites = units.sites_of(spec, run.state.params, where, run.objective.rules)
    chosen = {name: first[name] for name in names}
    return Setup(run.objective, spec, sites, chosen, first["train"], there)


def losses(setup: Setup, refs: Sequence[runs.Ref]) -> dict[str, list[float]]:
    """The mean loss of each split at each step, in eval mode."""
    found: dict[str, list[float]] = {name: [] for name in setup.splits}
    for ref in refs:
        state = setup.state(ref)
        loss_fn = setup.objective.bind(state.batch_stats)
        for name, split in setup.splits.items():
            loss = derivatives.average(
                _flipped, split, loss_fn, state.params, chunk_size=setup.chunk
            )
            found[name].append(float(loss))
    return found


def _flipped(loss_fn, params, batch):
    return loss_fn(params, batch)


def penalties(folder: Path, setup: Setup, refs: Sequence[runs.Ref]) -> Arrays:
    """What replacing each unit by its mean does to the loss, at each step of a run.

    Returns:
      "penalty/SPLIT/GROUP", [steps, units], the change of the loss in magnitude; and
      "constant/GROUP", booleans [steps, units]. The mean is that over the training
      examples, for the test split too.
    """
    found = _by_step(results.kept(folder))
    bar = Progress("kept steps", len(refs), unit="step")
    for count, ref in enumerate(refs, 1):
        if ref.step not in found:
            found[ref.step] = _of_state(setup, setup.state(ref))
            if count < len(refs):
                partial = _stacked(found) | {STEPS: np.array(list(found))}
                results.keep(folder, partial, f"{count} of {len(refs)} steps")
        bar.update(count)
    bar.close()
    # A run that is being trained may have lost steps since, and have new ones.
    return _stacked({ref.step: found[ref.step] for ref in refs})


def _by_step(kept: Arrays) -> dict[int, Arrays]:
    """Partial results of each step; none of what does not say its steps."""
    steps = kept.pop(STEPS, np.array([], int)).tolist()
    return {step: {k: x[i] for k, x in kept.items()} for i, step in enumerate(steps)}


def _stacked(found: dict[int, Arrays]) -> Arrays:
    names = next(iter(found.values()))
    return {name: np.stack([each[name] for each in found.values()]) for name in names}


def _of_state(setup: Setup, state: Any) -> Arrays:
    tapped = units.tapped_losses(setup.objective, state.batch_stats, setup.sites)
    args = (tapped, state.params)
    chunks = {"chunk_size": setup.chunk}
    outputs = units.output_statistics(*args, setup.train, setup.sites, **chunks)
    constant = units.constant_units(outputs, setup.sites)
    found = {f"constant/{group}": values for group, values in constant.items()}
    means = {name: each.mean for name, each in outputs.items()}
    for name, split in setup.splits.items():
        penalty = units.unit_scores(
            "mrp", *args, split, setup.sites, setup.spec, means=means, **chunks
        )
        found |= {f"penalty/{name}/{g}": np.asarray(x) for g, x in penalty.items()}
    return found


def scores(setup: Setup, state: Any, names: Sequence[str], seed: int) -> Arrays:
    """ "score/NAME/GROUP", [units], on the first of the splits."""
    tapped = units.tapped_losses(setup.objective, state.batch_stats, setup.sites)
    split = next(iter(setup.splits.values()))
    found = {}
    bar = Progress("scores", len(names), unit="score")
    for done, name in enumerate(names, 1):
        values = units.unit_scores(
            name, tapped, state.params, split, setup.sites, setup.spec,
            rng.stream(seed, f"units-{name}"), setup.objective.rules,
            chunk_size=setup.chunk,
        )  # fmt: skip
        found |= {f"score/{name}/{g}": np.asarray(x) for g, x in values.items()}
        bar.update(done)
    bar.close()
    return found


def together(
    setup: Setup, state: Any, arrays: Arrays, tolerance: float
) -> dict[str, dict[str, float]]:
    """What replacing all dead units of a state by their means does to the loss.

    Args:
      state: of the last step.
      arrays: of `penalties`.

    Returns:
      By split: "change" of the loss, in nats; and "alone", the sum of the magnitudes of
      the changes when one unit alone is replaced.
    """
    tapped = units.tapped_losses(setup.objective, state.batch_stats, setup.sites)
    means = units.mean_outputs(
        tapped, state.params, setup.train, setup.sites, chunk_size=setup.chunk
    )
    change = Partial(Static(_change, (tuple(setup.sites.items()),)), tapped)
    found = {}
    for name, split in setup.splits.items():
        last = {g: arrays[f"penalty/{name}/{g}"][-1] for g in setup.spec.sizes}
        dead = {group: penalty < tolerance for group, penalty in last.items()}
        value = derivatives.average(
            change, split, state.params, dead, means, chunk_size=setup.chunk
        )
        alone = sum(float(last[group][dead[group]].sum()) for group in last)
        found[name] = {"change": float(value), "alone": alone}
    return found


def _change(sites, tapped, params, dead, means, batch):
    replaced = tapped(params, batch, units.replacing(dict(sites), dead, means))
    plain = tapped(params, batch, lambda name, x: x)
    return weighting.weighted_mean(replaced - plain, weighting.of_batch(batch))


def first_units(folder: Path) -> dict[str, list[int]] | None:
    """Of a network that was made smaller, the units' indices in the first of all.

    Raises:
      InputError: its table of units is damaged.
    """
    found = units_json.read(folder)
    if found is None:
        return None
    return {group: list(indices) for group, indices in found.kept.items()}
