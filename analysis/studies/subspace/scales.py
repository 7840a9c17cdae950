"""Sizes and settings of the study of the sparse subspace."""

from typing import NamedTuple

from analysis.studies.difficulty import scales
from analysis.studies.study import SparseStudyOptions


class Scale(NamedTuple):
    """Settings of a scale.

    Attributes:
      solutions: of the networks, which are those of the study of paper 1.
      minimise_steps: of L-BFGS within the mask.
      curvature_examples: that eigenvalues are computed on; None: all.
    """

    solutions: scales.Scale
    minimise_steps: int
    curvature_examples: int | None


EFFORTS = {"digits": (1000, None), "mnist": (200, 5000)}
"""Steps and examples of a scale."""
NUM_SEEDS = 3


def full(config: SparseStudyOptions) -> Scale:
    """The scale that a command names, with the settings that it changes."""
    solutions = scales.full(config)._replace(num_seeds=config.num_seeds or NUM_SEEDS)
    return Scale(solutions, *EFFORTS[config.scale])


def of(config: SparseStudyOptions) -> Scale:
    """The scale that a command asks for; that of --quick is smaller."""
    if not config.quick:
        return full(config)
    solutions = scales.quick(config)
    return Scale(solutions._replace(sparsities=solutions.sparsities[:1]), 20, 100)
