"""What a network costs and how good it is, in numbers."""

from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from landscape import models, runs, trees
from landscape.data import Dataset
from landscape.machine import devices
from landscape.machine.latency import latency
from landscape.sparsity import accounting
from landscape.units import specification
from train.jobs.opening import placed
from train.steps.evaluate import evaluate

BATCHES = (1, 128)
"""Batch sizes whose latency is measured."""


class Measured(NamedTuple):
    """Numbers of one network.

    Attributes:
      units: by group.
      parameters: stored numbers, pruned ones included.
      flops: of a forward pass of one example, see `accounting.CONVENTION`; None if
        those of a layer are not known.
      size: bytes of the parameters.
      seconds: of a forward pass, by batch size.
      accuracies: by split.
    """

    units: dict[str, int]
    parameters: int
    flops: int | None
    size: int
    seconds: dict[int, float]
    accuracies: dict[str, float]


def measured(run: runs.Run, dataset: Dataset, mesh: Mesh) -> Measured:
    """The numbers of a run's network on a data set."""
    params, stats = run.state.params, run.state.batch_stats
    positions = models.positions(run.model, dataset.input_shape)
    flops = [row.flops for row in accounting.table(params, run.masks, positions)]
    there, (splits, _) = devices.replicate(mesh, (params, stats)), placed(mesh, dataset)
    accuracies = {
        name: evaluate(run.objective, *there, split, mesh)["accuracy"]
        for name, split in splits.items()
    }
    seconds, first = {}, dataset.test["image"][: max(BATCHES)]
    for size in BATCHES:
        images = np.resize(first, (size, *dataset.input_shape))
        seconds[size] = latency(run.objective, params, stats, images)
    return Measured(
        specification(run.model, params).sizes,
        trees.size(params),
        None if None in flops else sum(flops),
        sum(leaf.nbytes for leaf in jax.tree.leaves(params)),
        seconds,
        accuracies,
    )
