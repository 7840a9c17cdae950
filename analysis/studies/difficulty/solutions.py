"""The pruned, lottery and scratch networks, which studies share."""

from pathlib import Path
from typing import Any

from analysis.studies import training
from analysis.studies.difficulty.scales import Scale
from train import mask_source, sparse

SOLUTIONS = ("pruned", "lottery", "scratch")


def folder_of(root: str, sparsity: float, seed: int) -> str:
    """The folder of the three of one seed."""
    return f"{root}/sparsity-{sparsity:g}/seed-{seed}"


def train(scale: Scale, root: str, sparsity: float, seed: int) -> dict[str, Any]:
    """Trains the three solutions of one seed, as far as they are not there yet.

    Returns:
      Solution -> summary.
    """
    folder = folder_of(root, sparsity, seed)
    settings = sparse.Config(
        **scale.training, sparsity=sparsity, seed=seed, workdir=folder
    )
    return {
        Path(each.workdir).name: training.train(each, mask_source.start_from(each))
        for each in sparse.expand(settings)
    }
