"""What the study of the sparse subspace trains and looks at; kept run by run."""

import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from analysis.programs import results, shell
from analysis.studies.difficulty import runs as difficulty_runs
from analysis.studies.difficulty.runs import SOLUTIONS
from analysis.studies.subspace import look
from landscape import rng, runs

POINTS = ("trained", "settled")


class Measured(NamedTuple):
    """All that was measured.

    Attributes:
      sparsities_used: as text, lowest to highest.
      root: the folder of the runs.
      accuracy: solution -> sparsity -> test accuracy, one a seed.
      looks: point in `POINTS` -> solution -> sparsity -> what `look.look`
        returns, one a seed. "settled" is where L-BFGS leads within the mask.
    """

    sparsities_used: list[str]
    root: str
    accuracy: dict[str, dict[str, list[float]]]
    looks: dict[str, dict[str, dict[str, list[dict[str, Any]]]]]


class Effort(NamedTuple):
    """How much is done at a scale."""

    settle_steps: int
    curvature_examples: int | None


EFFORTS = {"digits": Effort(1000, None), "mnist": Effort(200, 5000)}
QUICK = Effort(20, 100)


def measure(config) -> Measured:
    """Trains and looks at all that is not there yet."""
    scale = difficulty_runs.scale_of(config)
    root = difficulty_runs.root_of(config, scale)
    effort = QUICK if config.quick else EFFORTS[config.scale]
    keys = [f"{s:g}" for s in scale.sparsities]

    def empty():
        return {name: {key: [] for key in keys} for name in SOLUTIONS}

    accuracy, looks = empty(), {point: empty() for point in POINTS}
    for key, sparsity in zip(keys, scale.sparsities, strict=True):
        for seed in range(scale.num_seeds):
            summaries = difficulty_runs.train(scale, root, sparsity, seed)
            for name in SOLUTIONS:
                accuracy[name][key].append(summaries[name]["test_accuracy"])
                folder = f"{root}/sparsity-{key}/seed-{seed}/{name}"
                for point, found in look_at(folder, effort).items():
                    looks[point][name][key].append(found)
    return Measured(keys, root, accuracy, looks)


def look_at(name: str, effort: Effort) -> dict[str, dict[str, Any]]:
    """The two looks at a run, from its folder if they are there."""
    settings = {"version": 1, **effort._asdict()}
    ref = runs.parse(name)
    where = results.folder("subspace", [], [ref], settings)
    return shell.read_or_compute(where, partial(_look, ref, effort))


def _look(ref: runs.Ref, effort: Effort, where: Path) -> dict[str, dict[str, Any]]:
    print(f"{ref}: inside the mask and outside of it", file=sys.stderr, flush=True)
    run = runs.load(ref)
    with jax.enable_x64(True):
        params, stats = wide((run.state.params, run.state.batch_stats))
        data = wide(run.data.train)
        part = {k: v[: effort.curvature_examples] for k, v in data.items()}
        objective, masks, key = run.objective, run.masks, rng.stream(0, "subspace")
        found = {"trained": look.look(objective, stats, params, masks, data, part, key)}
        point = look.settle(objective, stats, params, masks, data, effort.settle_steps)
        found["settled"] = look.look(
            objective, stats, point, masks, data, part, key, dense_pairs=0
        )
    results.write_result(where, found)
    return found


def wide(tree: Any) -> Any:
    """The tree with its float32 leaves in float64, so that signs are real."""

    def cast(x):
        return jnp.asarray(x, jnp.float64) if np.asarray(x).dtype == np.float32 else x

    return jax.tree.map(cast, tree)
