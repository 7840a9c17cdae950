"""The pruned, lottery and scratch networks, which studies share."""

from pathlib import Path
from typing import Any

from analysis.studies import training
from analysis.studies.difficulty import trainings
from analysis.studies.difficulty.scales import Scale
from train.settings import mask_source

SOLUTIONS = ("pruned", "lottery", "scratch")


def train(scale: Scale, root: str, sparsity: float, seed: int) -> dict[str, Any]:
    """Trains the three solutions of one seed, as far as they are not there yet.

    Returns:
      Solution -> summary.
    """
    return {
        Path(each.workdir).name: training.train(each, mask_source.start_from(each))
        for each in trainings.solutions(scale, root, sparsity, seed)
    }
