"""What the study of the sparse subspace trains and analyses; stored run by run."""

import sys
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from analysis.programs import results
from analysis.studies.difficulty.scales import root_of
from analysis.studies.difficulty.solutions import SOLUTIONS, train
from analysis.studies.difficulty.trainings import folder_of
from analysis.studies.steps import Steps
from analysis.studies.study import SparseStudyOptions
from analysis.studies.subspace import curvature, descent
from analysis.studies.subspace.scales import Scale
from landscape import rng, runs, trees
from landscape.cli import activity, limit_compiled_programs

POINTS = ("trained", "settled")  # Stored names, as `looks` is.


class Measured(NamedTuple):
    """All that was measured.

    Attributes:
      sparsities_used: as text, lowest to highest.
      root: the folder of the runs.
      accuracy: solution -> sparsity -> test accuracy, one a seed.
      looks: point in `POINTS` -> solution -> sparsity -> the result of
        `curvature.analyse`, one a seed. "settled" is the point that L-BFGS reaches
        within the mask.
    """

    sparsities_used: list[str]
    root: str
    accuracy: dict[str, dict[str, list[float]]]
    looks: dict[str, dict[str, dict[str, list[dict[str, Any]]]]]


def measure(config: SparseStudyOptions, scale: Scale) -> Measured:
    """Trains and analyses all that is not there yet."""
    solutions = scale.solutions
    root = root_of(config, solutions)
    keys = [f"{sparsity:g}" for sparsity in solutions.sparsities]

    def empty():
        return {name: {key: [] for key in keys} for name in SOLUTIONS}

    accuracy, looks = empty(), {point: empty() for point in POINTS}
    steps = Steps(len(keys) * solutions.num_seeds * (1 + len(SOLUTIONS)))
    for key, sparsity in zip(keys, solutions.sparsities, strict=True):
        for seed in range(solutions.num_seeds):
            where = f"sparsity {key}, seed {seed}"
            steps.begin(f"{where}: the three networks")
            summaries = train(solutions, root, sparsity, seed)
            for name in SOLUTIONS:
                limit_compiled_programs()
                steps.begin(f"{where}: curvature of {name}")
                accuracy[name][key].append(summaries[name]["test_accuracy"])
                run = f"{folder_of(root, sparsity, seed)}/{name}"
                for point, found in analyse(run, scale).items():
                    looks[point][name][key].append(found)
    return Measured(keys, root, accuracy, looks)


def analyse(name: str, scale: Scale) -> dict[str, dict[str, Any]]:
    """The analyses of a run at both `POINTS`, from its folder if they are there."""
    settings = {
        "version": 1,
        "settle_steps": scale.minimise_steps,
        "curvature_examples": scale.curvature_examples,
    }
    ref = runs.parse(name)
    folder = results.folder("subspace", [], [ref], settings)
    found = results.read(folder)
    if found is None:
        found = _analyse(ref, scale)
        results.write(folder, found)
    return found


def _analyse(ref: runs.Ref, scale: Scale) -> dict[str, dict[str, Any]]:
    print(f"{ref}: inside the mask and outside of it", file=sys.stderr, flush=True)
    run = runs.load(ref)
    with activity("curvature"), jax.enable_x64(True):
        # So that signs are not rounding.
        wide = trees.widened((run.state.params, run.state.batch_stats, run.data.train))
        params, stats, data = jax.tree.map(jnp.asarray, wide)
        part = {k: v[: scale.curvature_examples] for k, v in data.items()}
        objective, masks, key = run.objective, run.masks, rng.stream(0, "subspace")
        trained = curvature.analyse(objective, stats, params, masks, data, part, key)
        point = descent.minimise_in_mask(
            objective, stats, params, masks, data, scale.minimise_steps
        )
        settled = curvature.analyse(
            objective, stats, point, masks, data, part, key, dense_pairs=0
        )
    return dict(zip(POINTS, (trained, settled), strict=True))
