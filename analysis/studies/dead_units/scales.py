"""Sizes and settings of the study of paper 2."""

from typing import Any, NamedTuple

from analysis.studies.difficulty import scales as difficulty
from analysis.studies.study import StudyOptions

FRACTIONS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Of the weights or units that are removed without training afterwards."""

NORMED = " with batch norm"
"""Ends the name of an activation behind batch norm: of the model that ends in -bn."""

TOLERANCE = 1e-4
"""A unit is dead if its mean replacement changes the loss by less, in nats."""


class Shrink(NamedTuple):
    """Networks that are shrunk and trained on; see `shrinking`.

    Attributes:
      networks: name -> settings of its dense training.
      num_seeds: of each.
      keep: fractions of the parameters that are kept, falling; the first is judged.
      rounds: removals to the first of them, each with a training after it; the others
        take one more each.
      part: a training takes the dense one's steps over this.
      scores: that choose the units, and whether their means move on ("mean") or are
        lost ("plain"); the first is judged.
    """

    networks: dict[str, dict[str, Any]]
    num_seeds: int = 3
    keep: tuple[float, ...] = (0.2,)
    rounds: int = 3
    part: int = 5
    scores: tuple[tuple[str, str], ...] = (("mrs", "mean"),)


ALL_SCORES = (
    ("mrs", "mean"), ("mrs", "plain"), ("norm", "mean"), ("at_random", "mean"),
)  # fmt: skip


class Scale(NamedTuple):
    """Settings of a scale.

    Attributes:
      training: of every dense network.
      layers: kernels whose weights are removed one by one.
      activations: the first is judged; dead units are counted with each. With the end
        `NORMED` batch norm comes before it.
      num_seeds: of the dense and the sparse networks.
      other_seeds: of the dense networks with activations that are not judged.
      stages: steps at which scores are compared with what removal does; the first is
        the initialisation, the last the end.
      counted: steps at which dead units are counted.
      examples: the first of the training split, that losses are means over; accuracies
        are over as many of the test split.
      fractions: see `FRACTIONS`.
      probes: of the diagonal of the Hessian.
      spectrum: settings of the networks whose Hessian is found whole.
      spectrum_seeds: their number.
      sparse: of the pruned, lottery and scratch networks.
      path_points: on each path, ends included.
      path_seeds: pairs of ends.
      shrink: networks that are shrunk; None: none.
    """

    training: dict[str, Any]
    layers: tuple[str, ...]
    stages: tuple[int, ...]
    counted: tuple[int, ...]
    spectrum: dict[str, Any]
    sparse: difficulty.Scale
    activations: tuple[str, ...] = ("relu", "tanh")
    num_seeds: int = 5
    other_seeds: int = 5
    examples: int = 1000
    fractions: tuple[float, ...] = FRACTIONS
    probes: int = 100
    spectrum_seeds: int = 5
    path_points: int = 9
    path_seeds: int = 5
    shrink: Shrink | None = None


PLAIN = {"schedule": "constant", "momentum": 0.5, "weight_decay": 0.0}
"""The thesis': gradient descent with momentum 0.5, a constant rate, no decay."""

DIGITS = PLAIN | {
    "dataset": "digits", "model": "mlp", "widths": (100, 50), "steps": 1500,
    "learning_rate": 0.1, "keep_every": 100, "log_every": 100,
}  # fmt: skip
MNIST = PLAIN | {
    "dataset": "mnist", "model": "lenet", "widths": (8, 16, 64), "steps": 18750,
    "batch_size": 32, "learning_rate": 0.01, "keep_every": 1875, "log_every": 625,
}  # fmt: skip
"""Ten epochs of the thesis' network, of 20,522 parameters; its kernels start He normal,
the thesis' with Xavier's."""
LENET300 = PLAIN | {
    "dataset": "mnist", "model": "lenet300", "steps": 9380, "learning_rate": 0.1,
}  # fmt: skip
"""Twenty epochs."""

