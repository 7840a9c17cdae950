"""Planes through parameter space, and losses on a grid in them.

A plane is origin + alpha u + beta v. On a grid, rows are betas (y) and columns are
alphas (x). Every value is the average over the whole data set at one point; nothing is
smoothed, clipped or left out, and a value that is not finite stays so.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from analysis import evaluation
from analysis.planes.directions import (
    combination,
    filter_normalised,
    inner,
    orthogonalised,
    principal_axes,
)
from analysis.planes.grids import Grid, around, blocks, grid
from landscape import rng
from landscape.aliases import Batches, Masks, Params
from landscape.arrays import check_floating, check_key
from landscape.derivatives import as_batches
from landscape.errors import InputError
from landscape.layout import Rules
from landscape.one_line import one_line

__all__ = [
    "Grid",
    "Plane",
    "along",
    "around",
    "evaluate",
    "evaluate_rows",
    "grid",
    "random",
    "through",
    "trajectory",
]


class Plane(NamedTuple):
    """origin + alpha u + beta v.

    Attributes:
      origin: a pytree; (0, 0).
      u: a pytree of the same structure; the unit of alpha.
      v: the same for beta.
      coordinates: float64 [n, 2], (alpha, beta) of what the plane was made from.
      explained: float64 [2], of a trajectory: each axis' fraction of the variance.
      eigenvalues: float64 [2], of eigenvectors of the Hessian.
    """

    origin: Params
    u: Params
    v: Params
    coordinates: np.ndarray
    explained: np.ndarray | None = None
    eigenvalues: np.ndarray | None = None

    __repr__ = one_line


def through(a: Params, b: Params, c: Params, normalise: bool = True) -> Plane:
    """The plane through three solutions, with its origin in the first.

    u = (b - a) / |b - a|, and v is c - a without its part along u, of norm 1 (Garipov
    et al. 2018), so that coordinates are distances. Without `normalise`, u = b - a and
    v = c - a: b is at (1, 0), c at (0, 1), and angles are not kept. Where a, b and c
    are zero, so is the plane. Computed in float64; u and v have the dtypes of `a`.

    Raises:
      InputError: the three lie on a line, or are not finite.

    >>> a, b, c = (jnp.array(x) for x in ([0.0, 0.0], [2.0, 0.0], [1.0, 3.0]))
    >>> through(a, b, c).coordinates.tolist()
    [[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]]
    """
    _check_structures(a, b, c)
    u, v = combination([1, -1], [b, a]), combination([1, -1], [c, a])
    rest = orthogonalised(v, u)
    if not normalise:
        return Plane(a, u, v, np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    length, height = math.sqrt(inner(u, u)), math.sqrt(inner(rest, rest))
    shift = inner(u, v) / length
    u, v = combination([1 / length], [u]), combination([1 / height], [rest])
    return Plane(a, u, v, np.array([[0.0, 0.0], [length, 0.0], [shift, height]]))


def random(
    params: Params, key: jax.Array, mask: Masks | None = None, rules: Rules = ()
) -> Plane:
    """Two random directions, filter-normalised, then the second made orthogonal.

    See `analysis.planes.filter_normalised` for what a filter is (and `rules`); biases
    and norms do not move. v loses its part along u, a fraction of about
    1 / sqrt(weights), and its filters' norms change by about as much. With a mask both
    directions are exactly 0.0 where it is False.

    Raises:
      InputError: fewer than two weights can move, or a leaf is not known.

    >>> params = {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    >>> plane = random(params, jax.random.key(0))
    >>> abs(inner(plane.u, plane.v)) < 1e-6
    True
    """
    check_key(key)
    u, v = (filter_normalised(k, params, mask, rules) for k in rng.split(key))
    return along(params, (u, orthogonalised(v, u)))


def along(params: Params, directions: tuple[Params, Params]) -> Plane:
    """The plane through `params` along two given directions, which stay as they are."""
    u, v = directions
    _check_structures(params, u, v)
    orthogonalised(v, u)
    return Plane(params, u, v, np.zeros((1, 2)))


def trajectory(states: Sequence[Params], origin: int = -1) -> Plane:
    """The plane of a training trajectory's two principal axes, of norm 1.

    See `analysis.planes.principal_axes`; `origin` is the index of the state at (0,
    0). `coordinates` [n, 2] are the states' projections on the plane, in which all but
    the origin do not lie in general.
    """
    _check_structures(*states)
    axes, coordinates, explained = principal_axes(states, origin)
    return Plane(states[origin], *axes, coordinates, explained)


def evaluate_rows(
    plane: Plane,
    loss_fn: Callable,
    batches: Batches,
    alphas: ArrayLike,
    betas: ArrayLike,
    *,
    start_row: int = 0,
    rows_per_block: int | None = None,
    **settings: Any,
) -> Iterator[tuple[int, dict[str, jax.Array]]]:
    """Yields finished blocks of rows, so that a program can store each and resume.

    All blocks are evaluated by calls of one shape, and begin at the same rows wherever
    one starts: rows are equal bit for bit to those of an unbroken `evaluate`.

    Args:
      start_row: the first row wanted; the whole block that holds it is evaluated.
      rows_per_block: bits are those of an evaluation with the same number. Default: a
        block has about 512 points; with 1 least is lost when points are slow.

    For the others see `evaluate`.

    Yields:
      (row, values): the block's first row, and for each name an array [rows of the
      block, columns].
    """
    if not isinstance(batches, evaluation.Placed):
        batches = as_batches(batches)
    points = [plane.origin, plane.u, plane.v]
    for block in blocks(alphas, betas, start_row, rows_per_block):
        values = evaluation.evaluate(
            points, block.coefficients, loss_fn, batches, **settings
        )
        values = {
            name: value.reshape(-1, len(alphas))[block.keep]
            for name, value in values.items()
        }
        yield block.row, jax.block_until_ready(values)


def evaluate(
    plane: Plane,
    loss_fn: Callable,
    batches: Batches,
    alphas: ArrayLike,
    betas: ArrayLike,
    *,
    rows_per_block: int | None = None,
    **settings: Any,
) -> dict[str, jax.Array]:
    """The average of `loss_fn` over the data at origin + alpha u + beta v.

    Args:
      plane: see `through`, `random`, `along` and `trajectory`.
      loss_fn: `loss_fn(params, batch)`, or with statistics `loss_fn(params, batch,
        statistics)`: the mean over the batch, a scalar, or a dict of such; a scalar
        comes back as "loss".
      batches: one batch or a list of them, see `landscape.derivatives`.
      alphas: [columns].
      betas: [rows].
      rows_per_block: see `evaluate_rows`.
      settings: what `analysis.evaluation.evaluate` takes: statistics, order,
        chunk_size, mesh.

    Returns:
      For each name an array [rows, columns]: rows are betas, columns alphas. At (0, 0)
      it is the value at the origin.

    >>> plane = along(jnp.zeros(2), (jnp.array([1.0, 0.0]), jnp.array([0.0, 2.0])))
    >>> def loss_fn(params, batch):
    ...     return ((params - batch) ** 2).sum(1).mean()
    >>> evaluate(plane, loss_fn, jnp.zeros((3, 2)), [0.0, 1.0, 2.0], [0.0, 1.0])["loss"]
    Array([[0., 1., 4.],
           [4., 5., 8.]], dtype=float32)
    """
    settings["rows_per_block"] = rows_per_block
    rows = evaluate_rows(plane, loss_fn, batches, alphas, betas, **settings)
    parts = [values for _, values in rows]
    return {name: jnp.concatenate([part[name] for part in parts]) for name in parts[0]}


def _check_structures(*points) -> None:
    for point in points:
        check_floating(point, "a point of a plane")
    kinds = [
        (jax.tree.structure(point), [jnp.shape(x) for x in jax.tree.leaves(point)])
        for point in points
    ]
    if any(other != kinds[0] for other in kinds):
        raise InputError("points and directions of a plane must have the same leaves.")
