"""The networks of the ablation, and their sizes on each data set; imports no JAX."""

from typing import Any, NamedTuple

from analysis.studies.study import StudyOptions
from landscape.config import DenseRun

WHOLE, PLAIN = "whole", "plain"
FACTORS = {
    "shallow": "depth",
    "no sums": "residual sums",
    "no norm": "batch norm",
    "two classes": "more than two classes",
    "no decay": "weight decay",
}
"""Networks that lack one thing which the whole one has, and what that is."""
NETWORKS = (PLAIN, "shallow", "two classes", "no sums", "no norm", "no decay", WHOLE)
"""In the order in which they are trained: what takes least time comes first."""


class Scale(NamedTuple):
    """Settings of a scale.

    Attributes:
      training: of every network.
      classes: of the data set.
      blocks, few_blocks: of deep and shallow networks.
      width: of their layers.
      convolutions: whether these are convolutions.
      num_seeds: of each network.
      points: on a line.
      num_examples: that it is evaluated on; None: all.
    """

    training: dict[str, Any]
    classes: int
    blocks: int
    few_blocks: int
    width: int
    convolutions: bool
    num_seeds: int = 3
    points: int = 41
    num_examples: int | None = None


SHARED = {
    "learning_rate": 0.05,
    "warmup": 100,
    "batch_size": 128,
    "eval_every": 500,
    # So that kernels shrink in these few steps as they do in the paper's 48,000 with
    # 1e-4, where their sum of squares falls to about a fifth: by
    # exp(-2 w sum of rates / (1 - momentum)) = exp(-1.5) without the loss' gradient.
    "weight_decay": 2e-3,
}
SCALES = {
    "digits": Scale(
        {"dataset": "digits", "steps": 1500, **SHARED}, 10, 9, 1, 64, False
    ),
    "blobs": Scale(
        {
            "dataset": "blobs",
            "blob_samples": 10_000,
            "blob_variance": 4.0,
            "steps": 1500,
            **SHARED,
        },
        100, 9, 1, 64, False,
        num_examples=2048,
    ),
    "cifar10": Scale(
        {"dataset": "cifar10", "num_train": 10_000}
        | SHARED
        | {"steps": 1000, "weight_decay": 3e-3},
        10, 9, 1, 16, True,
        num_seeds=2,
        points=21,
        num_examples=1024,
    ),
}  # fmt: skip


def full(config: StudyOptions) -> Scale:
    """The scale that a command names, with the settings that it changes."""
    scale = SCALES[config.scale]
    return scale._replace(
        training=scale.training | {"data_dir": config.data_dir},
        num_seeds=config.num_seeds or scale.num_seeds,
    )


def of(config: StudyOptions) -> Scale:
    """The scale that a command asks for; that of --quick is smaller."""
    scale = full(config)
    if not config.quick:
        return scale
    few = {"steps": 60, "warmup": 0}
    if scale.training["dataset"] == "blobs":
        few["blob_samples"] = 1000
    else:
        few["num_train"] = 300
    return scale._replace(
        training=scale.training | few,
        blocks=2,
        num_seeds=config.num_seeds or 1,
        points=11,
        num_examples=256,
    )


def root_of(config: StudyOptions) -> str:
    """The folder of the runs."""
    return f"{config.workdir}/plateau-{config.scale}{'-quick' if config.quick else ''}"


def layers(scale: Scale, network: str) -> int:
    """The layers with weights of a network."""
    return 2 * _blocks(scale, network) + 2


def classes(scale: Scale, network: str) -> int:
    """The classes that a network tells apart."""
    return 2 if network == "two classes" else scale.classes


def settings(scale: Scale, root: str, network: str, seed: int) -> DenseRun:
    """The training of a network."""
    plain = network == PLAIN
    parts = {
        "blocks": _blocks(scale, network),
        "width": scale.width,
        "sums": not plain and network != "no sums",
        "norm": not plain and network != "no norm",
        "convolutions": scale.convolutions,
    }
    data: dict[str, Any] = {}
    dataset, few = scale.training["dataset"], classes(scale, network)
    if dataset == "blobs":
        data = {"blob_classes": few}
    elif few != scale.classes:
        data = {
            "dataset": "analysis.studies.plateau.data:merged",
            "data_args": (f"dataset={dataset}", f"classes={few}"),
        }
    if network == "no decay":
        data |= {"weight_decay": 0.0}
    return DenseRun(
        **scale.training | data,
        model="analysis.studies.plateau.network:Network",
        model_args=tuple(f"{name}={value}" for name, value in parts.items()),
        seed=seed,
        workdir=f"{root}/{network.replace(' ', '-')}/seed-{seed}",
    )


def _blocks(scale: Scale, network: str) -> int:
    return scale.few_blocks if network in (PLAIN, "shallow") else scale.blocks
