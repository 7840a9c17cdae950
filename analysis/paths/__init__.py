"""Paths between solutions: their losses, training and barriers.

path = line(a, b)
ts = grid(71)
losses = evaluate(path, loss_fn, batches, ts)["loss"]
barrier(ts, losses)
curve = fit(straight(a, b, order=2), loss_fn, batches, key, ...).path
"""

from analysis.paths.barriers import Barrier, barrier
from analysis.paths.curves import Path, bezier, grid, line, polychain, straight
from analysis.paths.drawing import plot
from analysis.paths.evaluation import evaluate
from analysis.paths.fitting import (
    STEPS_PER_CALL,
    Fit,
    FitState,
    default_optimizer,
    fit,
)

__all__ = [
    "STEPS_PER_CALL",
    "Barrier",
    "Fit",
    "FitState",
    "Path",
    "barrier",
    "bezier",
    "default_optimizer",
    "evaluate",
    "fit",
    "grid",
    "line",
    "plot",
    "polychain",
    "straight",
]
