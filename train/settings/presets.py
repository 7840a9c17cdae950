"""Published recipes as settings: --preset NAME; flags and --config win."""

from collections.abc import Callable
from typing import Any

from landscape.errors import check_choice

IMAGENET = 1_281_167
"""Training images of ImageNet-2012."""
BATCH = 4096

_RESNET50 = {
    "dataset": "imagenet2012",
    "image_size": 224,
    "augment": True,
    "model": "resnet50",
    "batch_size": BATCH,
    # 0.1 for every 256 images.
    "learning_rate": 1.6,
    "schedule": "step",
    "optimizer": "sgd",
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 1e-4,
    "precision": "bfloat16",
    "save_every": 1000,
    # A signal is acted on where the window of a log line ends.
    "log_every": 20,
    "dense_layers": ("Conv_0",),
}

SCHEDULES = {
    0.80: (12_500, 40_000, 2_000, 0.1),
    0.91: (12_500, 36_000, 2_000, 0.1),
    0.96: (7_500, 36_000, 1_000, 0.0),
    0.98: (12_500, 36_000, 500, 0.0),
}
"""Sparsity -> first and last mask update, steps between them, and label smoothing: the
first of the three schedules of Evci et al. 2019, table 1; label smoothing as in the
checkpoints of Gale et al. 2019."""


def epochs(*numbers: float) -> tuple[int, ...]:
    """The steps at which these epochs of ImageNet end, with batches of 4096.

    >>> epochs(5, 50)
    (1564, 15639)
    """
    return tuple(round(number * IMAGENET / BATCH) for number in numbers)


def difficulty_resnet50(sparsity: float = 0.8) -> dict[str, Any]:
    """Evci et al. 2019 (arXiv:1906.10732), appendix A: gradual pruning of ResNet-50.

    The schedule is that of the nearest sparsity of table 1.
    """
    nearest = min(SCHEDULES, key=lambda known: abs(known - sparsity))
    start, end, every, smoothing = SCHEDULES[nearest]
    (warmup,) = epochs(5)
    return _RESNET50 | {
        "steps": 48_000,
        "warmup": warmup,
        "decay_steps": epochs(50, 120, 140),
        "label_smoothing": smoothing,
        "sparsity": sparsity,
        "max_sparsity": {"Dense_0": 0.8},
        "prune_start": start,
        "prune_end": end,
        "prune_every": every,
        "method": ("pruning",),
    }


def rigl_resnet50(sparsity: float = 0.8) -> dict[str, Any]:
    """Evci et al. 2020 (arXiv:1911.11134), section 4.1: RigL, Erdos-Renyi-kernel."""
    (warmup,) = epochs(5)
    return {k: v for k, v in _RESNET50.items() if k != "dense_layers"} | {
        "steps": 32_000,
        "warmup": warmup,
        "decay_steps": epochs(30, 70, 90),
        "label_smoothing": 0.1,
        "sparsity": sparsity,
        "distribution": "erk",
        "update_every": 100,
        "update_end": 25_000,
        "drop_fraction": 0.3,
        "drop_schedule": "cosine",
        "method": ("rigl",),
    }


def cifar10_resnet20() -> dict[str, Any]:
    """He et al. 2016 (arXiv:1512.03385), section 4.2: ResNet-20, dense.

    All 50,000 images are trained on, and the last step is tested: the paper takes 5,000
    of them away for choosing the schedule alone. Its weight decay is of all parameters.
    """
    return {
        "dataset": "cifar10",
        "augment": True,
        "model": "resnet20",
        "batch_size": 128,
        "steps": 64_000,
        "learning_rate": 0.1,
        "schedule": "step",
        "decay_steps": (32_000, 48_000),
        "optimizer": "sgd",
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "decay_all": True,
        "eval_every": 3_200,
        "save_every": 3_200,
    }


def sparse_cifar10_resnet20(sparsity: float = 0.9) -> dict[str, Any]:
    """The same recipe for pruned, static and RigL networks, equally sparse by layer.

    Masks change as by default, cubic pruning from a fifth to two thirds of the steps;
    RigL's as in Evci et al. 2020, until three quarters of them.
    """
    return cifar10_resnet20() | {
        "sparsity": sparsity,
        "distribution": "erk",
        "update_every": 100,
        "update_end": 48_000,
        "drop_fraction": 0.3,
        "drop_schedule": "cosine",
        "method": ("pruning", "static", "rigl"),
    }


PRESETS: dict[str, Callable[..., dict[str, Any]]] = {
    "difficulty-resnet50": difficulty_resnet50,
    "rigl-resnet50": rigl_resnet50,
    "cifar10-resnet20": sparse_cifar10_resnet20,
}
"""Those of train.sparse."""

DENSE_PRESETS: dict[str, Callable[[], dict[str, Any]]] = {
    "cifar10-resnet20": cifar10_resnet20
}
"""Those of train.dense."""


def of(name: str, sparsity: float | None = None) -> dict[str, Any]:
    """The settings of a preset, at the sparsity that is asked for, or its own.

    Raises:
      InputError: there is no such preset.

    >>> of("difficulty-resnet50", 0.97)["prune_every"]
    1000
    """
    check_choice("preset", name, PRESETS)
    return PRESETS[name](*[] if sparsity is None else [sparsity])


def of_dense(name: str) -> dict[str, Any]:
    """The settings of a preset of a dense network.

    Raises:
      InputError: there is no such preset.

    >>> of_dense("cifar10-resnet20")["steps"]
    64000
    """
    check_choice("preset", name, DENSE_PRESETS)
    return DENSE_PRESETS[name]()
