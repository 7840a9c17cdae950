"""Units of a network: what replacing and removing them does, and their scores (E2.3).

Units are seen after the activation, unless said otherwise; losses are means over the
first training examples, in evaluation mode.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from analysis.studies.dead_units.parts import first_examples, stored
from analysis.studies.dead_units.scales import Scale
from landscape import rng, runs
from landscape.aliases import Batch, Params
from landscape.units import (
    Site,
    Spec,
    constant_units,
    output_statistics,
    sites_of,
    specification,
    tapped_losses,
    unit_scores,
)

PENALTY, REMOVAL = "mrp", "rp"
SALIENCY, NORM, RANDOM = "mrs", "norm", "at_random"
NAMES = (
    SALIENCY, "mrs_signed", "rs", NORM, "activation_mean", "activation_std", RANDOM,
)  # fmt: skip
"""Scores that are compared with the oracle `PENALTY`."""

By = dict[str, np.ndarray]
"""Group of units -> an array of numbers, one a unit."""


class Network(NamedTuple):
    """A network whose units are seen.

    Attributes:
      losses: tapped losses, at `sites`.
      params: of the network.
      data: the examples.
      sites, spec: of its units.
    """

    losses: Partial
    params: Params
    data: Batch
    sites: dict[str, Site]
    spec: Spec

    def score(self, name: str, key: jax.Array | None = None) -> By:
        """A score of `landscape.registries.scores.UNIT_SCORES`."""
        found = unit_scores(
            name, self.losses, self.params, self.data, self.sites, self.spec, key
        )
        return {group: np.asarray(values) for group, values in found.items()}


def network(
    run: runs.Run, params: Params, data: Batch, where: str = "after"
) -> Network:
    """Parameters in the place of a run's own, and the units of its model."""
    params = jax.tree.map(jnp.asarray, params)
    spec = specification(run.model, params)
    sites = sites_of(spec, params, where)
    losses = tapped_losses(run.objective, run.state.batch_stats, sites)
    return Network(losses, params, data, sites, spec)


def look_at(run: runs.Run, params: Params, data: Batch) -> dict[str, Any]:
    """`loss`, and by group `penalty`, its mean replacement's change of the loss in
    magnitude, and `constant`, whether the output is."""
    seen = network(run, params, data)
    outputs = output_statistics(seen.losses, seen.params, data, seen.sites)
    loss = run.objective.data_loss(seen.params, data, run.state.batch_stats)
    return {
        "loss": float(loss),
        "penalty": seen.score(PENALTY),
        "constant": constant_units(outputs, seen.sites),
    }


def look(name: str, examples: int) -> dict[str, Any]:
    """`look_at` a run."""
    run = runs.load(name)
    return look_at(run, run.state.params, first_examples(run.data.train, examples))


def as_lists(found: dict[str, Any]) -> dict[str, Any]:
    """With lists in the place of arrays, as json has them."""
    return jax.tree.map(lambda x: x.tolist() if hasattr(x, "tolist") else x, found)


def count(name: str, scale: Scale) -> dict[str, Any]:
    """What `look` finds of a run, stored."""
    settings = {"examples": scale.examples}
    return stored(name, "units", settings, lambda: as_lists(look(name, scale.examples)))


def measure(name: str, scale: Scale, seed: int) -> dict[str, Any]:
    """What `count` finds, and all scores of the units of a run.

    Returns:
      Also `removal`, by group, the change of the loss when a unit is 0, in magnitude;
      `scores`: name in `NAMES` -> group -> scores; `before`: the penalty and the
      saliency of the same units before the activation, by their names.
    """
    settings = {"examples": scale.examples, "seed": seed, "names": NAMES}

    def found():
        run = runs.load(name)
        data = first_examples(run.data.train, scale.examples)
        after, before = (
            network(run, run.state.params, data, where) for where in ("after", "before")
        )
        scores = {
            each: after.score(each, rng.stream(seed, f"units-{each}")) for each in NAMES
        }
        return as_lists(
            {
                "removal": after.score(REMOVAL),
                "scores": scores,
                "before": {each: before.score(each) for each in (PENALTY, SALIENCY)},
            }
        )

    return count(name, scale) | stored(name, "unit-scores", settings, found)


def num_dead(found: dict[str, Any], tolerance: float, group: str | None = None) -> int:
    """Units whose penalty is below a tolerance, of one group or of all.

    >>> num_dead({"penalty": {"a": [0.0, 1.0], "b": [1e-5]}}, 1e-4)
    2
    """
    groups = found["penalty"] if group is None else [group]
    return sum(int((np.array(found["penalty"][g]) < tolerance).sum()) for g in groups)


def num_units(found: dict[str, Any]) -> int:
    """Units of all groups."""
    return sum(map(len, found["penalty"].values()))
