"""The means of a chunk at many combinations, with what is linear computed once a point.

It takes the place of `engine.means_at_rows` where `linear_part` finds a cut that pays:
what is linear in the parameters is computed at each of the k points and combined as
they are, and only the rest of the traced function runs at every combination.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from analysis.evaluation import jaxprs, linear_part
from analysis.evaluation.engine import combine
from landscape.aliases import Batch, Params


def trace(
    loss_fn: Callable, points: Sequence[Params], extras: tuple, batch: Batch
) -> jaxprs.Program:
    """The program of the function at one point, with the extras of one row."""
    row = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), extras)
    return jaxprs.trace(_call, loss_fn, points[0], row, batch)


def _call(loss_fn, point, extra, batch):
    return loss_fn(point, batch, *extra)


def cached_means_at_rows(loss_fn, points, rows, extras, batch: Batch, group) -> Any:
    """What `engine.means_at_rows` gives, to rounding; the function must be pure."""
    program = trace(loss_fn, points, extras, batch)
    fixed, linear, other, data = program.arguments
    cut = linear_part.split(program, linear, other, data)
    rest = jaxprs.needed(program.operations, program.outputs, cut.cached)
    given = dict(zip(fixed, jax.tree.leaves(loss_fn), strict=True))
    given |= dict(zip(data, jax.tree.leaves(batch), strict=True))

    def at_point(point):
        values = given | dict(zip(linear, jax.tree.leaves(point), strict=True))
        return jaxprs.run(cut.first, values, cut.cached)

    stacked = jax.lax.map(at_point, jax.tree.map(lambda *x: jnp.stack(x), *points))
    cached = [[x[i] for x in stacked] for i in range(len(points))]

    def at_row(arguments):
        row, extra = arguments
        point = jax.tree.leaves(combine(points, row))
        values = given | dict(zip(linear, point, strict=True))
        values |= dict(zip(other, jax.tree.leaves(extra), strict=True))
        values |= dict(zip(cut.cached, combine(cached, row), strict=True))
        return program.structure.unflatten(jaxprs.run(rest, values, program.outputs))

    return jax.lax.map(at_row, (rows, extras), batch_size=group)
