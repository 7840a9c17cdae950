"""Sums over a batch of a function's values at many combinations of a few points.

The engine of `combinations.evaluate`: one compiled call, chunks of examples outside,
combinations inside. How the work is cut up is decided when the call is traced, from
the shapes of what the function computes.
"""

from collections.abc import Sequence
from functools import partial
from itertools import compress
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from analysis.evaluation import jaxprs, linear_part
from landscape import devices
from landscape.backend import on_cpu
from landscape.derivatives import num_examples, total_weight
from landscape.errors import InputError

# Bytes of a chunk's widest value and all that is cached. On a CPU they should stay in
# the second cache: MLPs and LeNets took 1.3 to 1.7 times as long with four times this.
CHUNK = 5 * 2**18
CHUNK_ELSEWHERE = 2**26
FEWEST = 16
# Bytes for the widest values of all points that are vmapped together.
GROUP = 2**29


def combine(points: Sequence[Any], coefficients: jax.Array) -> Any:
    """sum_i c_i p_i of k pytrees; a point whose coefficient is 0 does not take part.

    So a combination with one coefficient of 1 is that point to the bit, whatever the
    others hold. In the dtypes of the points; half precision is summed in float32.

    >>> combine([jnp.ones(2), jnp.full(2, jnp.inf)], jnp.array([0.5, 0.0])).tolist()
    [0.5, 0.5]
    """

    def leaf(*leaves):
        dtype = jnp.result_type(leaves[0])
        wide = jnp.promote_types(dtype, jnp.float32)
        terms = (
            jnp.where(c != 0, c.astype(wide) * x, 0)
            for c, x in zip(coefficients, leaves, strict=True)
        )
        return sum(terms).astype(dtype)

    return jax.tree.map(leaf, *points)


class Plan(NamedTuple):
    """How to go about it; see `combinations.evaluate`.

    `scalars`: whether the function must return scalars and nothing else.
    """

    order: str
    chunk_size: int | None
    mesh: Mesh | None
    shortcut: bool | None
    scalars: bool


@jax.jit
def add(a: Any, b: Any) -> Any:
    """The sum of two pytrees of one structure."""
    return jax.tree.map(jnp.add, a, b)


@partial(jax.jit, static_argnames="plan")
def total(loss_fn, points, rows, extras, batch, plan: Plan) -> tuple[Any, jax.Array]:
    """(sum over chunks of weight * mean, sum of weights) of one batch.

    Args:
      loss_fn: a Partial: `loss_fn(point, batch, *extras)`.
      points: k pytrees.
      rows: [T, k], the coefficients.
      extras: pytrees of arrays whose leading axis is that of the rows.
      batch: arrays whose leading axis is that of the examples.
    """
    program, size = _trace(loss_fn, points, extras, batch), num_examples(batch)
    if plan.scalars and any(program.shape(atom) for atom in program.outputs):
        raise InputError("the loss function must return a scalar or a dict of scalars.")
    chunk_size = plan.chunk_size or _chunk_size(program, len(points), size, plan)
    chunk_size = min(chunk_size, size)
    on_data = jaxprs.dependent(program.operations, program.arguments[-1])
    on_data = [a in on_data for a in map(_number, program.outputs)]

    def part(start, size):
        chunk = jax.tree.map(
            lambda x: jax.lax.dynamic_slice_in_dim(x, start, size), batch
        )
        if plan.mesh is not None and size % plan.mesh.size == 0:
            chunk = devices.spread(plan.mesh, chunk)
        program = _trace(loss_fn, points, extras, chunk)
        means = _means(program, on_data, loss_fn, points, rows, extras, chunk, plan)
        weight = total_weight(chunk)
        return [_times(weight, mean) for mean in means], weight

    count, rest = divmod(size, chunk_size)
    sums = [
        jnp.zeros((len(rows), *program.shape(atom)), _wide(program.dtype(atom)))
        for atom in compress(program.outputs, on_data)
    ]
    sums = (sums, jnp.zeros((), float))

    def body(i, sums):
        return add(sums, part(i * chunk_size, chunk_size))

    sums = jax.lax.fori_loop(0, count, body, sums) if count > 1 else body(0, sums)
    if rest:
        sums = add(sums, part(size - rest, rest))
    sums, weight = sums
    # What the data has no part in, an L2 term say, takes one pass over the rows.
    free = [not part for part in on_data]
    means = _means(program, free, loss_fn, points, rows, extras, batch, plan)
    free = [_times(weight, mean) for mean in means]
    leaves = [(sums if part else free).pop(0) for part in on_data]
    return program.structure.unflatten(leaves), weight