SCALES = {
    "digits": Scale(
        training=DIGITS,
        layers=("Dense_1", "Dense_2"),
        activations=("relu", "tanh", f"relu{NORMED}"),
        stages=(0, 100, 500, 1500),
        counted=(0, 100, 200, 300, 500, 700, 1000, 1500),
        spectrum=DIGITS | {"widths": (30, 20), "keep_every": None},
        sparse=difficulty.Scale(
            {"dataset": "digits", "model": "mlp", "widths": (100, 50), "steps": 1500},
            (0.95,), 5, (), 0, fit_steps=1500,
        ),
        shrink=Shrink({"MLP 100-50": DIGITS}, num_seeds=5),
    ),
    "mnist": Scale(
        training=MNIST,
        layers=("Conv_0", "Conv_1", "Dense_1"),
        stages=(0, 1875, 18750),
        counted=(0, 1875, 3750, 7500, 11250, 15000, 18750),
        spectrum=PLAIN | {
            "dataset": "mnist", "num_train": 1000, "model": "mlp", "widths": (10, 10),
            "steps": 3000, "learning_rate": 0.1,
        },
        sparse=difficulty.SCALES["mnist"]._replace(sparsities=(0.98,)),
        other_seeds=2,
        fractions=(0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9),
        probes=50,
        spectrum_seeds=3,
        path_points=5,
        path_seeds=3,
        shrink=Shrink({"LeNet 8-16-64": MNIST}, num_seeds=5, rounds=4, part=10),
    ),
}  # fmt: skip
SHRINK = {
    "digits": Shrink({"MLP 100-50": DIGITS}, keep=(0.2, 0.1, 0.05), scores=ALL_SCORES),
    "mnist": Shrink(
        {"LeNet 8-16-64": MNIST, "LeNet-300-100": LENET300},
        keep=(0.2, 0.1, 0.05, 0.025),
        rounds=4,
        part=10,
        scores=ALL_SCORES,
    ),
}
"""What --shrink adds."""


def full(config: StudyOptions) -> Scale:
    """The scale that a command names, with the settings that it changes."""
    scale = SCALES[config.scale]
    if config.shrink:
        scale = scale._replace(shrink=SHRINK[config.scale])
    return _in(scale, config)


def _in(scale: Scale, config: StudyOptions) -> Scale:
    """A scale with the command's folder of data and number of seeds."""
    folder, seeds = {"data_dir": config.data_dir}, config.num_seeds or scale.num_seeds
    sparse, shrink = scale.sparse, scale.shrink
    if shrink:
        networks = {name: each | folder for name, each in shrink.networks.items()}
        shrink = shrink._replace(
            networks=networks, num_seeds=min(seeds, shrink.num_seeds)
        )
    return scale._replace(
        training=scale.training | folder,
        spectrum=scale.spectrum | folder,
        sparse=sparse._replace(training=sparse.training | folder, num_seeds=seeds),
        num_seeds=seeds,
        other_seeds=min(seeds, scale.other_seeds),
        spectrum_seeds=min(seeds, scale.spectrum_seeds),
        path_seeds=min(seeds, scale.path_seeds),
        shrink=shrink,
    )


def of(config: StudyOptions) -> Scale:
    """The scale that a command asks for."""
    return quick(config) if config.quick else full(config)


def quick(config: StudyOptions) -> Scale:
    """The same, made small."""
    scale = full(config)
    few = {"num_train": 300, "steps": 40, "keep_every": 20, "log_every": 20}
    sparse = {"num_train": 300, "steps": 40, "prune_every": 5}
    shrink = scale.shrink and scale.shrink._replace(
        networks={name: each | few for name, each in scale.shrink.networks.items()},
        keep=scale.shrink.keep[:1],
        rounds=1,
        num_seeds=1,
    )
    seeds = config.num_seeds or 1
    return scale._replace(
        training=scale.training | few,
        activations=scale.activations[:1],
        stages=(0, 20, 40), counted=(0, 20, 40), examples=200,
        fractions=(0.2, 0.5, 0.8), probes=10,
        spectrum=scale.spectrum | {"num_train": 300, "widths": (4, 4), "steps": 20},
        sparse=scale.sparse._replace(
            training=scale.sparse.training | sparse, num_seeds=seeds, fit_steps=20
        ),
        path_points=3, num_seeds=seeds, spectrum_seeds=1, path_seeds=1, shrink=shrink,
    )  # fmt: skip
