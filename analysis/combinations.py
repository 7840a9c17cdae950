"""The loss at many linear combinations of a few points: lines, curves and planes.

Every line, Bezier curve and plane is a matrix of coefficients over k fixed points of
parameter space; `evaluate` gives the loss, and whatever else, of each of its rows on a
whole data set.
"""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import compress
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.tree_util import Partial
from jax.typing import ArrayLike

from analysis import shortcut, traces
from landscape import devices, trees
from landscape.averages import as_batches, as_partial, num_examples, total_weight
from landscape.errors import InputError, check_choice

ORDERS = ("auto", "turn", "vmap")

# Bytes of a chunk's widest value and all that is cached. On a CPU they should stay in
# the second cache: MLPs and LeNets took 1.3 to 1.7 times as long with four times this.
CHUNK = {"cpu": 2**20}
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


def check_points(points: Sequence[Any]) -> tuple[Any, ...]:
    """The points as a tuple of pytrees of arrays.

    Raises:
      InputError: there is none, their structures, shapes or dtypes differ, or a leaf is
        not of floating point.
    """
    points = tuple(jax.tree.map(jnp.asarray, point) for point in points)
    if not points:
        raise InputError("combinations need at least one point, not none.")
    for i, point in enumerate(points):
        if jax.tree.structure(point) != jax.tree.structure(points[0]):
            raise InputError(f"point {i} has another structure than point 0.")
        first = trees.named_leaves(points[0])
        for name, leaf in trees.named_leaves(point).items():
            seen, want = (f"{x.dtype}{list(x.shape)}" for x in (leaf, first[name]))
            if seen != want:
                raise InputError(f"{name} is {seen} at point {i}, {want} at point 0.")
            if not jnp.issubdtype(leaf.dtype, jnp.floating):
                raise InputError(f"{name} must be of floating point, not {leaf.dtype}.")
    return points


class _Plan(NamedTuple):
    order: str
    chunk_size: int | None
    mesh: Mesh | None
    shortcut: bool | None
    scalars: bool


def evaluate(
    points: Sequence[Any],
    coefficients: ArrayLike,
    loss_fn: Callable,
    batches: Any,
    *,
    order: str = "auto",
    chunk_size: int | None = None,
    mesh: Mesh | None = None,
    shortcut: bool | None = None,
) -> dict[str, jax.Array]:
    """mean over the data of loss_fn(sum_i c_ti p_i, batch), for each row t.

    One compiled call a batch: chunks of examples outside, combinations inside, so that
    its memory is that of a chunk, whatever the number of rows.

    Args:
      points: k pytrees of floating-point arrays, of one structure.
      coefficients: [T, k].
      loss_fn: `loss_fn(params, batch)`, the (weighted) mean over the batch: a scalar or
        a dict of scalars. See also `analysis.losses`. Arrays it closes over are folded
        into the compiled program, slowly: bind them with `jax.tree_util.Partial`.
      batches: one batch or a list of them, see `landscape.averages`; "weight" counts.
      order: "turn", one combination after the other; "vmap", together, in groups that
        fit into memory; "auto": in turn on a CPU, where that is faster and takes 30 to
        75 times less memory, and vmapped elsewhere.
      chunk_size: examples at a time; the last chunk of a batch may be smaller. Default:
        chosen from the size of the activations.
      mesh: spreads the examples of every chunk over its devices; what is left when the
        examples do not divide is computed by each of them.
      shortcut: whether to compute what is linear in the parameters once a point rather
        than at each combination (`analysis.shortcut`); by itself where that pays.

    Returns:
      For each name an array [T], in float32 or wider; a scalar's name is "loss". NaN and
      infinity are left as they are.

    Raises:
      InputError: points or coefficients do not fit, an unknown order, or a chunk size
        that `loss_fn` or the mesh cannot have.

    >>> loss = lambda w, batch: jnp.mean((batch @ w) ** 2)
    >>> ends, ts = [jnp.zeros(1), jnp.ones(1)], np.array([0.0, 0.5, 1.0])
    >>> coefficients = np.stack([1 - ts, ts], axis=1)
    >>> evaluate(ends, coefficients, loss, jnp.array([[1.0], [3.0]]))["loss"].tolist()
    [0.0, 1.25, 5.0]
    """
    points = check_points(points)
    rows = jnp.asarray(coefficients, float)
    if rows.ndim != 2 or rows.shape[1] != len(points) or not len(rows):
        raise InputError(
            f"the coefficients of {len(points)} points must have shape"
            f" (rows, {len(points)}), not {rows.shape}."
        )
    check_choice("order", order, ORDERS)
    loss_fn = as_partial(loss_fn)
    batches = as_batches(batches, chunk_size)
    chunk_size = _check_chunks(loss_fn.func, batches, chunk_size, mesh)
    plan = _Plan(order, chunk_size, mesh, shortcut, False)
    if mesh is not None:
        points, rows, loss_fn = devices.replicate(mesh, (points, rows, loss_fn))
    extras = ()
    if (first_pass := getattr(loss_fn.func, "first_pass", None)) is not None:
        means = _average(
            Partial(first_pass, *loss_fn.args), points, rows, (), batches, plan
        )
        extras = (loss_fn.func.after_first_pass(means),)
    plan = plan._replace(scalars=True)
    means = _average(loss_fn, points, rows, extras, batches, plan)
    return means if isinstance(means, dict) else {"loss": means}


