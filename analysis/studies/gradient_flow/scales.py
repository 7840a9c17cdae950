"""Sizes and settings of the study."""

from typing import Any, NamedTuple

from analysis.studies.gradient_flow.config import Config


class Sweep(NamedTuple):
    """Every method at several sparsities.

    Attributes:
      training: of every network.
      sparsities: lowest to highest.
      num_seeds: of every method at every sparsity.
      patterns: N:M, of the methods that have these.
      equal: sparsities at which all methods train with the same FLOPs.
      budget: these FLOPs, as a fraction of those of the dense training.
    """

    training: dict[str, Any]
    num_seeds: int
    sparsities: tuple[float, ...] = (0.8, 0.9, 0.95, 0.98, 0.99)
    patterns: tuple[str, ...] = ("2:4", "1:4")
    equal: tuple[float, ...] = (0.8, 0.9, 0.95)
    budget: float = 0.25


class Scale(NamedTuple):
    """Settings of a scale.

    Attributes:
      training: of every network of the table.
      num_seeds: of every row of it.
      published: whether these are the network and the data of the published table.
      updates: steps, each just before one at which masks change, where the Hessian is
        looked at.
      examples: of the training split, for Hessians and gradients at initialisation.
      escape: settings of the networks that are trained once more from a static
        solution.
      escape_sparsities: of these.
      escape_seeds: their number.
      sweep: of --sweep.
    """

    training: dict[str, Any]
    num_seeds: int
    published: bool
    updates: tuple[int, ...]
    examples: int
    escape: dict[str, Any]
    escape_sparsities: tuple[float, ...]
    escape_seeds: int
    sweep: Sweep


RECIPE = {
    "inputs": "scale", "initialisation": "glorot_uniform", "batch_size": 128,
    "learning_rate": 0.05, "weight_decay": 1e-3,
}  # fmt: skip
"""The published one; Keras' l2(5e-4) is a weight decay of 1e-3 here."""

DIGITS = RECIPE | {
    "dataset": "digits", "model": "lenet300", "steps": 3000, "prune_start": 750,
    "prune_end": 1800, "prune_every": 25, "update_every": 25,
}  # fmt: skip
MNIST = RECIPE | {
    "dataset": "mnist", "model": "lenet5", "steps": 11719, "prune_start": 3000,
    "prune_end": 7000, "prune_every": 100, "update_every": 100,
}  # fmt: skip
LENET300 = RECIPE | {
    "dataset": "mnist", "model": "lenet300", "steps": 6000, "prune_start": 1500,
    "prune_end": 3600, "prune_every": 100, "update_every": 100,
}  # fmt: skip

SCALES = {
    "digits": Scale(
        training=DIGITS | {"sparsity": 0.95},
        num_seeds=5,
        published=False,
        updates=(499, 1497),
        examples=1000,
        escape=DIGITS,
        escape_sparsities=(0.98, 0.99),
        escape_seeds=5,
        sweep=Sweep(DIGITS, 5),
    ),
    "mnist": Scale(
        training=MNIST | {"sparsity": 0.95},
        num_seeds=5,
        published=True,
        updates=(1999,),
        examples=500,
        escape=LENET300,
        escape_sparsities=(0.98, 0.99),
        escape_seeds=3,
        sweep=Sweep(LENET300, 1),
    ),
}


def full(config: Config) -> Scale:
    """The scale that a command names, with the settings that it changes."""
    scale, folder = SCALES[config.scale], {"data_dir": config.data_dir}
    seeds = config.num_seeds
    sweep = scale.sweep._replace(
        training=scale.sweep.training | folder,
        num_seeds=seeds or scale.sweep.num_seeds,
    )
    return scale._replace(
        training=scale.training | folder,
        num_seeds=seeds or scale.num_seeds,
        escape=scale.escape | folder,
        escape_seeds=min(seeds or scale.escape_seeds, scale.escape_seeds),
        sweep=sweep,
    )


def of(config: Config) -> Scale:
    """The scale that a command asks for."""
    return quick(config) if config.quick else full(config)


def quick(config: Config) -> Scale:
    """The same, made small."""
    scale = full(config)
    few = {
        "num_train": 300, "steps": 40, "prune_start": 10, "prune_end": 25,
        "prune_every": 5, "update_every": 5, "learning_rate": 0.2,
    }  # fmt: skip
    return scale._replace(
        training=scale.training | few,
        num_seeds=config.num_seeds or 2,
        updates=(19,),
        examples=100,
        escape=scale.escape | few,
        escape_sparsities=scale.escape_sparsities[:1],
        escape_seeds=1,
        sweep=scale.sweep._replace(
            training=scale.sweep.training | few,
            num_seeds=config.num_seeds or 1,
            sparsities=scale.sweep.sparsities[1:2],
            patterns=scale.sweep.patterns[:1],
            equal=scale.sweep.equal[1:2],
        ),
    )
