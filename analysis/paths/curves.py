"""Curves in parameter space: lines, Bezier curves, polygonal chains, and a grid."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from analysis.evaluation import check_points, combine
from landscape.aliases import Params
from landscape.arrays import check_integer
from landscape.errors import InputError, check_choice
from landscape.one_line import one_line


def bernstein(t: ArrayLike, num_points: int) -> list:
    """The Bernstein basis C(n, i) (1 - t)^(n - i) t^i, i = 0 ... n = num_points - 1.

    >>> bernstein(0.5, 3)
    [0.25, 0.5, 0.25]
    """
    n = num_points - 1
    return [math.comb(n, i) * (1 - t) ** (n - i) * t**i for i in range(num_points)]


def hats(t: np.ndarray | jax.Array, num_points: int) -> list:
    """The piecewise linear basis on equal segments; outside, the end segments' lines.

    >>> [float(c) for c in hats(np.array(0.75), 3)]
    [0.0, 0.5, 0.5]
    """
    segments = num_points - 1
    at = t * segments
    first = (at // 1).clip(0, segments - 1)
    along = at - first
    return [
        (first == i) * (1 - along) + (first == i - 1) * along for i in range(num_points)
    ]


BASES = {"bezier": bernstein, "polychain": hats}


class Path(NamedTuple):
    """w(t) = sum_i B_i(t) points[i], t in [0, 1] from the first point to the last.

    Beyond [0, 1] the same formula holds, for a chain that of its end segments.

    Attributes:
      points: k >= 2 pytrees; w(0) and w(1) are the first and the last, exactly.
      basis: "bezier" or "polychain".
    """

    points: tuple[Params, ...]
    basis: str

    __repr__ = one_line

    def coefficients(self, ts: ArrayLike) -> np.ndarray:
        """B_i(t) in float64, [T, k], for ts [T].

        >>> bezier([0.0, 1.0, 4.0]).coefficients([0.0, 0.5, 1.0]).tolist()
        [[1.0, 0.0, 0.0], [0.25, 0.5, 0.25], [0.0, 0.0, 1.0]]
        """
        ts = np.asarray(ts, np.float64)
        if ts.ndim != 1 or not ts.size or not np.isfinite(ts).all():
            raise InputError(f"ts must be a list of finite numbers, not {ts!r}.")
        return np.stack(BASES[self.basis](ts, len(self.points)), axis=1)

    def at(self, t: ArrayLike) -> Params:
        """The point w(t), in the dtypes of the points; t may be traced.

        >>> float(bezier([0.0, 1.0, 4.0]).at(0.5))
        1.5
        """
        if isinstance(t, jax.Array):
            row = jnp.stack(BASES[self.basis](t, len(self.points)))
        else:
            row = jnp.asarray(self.coefficients([t])[0])
        return combine(self.points, row)


def _path(points: Sequence[Params], basis: str) -> Path:
    if len(points) < 2:
        raise InputError(f"a {basis} needs at least 2 points, not {len(points)}.")
    return Path(check_points(points), basis)


def bezier(points: Sequence[Params]) -> Path:
    """The Bezier curve of order n = len(points) - 1 (Garipov et al. 2018, eq. 4).

    w(t) = sum_i C(n, i) (1 - t)^(n - i) t^i points[i]

    Args:
      points: at least two pytrees of floating-point arrays of one structure: the ends
        and between them the control points.

    Raises:
      InputError: fewer points, or points that do not fit.

    >>> float(bezier([0.0, 1.0, 0.0]).at(0.5))
    0.5
    """
    return _path(points, "bezier")


def line(a: Params, b: Params) -> Path:
    """The straight line (1 - t) a + t b; see `bezier`.

    >>> float(line(1.0, 3.0).at(-0.5))
    0.0
    """
    return bezier([a, b])


def polychain(points: Sequence[Params]) -> Path:
    """Straight segments from point to point, equally long in t; see `bezier`.

    >>> float(polychain([0.0, 1.0, 0.0]).at(0.75))
    0.5
    """
    return _path(points, "polychain")


def straight(a: Params, b: Params, order: int, basis: str = "bezier") -> Path:
    """A curve of `order` + 1 points that lie evenly on the line from a to b.

    It runs along that line at constant speed; training of control points starts from
    it. The inner points are exactly 0 where both ends are.

    Raises:
      InputError: an order below 1, an unknown basis, or ends that do not fit.

    >>> [float(point) for point in straight(0.0, 3.0, order=3).points]
    [0.0, 1.0, 2.0, 3.0]
    """
    check_choice("basis", basis, BASES)
    check_integer(order, "the order of a curve")
    if order < 1:
        raise InputError(f"the order of a curve must be at least 1, not {order}.")
    path = line(a, b)
    inner = [path.at(i / order) for i in range(1, order)]
    return Path((path.points[0], *inner, path.points[1]), basis)


def grid(points: int = 71, extend: float = 0.2) -> np.ndarray:
    """Equally spaced ts on [-extend, 1 + extend] that hold 0, 0.5 and 1 exactly.

    There are exactly `points` of them, symmetric about 0.5; the extension is as near to
    what is asked for as that allows. 71 points and 0.2: steps of 0.02.

    Raises:
      InputError: an even number of points, which has none in the middle, fewer than 3,
        or a negative extension.

    >>> ts = grid(71, 0.2)
    >>> [float(ts[i]) for i in (0, 10, 35, 60, 70)]
    [-0.2, 0.0, 0.5, 1.0, 1.2]
    """
    if points < 3 or points % 2 == 0:
        raise InputError(
            f"the number of points must be odd and at least 3, not {points}: an even"
            " number misses the middle of the path."
        )
    if not 0 <= extend < math.inf:
        raise InputError(f"a path is extended by 0 or more, not {extend}.")
    half = (points - 1) // 2
    inside = max(round(half / (1 + 2 * extend)), 1)
    return (np.arange(points) - (half - inside)) / (2 * inside)