def _check_chunks(function, batches, chunk_size, mesh) -> int | None:
    """The chunk size, which a loss with statistics of the batch may prescribe."""
    own = getattr(function, "batch_size", None)
    if own is not None:
        if chunk_size not in (None, own):
            raise InputError(
                f"chunk_size {chunk_size} is not the {own} that the loss takes its"
                " batch statistics over; leave it out."
            )
        chunk_size = own
        for batch in batches:
            function.check(batch)
    if mesh is not None and chunk_size is not None and chunk_size % mesh.size:
        raise InputError(
            f"chunk_size {chunk_size} is not divisible by the {mesh.size} devices."
        )
    return chunk_size


def _average(loss_fn, points, rows, extras, batches, plan):
    def part(batch):
        if plan.mesh is not None:
            batch = devices.replicate(plan.mesh, batch)
        return _total(loss_fn, points, rows, extras, batch, plan)

    total, weight = reduce(_add, map(part, batches))
    return _divide(total, weight)


@jax.jit
def _add(a, b):
    return jax.tree.map(jnp.add, a, b)


@jax.jit
def _divide(total, weight):
    return jax.tree.map(lambda x: x / weight.astype(x.dtype), total)


@partial(jax.jit, static_argnames="plan")
def _total(loss_fn, points, rows, extras, batch, plan: _Plan):
    """(sum over chunks of weight * mean, sum of weights) of one batch."""
    size = num_examples(batch)
    program = _trace(loss_fn, points, extras, batch)
    chunk_size = plan.chunk_size or _chunk_size(program, len(points), size, plan)
    chunk_size = min(chunk_size, size)
    in_data = traces.dependent(program.operations, program.arguments[3])
    in_data = [n in in_data for n in map(_number, program.outputs)]

    def part(start, size):
        chunk = jax.tree.map(
            lambda x: jax.lax.dynamic_slice_in_dim(x, start, size), batch
        )
        if plan.mesh is not None and size % plan.mesh.size == 0:
            chunk = devices.spread(plan.mesh, chunk)
        means = _rows(loss_fn, points, rows, extras, chunk, in_data, plan)
        weight = total_weight(chunk)
        return [_times(weight, x) for x in means], weight

    total, count = part(0, chunk_size), size // chunk_size
    if count > 1:
        total = jax.lax.fori_loop(
            1,
            count,
            lambda i, sums: _add(sums, part(i * chunk_size, chunk_size)),
            total,
        )
    if rest := size % chunk_size:
        total = _add(total, part(size - rest, rest))
    sums, weight = total
    # What the data has no part in, an L2 term say, takes one pass over the rows.
    free = [not part for part in in_data]
    free = [
        _times(weight, x)
        for x in _rows(loss_fn, points, rows, extras, batch, free, plan)
    ]
    leaves = [(sums if part else free).pop(0) for part in in_data]
    return program.structure.unflatten(leaves), weight


