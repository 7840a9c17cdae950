"""Sizes and settings of the study of paper 1, and where its runs are."""

from typing import Any, NamedTuple

from analysis.studies.study import SparseStudyOptions


class Scale(NamedTuple):
    """Settings of a scale.

    Attributes:
      training: of every network.
      sparsities: lowest to highest.
      num_seeds: of the solutions.
      zeros: fractions of zeros in the initialisations of dense trainings.
      zeros_seeds: of those.
      fit_steps, points: of a curve's training, and on a path.
      num_examples: that paths are evaluated on; None: all.
      norm_modes: whose statistics batch norm takes, too, on the lines of one cell.
    """

    training: dict[str, Any]
    sparsities: tuple[float, ...]
    num_seeds: int
    zeros: tuple[float, ...]
    zeros_seeds: int
    fit_steps: int = 4000
    points: int = 71
    num_examples: int | None = None
    norm_modes: tuple[str, ...] = ()


SCALES = {
    "digits": Scale(
        {"dataset": "digits", "model": "lenet300"},
        (0.95, 0.98),
        5,
        (0.0, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0),
        2,
    ),
    "mnist": Scale(
        {
            "dataset": "mnist",
            "model": "lenet300",
            "steps": 6000,
            "batch_size": 100,
            "prune_every": 100,
        },
        (0.95, 0.98, 0.99),
        5,
        (0.0, 0.95, 0.9625, 0.975, 0.98, 0.99, 0.995, 0.999, 1.0),
        3,
    ),
    # 5.2 hours of CPU time: a step of 128 images takes 0.32 s, one point of a path 1.2.
    # Weight decay: see `analysis.studies.plateau.scales`.
    "cifar10": Scale(
        {
            "dataset": "cifar10",
            "num_train": 10_000,
            "model": "resnet8",
            "steps": 1200,
            "weight_decay": 1e-3,
            "prune_every": 40,
            "eval_every": 400,
        },
        (0.9, 0.98),
        3,
        (0.0, 0.95, 0.99, 0.999),
        1,
        fit_steps=800,
        points=41,
        num_examples=2048,
        norm_modes=("stored", "re-estimated"),
    ),
    "cifar10-full": Scale(
        {
            "dataset": "cifar10",
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


def full(config: SparseStudyOptions) -> Scale:
    """The scale that a command names, with the settings that it changes."""
    scale = SCALES[config.scale]
    training = scale.training | {"data_dir": config.data_dir}
    if config.model:
        training["model"] = config.model
    num_seeds = config.num_seeds or scale.num_seeds
    return scale._replace(
        training=training,
        sparsities=config.sparsities or scale.sparsities,
        num_seeds=num_seeds,
        zeros_seeds=min(num_seeds, scale.zeros_seeds),
    )


def of(config: SparseStudyOptions) -> Scale:
    """The scale that a command asks for."""
    return quick(config) if config.quick else full(config)


def quick(config: SparseStudyOptions) -> Scale:
    """The same, made small."""
    scale = full(config)
    few: dict[str, Any] = {"steps": 60, "prune_every": 5, "num_train": 300}
    if "schedule" in scale.training:
        few |= {"schedule": "cosine", "decay_steps": ()}
    fit_steps, points = 40, 11
    if scale.training["model"] in ("resnet8", "resnet20"):
        # Most of the rest is compilation, and evaluation on all test images, three
        # times a network.
        few |= {"widths": (2, 2, 4), "steps": 20, "num_train": 192, "batch_size": 32}
        fit_steps, points = 10, 7
        scale = scale._replace(
            sparsities=config.sparsities or scale.sparsities[:1],
            norm_modes=scale.norm_modes[:1],
        )
    return scale._replace(
        training=scale.training | few,
        num_seeds=config.num_seeds or 1,
        zeros=(0.0, 0.95),
        zeros_seeds=1,
        fit_steps=fit_steps,
        points=points,
        num_examples=None,
    )


def root_of(config: SparseStudyOptions, scale: Scale) -> str:
    """The folder of the runs, which studies share."""
    name = f"{config.scale}-{scale.training['model']}"
    return f"{config.workdir}/{name}{'-quick' if config.quick else ''}"
