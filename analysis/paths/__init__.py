"""Paths between solutions: evaluated, trained, and how high they climb.

path = line(a, b)
ts = grid(71)
losses = evaluate(path, loss_fn, batches, ts)["loss"]
barrier(ts, losses)
curve = fit(straight(a, b, order=2), loss_fn, batches, key, ...).path
"""

from analysis.paths import fitting
from analysis.paths.barriers import Barrier, barrier
from analysis.paths.curves import Path, bezier, grid, line, polychain, straight
from analysis.paths.evaluation import evaluate
from analysis.paths.fitting import Fit, FitState, fit

__all__ = [
    "Barrier",
    "Fit",
    "FitState",
    "Path",
    "barrier",
    "bezier",
    "evaluate",
    "fit",
    "fitting",
    "grid",
    "line",
    "polychain",
    "straight",
]
