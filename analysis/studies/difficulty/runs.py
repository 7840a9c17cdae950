"""What the study of paper 1 trains and evaluates, and the resulting numbers."""

from typing import Any, NamedTuple

import jax

from analysis import path
from analysis.studies import training
from analysis.studies.difficulty.config import Config
from analysis.studies.difficulty.scales import Scale, root_of
from analysis.studies.difficulty.solutions import SOLUTIONS, train
from analysis.studies.difficulty.trainings import folder_of, from_zeros
from analysis.studies.steps import Steps
from landscape import derivatives, runs
from landscape.cli import activity, limit_compiled_programs
from landscape.sparsity import masks

# name: from, to, kind, subspace
PATHS = {
    "ID-1": ("pruned@init", "pruned", "line", "sparse"),
    "IS-1": ("lottery@init", "pruned", "line", "sparse"),
    "IS-2": ("scratch@init", "pruned", "line", "sparse"),
    "linear": ("pruned", "scratch", "line", "sparse"),
    "quadratic, sparse": ("pruned", "scratch", "quadratic", "sparse"),
    "cubic, sparse": ("pruned", "scratch", "cubic", "sparse"),
    "quadratic, dense": ("pruned", "scratch", "quadratic", "dense"),
    "lottery": ("pruned", "lottery", "line", "sparse"),
}


LINES = ("ID-1", "IS-1", "linear")
"""Paths on which the statistics of batch norm are compared."""


class Measured(NamedTuple):
    """All that was measured; lists are over seeds, keys are sparsities as text.

    Attributes:
      sparsities_used: lowest to highest.
      root: the folder of the runs.
      has_norm: whether the networks have batch norm.
      accuracy: solution -> sparsity -> test accuracy.
      train_loss: the same, cross-entropy over the training split.
      gradient: the same, mean absolute entry of the objective's gradient over the kept
        weights, biases and batch norm.
      paths: name in `PATHS` -> sparsity -> what analysis.path found, with "mean", the
        mean objective on [0, 1].
      zeros: fraction of zeros in the dense initialisation -> test accuracy after
        training.
      norm_modes: whose statistics batch norm takes -> name in `LINES` -> that path at
        the highest sparsity, first seed; {} without batch norm, or if the scale names
        no others to compare.
    """

    sparsities_used: list[str]
    root: str
    has_norm: bool
    accuracy: dict[str, dict[str, list[float]]]
    train_loss: dict[str, dict[str, list[float]]]
    gradient: dict[str, dict[str, list[float]]]
    paths: dict[str, dict[str, list[dict[str, Any]]]]
    zeros: dict[str, list[float]]
    norm_modes: dict[str, dict[str, dict[str, Any]]]


def measure(config: Config, scale: Scale) -> Measured:
    """Trains and evaluates all that is not there yet."""
    root = root_of(config, scale)
    keys = [f"{sparsity:g}" for sparsity in scale.sparsities]

    def empty(names):
        return {name: {key: [] for key in keys} for name in names}

    accuracy, train_loss, gradient = (empty(SOLUTIONS) for _ in range(3))
    paths = empty(PATHS)
    has_norm = False
    pairs = len(keys) * scale.num_seeds
    modes = len(scale.norm_modes)
    others = modes + len(scale.zeros) * scale.zeros_seeds
    steps = Steps(pairs * (1 + len(PATHS)) + others)
    for key, sparsity in zip(keys, scale.sparsities, strict=True):
        for seed in range(scale.num_seeds):
            folder = folder_of(root, sparsity, seed)
            where = f"sparsity {key}, seed {seed}"
            steps.begin(f"{where}: the three networks")
            for name, summary in train(scale, root, sparsity, seed).items():
                accuracy[name][key].append(summary["test_accuracy"])
                train_loss[name][key].append(summary["train_loss"])
                value, norm = _gradient_size(f"{folder}/{name}")
                gradient[name][key].append(value)
                has_norm |= norm
            for name in PATHS:
                steps.begin(f"{where}: path {name}")
                paths[name][key].append(_path(scale, folder, name))
    folder = folder_of(root, scale.sparsities[-1], 0)
    norm_modes = {"batch": {name: paths[name][keys[-1]][0] for name in LINES}}
    for mode in steps.each("batch norm with statistics", scale.norm_modes):
        if has_norm:
            norm_modes[mode] = {
                name: _path(scale, folder, name, mode) for name in LINES
            }
    zeros = {
        f"{fraction:g}": [
            training.train(from_zeros(scale, root, fraction, seed))["test_accuracy"]
            for seed in steps.each(
                f"dense from {100 * fraction:g} % zeros, seed", range(scale.zeros_seeds)
            )
        ]
        for fraction in scale.zeros
    }
    return Measured(
        keys, root, has_norm, accuracy, train_loss, gradient, paths, zeros,
        norm_modes if has_norm and modes else {},
    )  # fmt: skip


def _path(
    scale: Scale, folder: str, name: str, batch_norm: str = "batch"
) -> dict[str, Any]:
    limit_compiled_programs()
    a, b, kind, subspace = PATHS[name]
    settings = path.Config(
        f"{folder}/{a}",
        f"{folder}/{b}",
        kind=kind,
        subspace=subspace,
        points=scale.points,
        fit_steps=scale.fit_steps,
        num_examples=scale.num_examples,
        batch_norm=batch_norm,
        batch_size=scale.training.get("batch_size", 128),
    )
    found = path.run(settings)
    total = [x + y for x, y in zip(found["losses"], found["l2"], strict=True)]
    inside = [x for t, x in zip(found["ts"], total, strict=True) if 0 <= t <= 1]
    return found | {"mean": sum(inside) / len(inside)}


def _gradient_size(name: str) -> tuple[float, bool]:
    """Mean |gradient| of the objective over what the mask keeps; is there batch norm?

    In evaluation mode, over the whole training split.
    """
    run = runs.load(name)
    state = run.state
    with activity("gradient"):
        gradient = derivatives.gradient(
            run.objective.bind(state.batch_stats, l2=True),
            state.params,
            run.data.train,
            chunk_size=1000,
        )
    gradient = masks.apply(run.masks, gradient)
    total = sum(float(abs(leaf).sum()) for leaf in jax.tree.leaves(gradient))
    kept = sum(int(n) for n in masks.count(run.masks, state.params).values())
    return total / kept, bool(jax.tree.leaves(state.batch_stats))
