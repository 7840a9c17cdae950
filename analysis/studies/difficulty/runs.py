"""What the study of paper 1 trains and walks, and the numbers that come of it."""

from pathlib import Path
from typing import Any, NamedTuple

import jax

from analysis import path as path_program
from landscape import derivatives, runs
from landscape.config import DenseRun
from landscape.sparsity import masks
from train import job, mask_source, sparse

SOLUTIONS = ("pruned", "lottery", "scratch")
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
      zeros: share of zeros in the dense initialisation -> test accuracy after training.
    """

    sparsities_used: list[str]
    root: str
    has_norm: bool
    accuracy: dict[str, dict[str, list[float]]]
    train_loss: dict[str, dict[str, list[float]]]
    gradient: dict[str, dict[str, list[float]]]
    paths: dict[str, dict[str, list[dict[str, Any]]]]
    zeros: dict[str, list[float]]


class Scale(NamedTuple):
    """Settings of a scale: of training, and what is studied of it."""

    training: dict[str, Any]
    sparsities: tuple[float, ...]
    num_seeds: int
    zeros: tuple[float, ...]
    zeros_seeds: int
    fit_steps: int = 4000
    points: int = 71


SCALES = {
    "digits": Scale(
        {"model": "lenet300"},
        (0.95, 0.98),
        5,
        (0.0, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0),
        2,
    ),
    "mnist": Scale(
        {"model": "lenet300", "steps": 6000, "batch_size": 100, "prune_every": 100},
        (0.95, 0.98, 0.99),
        5,
        (0.0, 0.95, 0.9625, 0.975, 0.98, 0.99, 0.995, 0.999, 1.0),
        3,
    ),
    "cifar10": Scale(
        {
            "model": "resnet20",
            "steps": 64000,
            "schedule": "step",
            "decay_steps": (32000, 48000),
            "augment": True,
            "prune_every": 1000,
        },
        (0.98, 0.99),
        1,
        (0.0, 0.95, 0.98, 0.99, 0.999, 1.0),
        1,
        fit_steps=8000,
    ),
}


def scale_of(config) -> Scale:
    """The scale, with what the command says otherwise."""
    scale = SCALES[config.scale]
    training = scale.training | {"dataset": config.scale, "data_dir": config.data_dir}
    training |= {"model": config.model} if config.model else {}
    scale = scale._replace(
        training=training,
        sparsities=config.sparsities or scale.sparsities,
        num_seeds=config.num_seeds or scale.num_seeds,
        zeros_seeds=min(config.num_seeds or scale.num_seeds, scale.zeros_seeds),
    )
    if not config.quick:
        return scale
    few = {"steps": 60, "prune_every": 5, "num_train": 300, "schedule": "cosine"}
    return scale._replace(
        training=training | few | {"decay_steps": ()},
        num_seeds=config.num_seeds or 1,
        zeros=(0.0, 0.95),
        zeros_seeds=1,
        fit_steps=40,
        points=11,
    )


def root_of(config, scale: Scale) -> str:
    """The folder of the runs, which studies share."""
    quick = "-quick" if config.quick else ""
    return f"{config.workdir}/{config.scale}-{scale.training['model']}{quick}"


def train(scale: Scale, root: str, sparsity: float, seed: int) -> dict[str, dict]:
    """Trains the three solutions in ROOT/sparsity-X/seed-N/; the summary of each.

    What is finished is read back.
    """
    folder = f"{root}/sparsity-{sparsity:g}/seed-{seed}"
    settings = sparse.Config(
        **scale.training, sparsity=sparsity, seed=seed, workdir=folder
    )
    return {
        Path(each.workdir).name: job.run_training(each, mask_source.start_from(each))
        for each in sparse.expand(settings)
    }


def measure(config) -> Measured:
    """Trains and walks all that is not there yet."""
    scale = scale_of(config)
    root = root_of(config, scale)
    keys = [f"{s:g}" for s in scale.sparsities]
    empty = {name: {key: [] for key in keys} for name in SOLUTIONS}
    accuracy, train_loss, gradient = (
        {name: {key: [] for key in keys} for name in empty} for _ in range(3)
    )
    paths: dict[str, Any] = {name: {key: [] for key in keys} for name in PATHS}
    has_norm = False
    for key, sparsity in zip(keys, scale.sparsities, strict=True):
        for seed in range(scale.num_seeds):
            folder = f"{root}/sparsity-{key}/seed-{seed}"
            for name, summary in train(scale, root, sparsity, seed).items():
                accuracy[name][key].append(summary["test_accuracy"])
                train_loss[name][key].append(summary["train_loss"])
                value, norm = _gradient_size(f"{folder}/{name}")
                gradient[name][key].append(value)
                has_norm |= norm
            for name, (a, b, kind, subspace) in PATHS.items():
                found = _walk(config, scale, f"{folder}/{a}", f"{folder}/{b}", kind,
                              subspace)  # fmt: skip
                paths[name][key].append(found)
    zeros = {}
    for share in scale.zeros:
        zeros[f"{share:g}"] = [
            _from_zeros(scale, share, seed, root) for seed in range(scale.zeros_seeds)
        ]
    return Measured(keys, root, has_norm, accuracy, train_loss, gradient, paths, zeros)


def _walk(config, scale: Scale, a: str, b: str, kind: str, subspace: str) -> dict:
    settings = path_program.Config(
        a,
        b,
        kind=kind,
        subspace=subspace,
        points=scale.points,
        fit_steps=scale.fit_steps,
        num_examples=config.num_examples,
        batch_size=scale.training.get("batch_size", 128),
    )
    found = path_program.run(settings)
    total = [x + y for x, y in zip(found["losses"], found["l2"], strict=True)]
    inside = [x for t, x in zip(found["ts"], total, strict=True) if 0 <= t <= 1]
    return found | {"mean": sum(inside) / len(inside)}


def _from_zeros(scale: Scale, share: float, seed: int, root: str) -> float:
    """Figure 5: test accuracy of a dense training from weights zeroed at random."""
    fields = {k: v for k, v in scale.training.items() if not k.startswith("prune")}
    folder = f"{root}/dense-from-zeros-{share:g}/seed-{seed}"
    settings = DenseRun(**fields, init_zeros=share, seed=seed, workdir=folder)
    return job.run_training(settings)["test_accuracy"]


def _gradient_size(name: str) -> tuple[float, bool]:
    """Mean |gradient| of the objective over what the mask keeps; is there batch norm?

    In evaluation mode, over the whole training split.
    """
    run = runs.load(name)
    state = run.state
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
