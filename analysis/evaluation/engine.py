"""Sums over a batch of a function's values at many combinations of a few points.

The engine of `combinations.evaluate`: chunks of examples outside, combinations inside,
and at each of them the function itself is called.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import compress
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from landscape.aliases import Batch, Params
from landscape.derivatives import (
    WeightedSum,
    added,
    num_examples,
    total_weight,
    weighted,
)
from landscape.machine import devices
from landscape.machine.division import chunk_of


def combine(points: Sequence[Params], coefficients: jax.Array) -> Params:
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


def means_at_rows(loss_fn, points, rows, extras, batch: Batch, group) -> Any:
    """loss_fn(sum_i c_ti p_i, batch, *extras_t) for each row t: a pytree of [T, ...].

    Rows are evaluated one after the other, or `group` of them vmapped together.
    """

    def at_row(arguments):
        row, extra = arguments
        return loss_fn(combine(points, row), batch, *extra)

    return jax.lax.map(at_row, (rows, extras), batch_size=group)


class Layout(NamedTuple):
    """How the work of one batch is cut up; see `layout.choose`.

    Attributes:
      chunk_size: examples at a time, at most those of the batch.
      group: rows that are vmapped together; None: one after the other.
      shapes: shape and dtype of the function's result: a pytree of its structure.
      on_data: for each leaf of it whether it depends on the data.
      shortcut: whether what is linear in the parameters is cached.
    """

    chunk_size: int
    group: int | None
    shapes: Any
    on_data: tuple[bool, ...]
    shortcut: bool


def weighted_sums(
    loss_fn: Callable,
    points: Sequence[Params],
    rows: jax.Array,
    extras: tuple,
    batch: Batch,
    layout: Layout,
    mesh: Mesh | None = None,
    means: Callable = means_at_rows,
) -> WeightedSum:
    """The sums over chunks of weight * mean, and of weights, of one batch.

    Args:
      loss_fn: `loss_fn(point, batch, *extras)`.
      points: k pytrees.
      rows: [T, k], the coefficients.
      extras: pytrees of arrays whose leading axis is that of the rows.
      batch: arrays whose leading axis is that of the examples.
      mesh: the devices among which the examples are divided, if they divide.
      means: what gives the means of a chunk, called as `means_at_rows` is.

    Returns:
      The sum of the function's results, with a leading axis [T].
    """
    at_rows = (loss_fn, points, rows, extras)
    shapes, structure = jax.tree.flatten(layout.shapes)
    size, on_data = num_examples(batch), layout.on_data

    divided = mesh is not None and size % mesh.size == 0

    def cut(start, length):
        if divided:
            cut_leaf = partial(chunk_of, num_devices=mesh.size)
        else:
            cut_leaf = jax.lax.dynamic_slice_in_dim
        chunk = jax.tree.map(lambda x: cut_leaf(x, start, length), batch)
        return devices.spread(mesh, chunk) if divided else chunk

    def part(start, length):
        chunk = cut(start, length)
        values = jax.tree.leaves(means(*at_rows, chunk, layout.group))
        return weighted(list(compress(values, on_data)), total_weight(chunk)), values

    def body(i, sums):
        return added(sums, part(i * layout.chunk_size, layout.chunk_size)[0])

    count, rest = divmod(size, layout.chunk_size)
    zeros = [
        jnp.zeros((len(rows), *leaf.shape), jnp.promote_types(leaf.dtype, jnp.float32))
        for leaf in compress(shapes, on_data)
    ]
    sums = WeightedSum(zeros, jnp.zeros((), float))
    values = None
    if count > 1:
        sums = jax.lax.fori_loop(0, count, body, sums)
    else:
        one, values = part(0, layout.chunk_size)
        sums = added(sums, one)
    if rest:
        one, values = part(size - rest, rest)
        sums = added(sums, one)
    totals, weight = sums
    if not all(on_data):
        # What does not depend on the data, an L2 term say, is computed once a row: by a
        # chunk outside of the loop, or else by a pass of which XLA keeps nothing more.
        if values is None:
            chunk = cut(0, layout.chunk_size)
            values = jax.tree.leaves(means_at_rows(*at_rows, chunk, layout.group))
        values = weighted(values, weight).total
        pairs, totals = zip(values, on_data, strict=True), iter(totals)
        totals = [next(totals) if on else value for value, on in pairs]
    return WeightedSum(structure.unflatten(totals), weight)
