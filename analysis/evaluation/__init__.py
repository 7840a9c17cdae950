"""The loss at many combinations of a few points of parameter space."""

from analysis.evaluation import jaxprs
from analysis.evaluation.batch_statistics import BatchStatistics
from analysis.evaluation.combinations import check_points, evaluate
from analysis.evaluation.engine import combine
from analysis.evaluation.losses import of_objective
from analysis.evaluation.placement import Placed, placed

__all__ = [
    "BatchStatistics",
    "Placed",
    "check_points",
    "combine",
    "evaluate",
    "jaxprs",
    "of_objective",
    "placed",
]
