"""What the ablation trains and evaluates, and the resulting numbers."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from analysis import path
from analysis.studies import training
from analysis.studies.difficulty.path_numbers import climb, half
from analysis.studies.plateau import scales
from analysis.studies.plateau.config import Config
from analysis.studies.plateau.scales import NETWORKS, Scale
from analysis.studies.steps import Steps
from landscape import layout, runs, trees
from landscape.cli import limit_compiled_programs


class Line(NamedTuple):
    """The cross-entropy on the line from the initial weights to the trained ones.

    Attributes:
      ts, losses: of its points, nats; on [0, 1].
      half: the t at which half of what is lost in the end is lost.
      below_chance: the same of what is lost below ln(classes), the loss of equal
        logits, from which initial ones may be far.
      climb: the largest increase from a point to a later one.
      norms: sum of squares of the trained kernels over that of the initial ones, square
        root.
      accuracy: of the trained network, test split.
    """

    ts: list[float]
    losses: list[float]
    half: float
    below_chance: float
    climb: float
    norms: float
    accuracy: float


class Measured(NamedTuple):
    """All that was measured.

    Attributes:
      root: the folder of the runs.
      networks: name -> what it is, in words.
      lines: name -> fields of `Line`, one dict a seed.
    """

    root: str
    networks: dict[str, str]
    lines: dict[str, list[dict[str, Any]]]


def measure(config: Config, scale: Scale) -> Measured:
    """Trains and evaluates all that is not there yet."""
    root = scales.root_of(config)
    steps = Steps(len(NETWORKS) * scale.num_seeds)
    lines: dict[str, list[dict[str, Any]]] = {name: [] for name in NETWORKS}
    for seed in range(scale.num_seeds):
        for network in steps.each(f"seed {seed}, network", NETWORKS):
            limit_compiled_programs()
            settings = scales.settings(scale, root, network, seed)
            accuracy = training.train(settings)["test_accuracy"]
            chance = math.log(scales.classes(scale, network))
            line = _line(scale, str(settings.workdir), accuracy, chance)
            lines[network].append(line._asdict())
    return Measured(root, {name: words(scale, name) for name in NETWORKS}, lines)


def words(scale: Scale, network: str) -> str:
    """What a network is.

    >>> words(scales.SCALES["digits"], "no sums")
    '20 layers, batch norm, 10 classes'
    """
    plain = network == scales.PLAIN
    parts = [f"{scales.layers(scale, network)} layers"]
    parts += [] if plain or network == "no sums" else ["residual sums"]
    parts += [] if plain or network == "no norm" else ["batch norm"]
    parts += [f"{scales.classes(scale, network)} classes"]
    return ", ".join(parts + ["no weight decay"] * (network == "no decay"))


def _line(scale: Scale, name: str, accuracy: float, chance: float) -> Line:
    found = path.run(
        path.Config(
            f"{name}@init",
            name,
            points=scale.points,
            extend=0.0,
            num_examples=scale.num_examples,
            batch_size=scale.training["batch_size"],
        )
    )
    ts, losses = found["ts"], found["losses"]
    below = [min(loss, chance) for loss in losses]
    halves = (
        half({"ts": ts, "losses": each, "l2": [0.0] * len(ts)})
        for each in (losses, below)
    )
    start, end = (_norm(each) for each in (f"{name}@init", name))
    return Line(ts, losses, *halves, climb(losses, ts), end / start, accuracy)


def _norm(name: str) -> float:
    """Of all kernels together."""
    params = jax.device_get(runs.load(name, data=False).state.params)
    leaves = trees.named_leaves(params)
    kernels = [leaves[kernel] for kernel in layout.kernels(params)]
    return float(np.sqrt(sum(np.sum(np.square(x, dtype=float)) for x in kernels)))