def _number(atom):
    return None if isinstance(atom, jaxprs.Constant) else atom


def _wide(dtype):
    return jnp.promote_types(dtype, jnp.float32)


def _times(weight, mean):
    mean = mean.astype(_wide(mean.dtype))
    # The mean over no example is NaN; no other NaN is touched.
    return jnp.where(weight != 0, weight.astype(mean.dtype) * mean, 0)


def _call(loss_fn, point, extras, batch):
    return loss_fn(point, batch, *extras)


def _trace(loss_fn, points, extras, batch) -> jaxprs.Program:
    row = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), extras)
    return jaxprs.trace(_call, loss_fn, points[0], row, batch)


def _means(program, wanted, loss_fn, points, rows, extras, batch, plan) -> list:
    """The wanted leaves of the function's result on one chunk, for each row."""
    outputs = list(compress(program.outputs, wanted))
    if not outputs:
        return []
    cut = _cut(program, len(points), plan)
    rest = jaxprs.needed(program.operations, outputs, cut.cached)
    fixed, linear, other, data = program.arguments
    given = dict(zip(fixed, jax.tree.leaves(loss_fn), strict=True))
    given |= dict(zip(data, jax.tree.leaves(batch), strict=True))

    def first(point):
        values = given | dict(zip(linear, jax.tree.leaves(point), strict=True))
        return jaxprs.run(cut.first, values, cut.cached)

    cached = ()
    if cut.cached:
        stacked = jax.lax.map(first, jax.tree.map(lambda *x: jnp.stack(x), *points))
        cached = [[x[i] for x in stacked] for i in range(len(points))]

    def one(arguments):
        row, extra = arguments
        if not program.pure:
            # What it prints is no value that could be asked for: call it as it is.
            result = _call(loss_fn, combine(points, row), extra, batch)
            return list(compress(jax.tree.leaves(result), wanted))
        values = given | dict(zip(other, jax.tree.leaves(extra), strict=True))
        values |= dict(zip(linear, jax.tree.leaves(combine(points, row)), strict=True))
        if cut.cached:
            values |= dict(zip(cut.cached, combine(cached, row), strict=True))
        return jaxprs.run(rest, values, outputs)

    group = _group(program, cut, len(rows), plan)
    return jax.lax.map(one, (rows, extras), batch_size=group)


def _cut(program, num_points, plan) -> linear_part.Split:
    """The program cut by the shortcut, or left whole where that is not wanted."""
    _, linear, other, data = program.arguments
    cut = linear_part.split(program, linear, other, data)
    use = program.pure and cut.cached and plan.shortcut is not False
    if use and (plan.shortcut or cut.pays(num_points)):
        return cut
    return linear_part.Split((), (), 0, 0)


def _widest(program, cut) -> int:
    """Bytes of the largest value that depends on the data, once the cut is made."""
    rest = jaxprs.needed(program.operations, program.outputs, cut.cached)
    found = jaxprs.dependent(rest, (*program.arguments[-1], *cut.cached))
    made = {out for operation in rest for out in operation.outputs}
    sizes = [jaxprs.size_in_bytes(program.avals[number]) for number in found & made]
    return max(sizes, default=1)


def _chunk_size(program, num_points, size, plan) -> int:
    cut = _cut(program, num_points, plan)
    cached = sum(jaxprs.size_in_bytes(program.avals[number]) for number in cut.cached)
    each = (_widest(program, cut) + num_points * cached) / size
    limit = CHUNK if on_cpu() else CHUNK_ELSEWHERE
    most = min(max(int(limit / each), FEWEST), size)
    if plan.mesh is not None:
        return max(most - most % plan.mesh.size, plan.mesh.size)
    # An even split saves the compilation of the last, smaller chunk.
    return next((n for n in range(most, most // 2, -1) if size % n == 0), most)


def _group(program, cut, num_rows, plan) -> int | None:
    """How many rows are vmapped together; None: each in turn."""
    order = plan.order
    if order == "auto":
        order = "turn" if on_cpu() else "vmap"
    if order == "turn":
        return None
    return min(max(GROUP // _widest(program, cut), 1), num_rows)
