"""Planes through parameter space: directions, grids, and the loss on them."""

from analysis.planes.directions import (
    filter_normalised,
    inner,
    orthogonalised,
    principal_axes,
)
from analysis.planes.drawing import plot
from analysis.planes.grids import Grid, around, blocks, grid
from analysis.planes.planes import (
    Plane,
    along,
    evaluate,
    evaluate_rows,
    random,
    through,
    trajectory,
)

__all__ = [
    "Grid",
    "Plane",
    "along",
    "around",
    "blocks",
    "evaluate",
    "evaluate_rows",
    "filter_normalised",
    "grid",
    "inner",
    "orthogonalised",
    "plot",
    "principal_axes",
    "random",
    "through",
    "trajectory",
]
