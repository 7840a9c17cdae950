"""The loss at many linear combinations of a few points: lines, curves and planes.

Every line, Bezier curve and plane is a matrix of coefficients over k fixed points of
parameter space; `evaluate` gives the loss, and whatever else, of each of its rows on a
whole data set.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jax.typing import ArrayLike

from analysis.evaluation import engine, layout
from analysis.evaluation.batch_statistics import BatchStatistics, over_all
from analysis.evaluation.cached_engine import cached_means_at_rows
from analysis.evaluation.engine import combine
from analysis.evaluation.placement import Placed, placed
from landscape import trees, weighting
from landscape.aliases import Batches, Params
from landscape.arrays import check_arrays, on_device
from landscape.derivatives import added, as_batches
from landscape.errors import InputError, check_choice, with_article
from landscape.machine import devices
from landscape.machine.backend import in_full_precision

__all__ = ["check_points", "combine", "evaluate"]

ORDERS = ("auto", "sequential", "vmap")


def check_points(points: Sequence[Params]) -> tuple[Params, ...]:
    """The points as a tuple of pytrees of arrays.

    Raises:
      InputError: there is none, their structures, shapes or dtypes differ, or a leaf is
        not of floating point.
    """
    if isinstance(points, Mapping) or not isinstance(points, Iterable):
        raise InputError(
            f"points are a list of pytrees, not {with_article(type(points).__name__)}."
        )
    points = tuple(points)
    for i, point in enumerate(points):
        check_arrays(point, f"point {i}")
    points = tuple(map(on_device, points))
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


def evaluate(
    points: Sequence[Params],
    coefficients: ArrayLike,
    loss_fn: Callable,
    batches: Batches | Placed,
    *,
    statistics: BatchStatistics | None = None,
    statistics_batches: Batches | Placed | None = None,
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
        a dict of scalars; `of_objective` makes one. With `statistics` it is called as
        `loss_fn(params, batch, statistics)`, with those at the point, or {} where each
        batch has its own. Arrays it closes over are folded into the compiled program,
        slowly: bind them with `jax.tree_util.Partial`.
      batches: one batch or a list of them, whose "weight" counts; see
        `landscape.derivatives`. For several calls with a mesh: `placed`.
      statistics: how batch norm takes statistics of the data, as `of_objective` gives
        it beside the loss; None: it takes none.
      statistics_batches: the data that re-estimated statistics are of, those of
        training say where `batches` are of a test split; default: `batches`.
      order: "sequential", one combination after the other; "vmap", together, in groups
        that fit into memory; "auto": sequential on a CPU, where that is faster and
        takes 30 to 75 times less memory, and vmapped elsewhere.
      chunk_size: examples at a time; the last chunk of a batch may be smaller. Default:
        chosen from the size of the activations.
      mesh: the examples are divided among its devices; those that are left when they
        do not divide are on each.
      shortcut: whether to compute what is linear in the parameters once a point rather
        than at each combination (`linear_part`); by itself where that pays.

    Returns:
      For each name an array [T], in float32 or wider; a scalar's name is "loss". NaN
      and infinity are left as they are.

    Raises:
      InputError: points or coefficients do not fit, an unknown order, or a chunk size
        that the statistics or the mesh cannot have.

    >>> loss = lambda w, batch: jnp.mean((batch @ w) ** 2)
    >>> ends, ts = [jnp.zeros(1), jnp.ones(1)], jnp.array([0.0, 0.5, 1.0])
    >>> coefficients = jnp.stack([1 - ts, ts], axis=1)
    >>> evaluate(ends, coefficients, loss, jnp.array([[1.0], [3.0]]))["loss"].tolist()
    [0.0, 1.25, 5.0]
    """
    points = check_points(points)
    rows = _numbers(coefficients)
    if rows.ndim != 2 or rows.shape[1] != len(points) or not len(rows):
        raise InputError(
            f"the coefficients of {len(points)} points must have shape"
            f" (rows, {len(points)}), not {rows.shape}."
        )
    check_choice("order", order, ORDERS)
    loss_fn = in_full_precision(loss_fn)
    chunk_size = _check_chunks(statistics, chunk_size, mesh)
    batches = _batches(batches, statistics, chunk_size, mesh)
    options = layout.Options(order, chunk_size, mesh, shortcut, scalars=False)
    if mesh is not None:
        points, rows, loss_fn = devices.replicate(mesh, (points, rows, loss_fn))
    extras = () if statistics is None else ({},)
    if statistics is not None and statistics.moments is not None:
        moments = in_full_precision(statistics.moments)
        if mesh is not None:
            moments = devices.replicate(mesh, moments)
        data = batches
        if statistics_batches is not None:
            data = _batches(statistics_batches, statistics, chunk_size, mesh)
        unweighted = [weighting.without(batch) for batch in data]
        means = _average(moments, points, rows, (), unweighted, options)
        extras = (over_all(means),)
    options = options._replace(scalars=True)
    means = _average(loss_fn, points, rows, extras, batches, options)
    if mesh is not None:
        # Each process can read a whole copy alone.
        means = devices.replicate(mesh, means)
    return means if isinstance(means, dict) else {"loss": means}


def _numbers(coefficients: ArrayLike) -> jax.Array:
    try:
        return jnp.asarray(coefficients, float)
    except (TypeError, ValueError) as error:
        raise InputError(f"the coefficients must be real numbers: {error}.") from None


def _check_chunks(statistics, chunk_size, mesh) -> int | None:
    """The chunk size, which is that of batches with statistics where there are any."""
    if statistics is not None:
        if chunk_size not in (None, statistics.batch_size):
            raise InputError(
                f"chunk_size {chunk_size} is not the {statistics.batch_size} that the"
                " loss takes its batch statistics over; leave it out."
            )
        chunk_size = statistics.batch_size
    if mesh is not None and chunk_size is not None and chunk_size % mesh.size:
        raise InputError(
            f"chunk_size {chunk_size} is not divisible by the {mesh.size} devices."
        )
    return chunk_size


def _batches(batches, statistics, chunk_size, mesh) -> list:
    """The batches, checked; on the devices of a mesh."""
    if isinstance(batches, Placed):
        if mesh is None:
            raise InputError(
                "the examples are placed on the devices of a mesh: give `mesh`, too."
            )
        return placed(mesh, batches, statistics).parts
    batches = as_batches(batches, chunk_size)
    if mesh is not None:
        return placed(mesh, batches, statistics).parts
    for batch in batches if statistics is not None else ():
        statistics.check(batch)
    return batches


def _average(loss_fn, points, rows, extras, batches, options):
    def part(batch):
        return weighted_sums(loss_fn, points, rows, extras, batch, options)

    return reduce(added, map(part, batches)).mean()


@partial(jax.jit, static_argnames="options")
def weighted_sums(loss_fn, points, rows, extras, batch, options: layout.Options):
    """`engine.weighted_sums` of one batch as one compiled call.

    Where nothing is cached, the function itself is called at each combination.
    """
    chosen = layout.choose(loss_fn, points, len(rows), extras, batch, options)
    means = cached_means_at_rows if chosen.shortcut else engine.means_at_rows
    return engine.weighted_sums(
        loss_fn, points, rows, extras, batch, chosen, options.mesh, means
    )