def _number(atom):
    return None if isinstance(atom, traces.Constant) else atom


def _times(weight, mean):
    mean = mean.astype(jnp.promote_types(mean.dtype, jnp.float32))
    # The mean over no example is NaN; no other NaN is touched.
    return jnp.where(weight != 0, weight.astype(mean.dtype) * mean, 0)


def _call(loss_fn, point, extras, batch):
    return loss_fn(point, batch, *extras)


def _trace(loss_fn, points, extras, batch) -> traces.Program:
    row = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), extras)
    return traces.trace(_call, loss_fn, points[0], row, batch)


def _cut(program, num_points, plan):
    """The program cut by the shortcut, or whole if that is not wanted."""
    _, linear, other, data = program.arguments
    cut = shortcut.split(program, linear, other, data)
    use = program.pure and cut.cached and plan.shortcut is not False
    if use and (plan.shortcut or cut.pays(num_points)):
        return cut
    return shortcut.Split((), (), 0, 0)


def _rows(loss_fn, points, rows, extras, batch, wanted, plan) -> list:
    """The leaves of the result that are wanted, over one chunk, for each row."""
    program = _trace(loss_fn, points, extras, batch)
    if plan.scalars and any(program.shape(atom) for atom in program.outputs):
        raise InputError("the loss function must return a scalar or a dict of scalars.")
    outputs = list(compress(program.outputs, wanted))
    cut = _cut(program, len(points), plan)
    fixed, linear, other, data = program.arguments
    given = dict(zip(fixed, jax.tree.leaves(loss_fn), strict=True))
    given |= dict(zip(data, jax.tree.leaves(batch), strict=True))

    def first(point):
        values = given | dict(zip(linear, jax.tree.leaves(point), strict=True))
        return traces.run(cut.first, values, cut.cached)

    cached = []
    if cut.cached:
        stacked = jax.lax.map(first, jax.tree.map(lambda *x: jnp.stack(x), *points))
        cached = [[x[i] for x in stacked] for i in range(len(points))]
    rest = traces.needed(program.operations, outputs, cut.cached)

    def one(arguments):
        row, extra = arguments
        values = given | dict(zip(other, jax.tree.leaves(extra), strict=True))
        values |= dict(zip(linear, jax.tree.leaves(combine(points, row)), strict=True))
        if cut.cached:
            values |= dict(zip(cut.cached, combine(cached, row), strict=True))
        return traces.run(rest, values, outputs)

    group = _group(program, cut, len(rows), plan)
    return jax.lax.map(one, (rows, extras), batch_size=group)


def _widest(program, cut) -> int:
    """Bytes of the largest value that depends on the data, once the cut is made."""
    data = (*program.arguments[3], *cut.cached)
    rest = traces.needed(program.operations, program.outputs, cut.cached)
    found = traces.dependent(rest, data)
    made = {out for operation in rest for out in operation.outputs}
    sizes = [traces.size_in_bytes(program.avals[number]) for number in found & made]
    return max(sizes, default=1)


def _chunk_size(program, num_points, size, plan) -> int:
    cut = _cut(program, num_points, plan)
    cached = sum(traces.size_in_bytes(program.avals[number]) for number in cut.cached)
    each = (_widest(program, cut) + num_points * cached) / size
    limit = CHUNK.get(jax.default_backend(), CHUNK_ELSEWHERE)
    most = min(max(int(limit / each), FEWEST), size)
    if plan.mesh is not None:
        return max(most - most % plan.mesh.size, plan.mesh.size)
    # An even split saves the compilation of the last, smaller chunk.
    return next((n for n in range(most, most // 2, -1) if size % n == 0), most)


def _group(program, cut, num_rows, plan) -> int | None:
    """How many rows are vmapped together; None: each in turn."""
    order = plan.order
    if order == "auto":
        order = "turn" if jax.default_backend() == "cpu" else "vmap"
    if order == "turn":
        return None
    return min(max(GROUP // _widest(program, cut), 1), num_rows)
