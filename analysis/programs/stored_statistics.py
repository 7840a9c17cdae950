"""Batch norm's stored statistics on paths and planes: those of the runs, combined.

At a run they are its own, so that the loss there is that of the run in eval mode. In
between they are combined linearly, as parameters on a line are.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from analysis import paths, planes
from landscape.aliases import Params


def along_path(path: paths.Path, first: Params, last: Params) -> paths.Path:
    """The path of points with statistics, linear in t also where the path is not.

    >>> path = paths.bezier([jnp.zeros(1), jnp.ones(1), jnp.zeros(1)])
    >>> point = along_path(path, {"mean": jnp.zeros(1)}, {"mean": jnp.ones(1)}).at(0.25)
    >>> float(point["params"][0]), float(point["batch_stats"]["mean"][0])
    (0.375, 0.25)
    """
    order = len(path.points) - 1
    stats = paths.straight(first, last, order, path.basis).points
    return path._replace(points=tuple(map(_point, path.points, stats)))


def on_plane(plane: planes.Plane, stats: Sequence[Params]) -> planes.Plane:
    """The plane of points with statistics.

    Args:
      plane: through three runs, or around one.
      stats: of the three, whose coordinates `planes.through` states, or of that one,
        the same at every point.

    >>> plane = planes.through(*map(jnp.asarray, ([0.0, 0.0], [2.0, 0.0], [1.0, 3.0])))
    >>> plane = on_plane(plane, [jnp.array([x]) for x in (1.0, 5.0, 9.0)])
    >>> origin, u, v = (float(p["batch_stats"][0]) for p in plane[:3])
    >>> [origin + 2 * u, origin + u + 3 * v]
    [5.0, 9.0]
    """
    first, *others = stats
    u = v = jax.tree.map(jnp.zeros_like, first)
    if others:
        (length, _), (shift, height) = plane.coordinates[1:]

        def leaf(a, b, c):
            along = (b - a) / length
            return along, (c - a - shift * along) / height

        pairs = jax.tree.map(leaf, first, *others)
        u, v = jax.tree.transpose(
            jax.tree.structure(first), jax.tree.structure((0, 0)), pairs
        )
    return plane._replace(
        origin=_point(plane.origin, first), u=_point(plane.u, u), v=_point(plane.v, v)
    )


def _point(params: Params, stats: Params) -> dict[str, Params]:
    return {"params": params, "batch_stats": stats}
