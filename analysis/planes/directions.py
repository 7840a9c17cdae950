"""Directions in parameter space for planes: random ones, and those of a trajectory."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from landscape import layout, trees
from landscape.aliases import Masks, Params
from landscape.arrays import check_floating, check_key
from landscape.errors import InputError
from landscape.layout import Rules
from landscape.one_line import one_line

# What is left of a direction without its part along the other must be more than this
# fraction of it: less is rounding, and would be scaled up to a direction of its own.
SMALLEST_REST = 1e-6


def inner(x: Params, y: Params) -> float:
    """The inner product of two concrete pytrees, in float64 on the host.

    Coordinates in a plane are small differences of large sums: too much for float32.

    >>> inner({"a": jnp.ones(3), "b": 2.0}, {"a": jnp.ones(3), "b": 4.0})
    11.0
    """
    pairs = zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)
    return math.fsum(float(np.vdot(_wide(u), _wide(v))) for u, v in pairs)


def combination(weights: Sequence[float], points: Sequence[Params]) -> Params:
    """sum_i weights[i] points[i], summed in float64, in the dtypes of `points[0]`.

    >>> combination([1, -0.5], [{"a": jnp.ones(2)}, {"a": jnp.ones(2)}])["a"].tolist()
    [0.5, 0.5]
    """

    def leaf_sum(*leaves):
        with np.errstate(invalid="ignore"):
            total = sum(w * _wide(x) for w, x in zip(weights, leaves, strict=True))
        return jnp.asarray(total, jnp.result_type(leaves[0]))

    return jax.tree.map(leaf_sum, *points)


def filter_normalised(
    key: jax.Array, params: Params, mask: Masks | None = None, rules: Rules = ()
) -> Params:
    """A random direction, each filter as long as the same filter of `params`.

    d = (|theta_f| / |d_f|) d_f for each filter f of a standard normal d (Li et al.
    2018, section 4). A filter is what leads to one output unit: all entries of a kernel
    or an embedding with one index on its output axes (one head and one of its entries,
    in attention). Biases and norms do not move: d is zero there, as by the authors'
    setting `biasbn`. It is zero, too, where the mask is False, and in filters that are
    zero themselves. In the dtypes of `params`. `landscape.layout` says which leaves and
    axes are which, `rules` what it does not know.

    Raises:
      InputError: a leaf is not known, or the mask does not fit.

    >>> params = {"kernel": jnp.array([[3.0, 0.0], [4.0, 2.0]]), "bias": jnp.ones(2)}
    >>> direction = filter_normalised(jax.random.key(0), params)
    >>> jnp.linalg.norm(direction["kernel"], axis=0).round(4).tolist()
    [5.0, 2.0]
    >>> direction["bias"].tolist()
    [0.0, 0.0]
    """
    check_key(key)
    check_floating(params, "the parameters")
    trees.check_mask(mask, params)

    known = layout.leaves(params, rules)

    def scaled(name, draw, leaf):
        axes = known[name].axes
        if len(axes) < 2:
            return jnp.zeros_like(draw)
        within = tuple(i for i, axis in enumerate(axes) if axis != "o")
        size, wanted = (
            jnp.sqrt(jnp.sum(jnp.square(x), within, keepdims=True))
            for x in (draw, jnp.asarray(leaf))
        )
        return draw * jnp.where(size > 0, wanted / jnp.where(size > 0, size, 1), 0)

    draws = trees.project(mask, trees.normal_like(key, params))
    return trees.map_named(scaled, draws, trees.project(mask, params))


def orthogonalised(v: Params, u: Params) -> Params:
    """v - (<u, v> / <u, u>) u: v without its part along u; zeros in both stay zero.

    Raises:
      InputError: v is a multiple of u, or one of the two is zero or not finite.

    >>> orthogonalised([jnp.array([3.0, 4.0])], [jnp.array([2.0, 0.0])])[0].tolist()
    [0.0, 4.0]
    """
    uu, vv = inner(u, u), inner(v, v)
    if not 0 < uu < math.inf or not 0 < vv < math.inf:
        raise InputError("two directions make a plane; one is zero or not finite.")
    rest = combination([1, -inner(u, v) / uu], [v, u])
    if inner(rest, rest) <= SMALLEST_REST**2 * vv:
        raise InputError("two directions make a plane; these are multiples.")
    return rest


class Principal(NamedTuple):
    """The two principal axes of some states.

    Attributes:
      axes: two pytrees of norm 1, orthogonal.
      coordinates: float64 [n, 2], <state - origin, axis>.
      explained: float64 [2], each axis' fraction of the states' variance.
    """

    axes: tuple[Params, Params]
    coordinates: np.ndarray
    explained: np.ndarray

    __repr__ = one_line


def principal_axes(states: Sequence[Params], origin: int = -1) -> Principal:
    """The axes along which n states, points of a trajectory, vary most.

    PCA of the differences D_i = state_i - state_origin through the eigenvectors q of
    their centred Gram matrix (n by n, float64): axis = sum_i q_i (D_i - mean D) /
    sqrt(lambda). The variance is that about the mean of all states; Li et al. (2018,
    section 7) leave the last one out. The sign makes the largest coordinate positive.
    The first two axes of a random walk in many dimensions have three quarters of it,
    too (Antognini and Sohl-Dickstein 2018): a large fraction alone is no evidence.

    Raises:
      InputError: fewer than three states, or all on a line, or not finite.

    >>> states = [[jnp.array([x, y])] for x, y in ((8, 0), (-8, 0), (0, 3), (0, 0))]
    >>> abs(principal_axes(states).coordinates.round(4)).tolist()
    [[8.0, 0.0], [8.0, 0.0], [0.0, 3.0], [0.0, 0.0]]
    """
    if len(states) < 3:
        raise InputError(f"a plane needs at least 3 states, not {len(states)}.")
    gram = np.zeros((len(states),) * 2)
    for leaves in zip(*map(jax.tree.leaves, states), strict=True):
        rows = np.stack([_wide(leaf).ravel() for leaf in leaves])
        if not np.isfinite(rows).all():
            raise InputError("the states of a trajectory must be finite.")
        rows = rows - rows[origin]
        gram += rows @ rows.T
    centred = gram - gram.mean(0) - gram.mean(1, keepdims=True) + gram.mean()
    values, vectors = np.linalg.eigh(centred)
    top = values[[-1, -2]]
    if top[1] <= SMALLEST_REST**2 * top[0]:
        raise InputError("the states of the trajectory lie on a line, not in a plane.")
    weights = vectors[:, [-1, -2]] / np.sqrt(top)
    coordinates = gram @ weights
    signs = np.sign(coordinates[abs(coordinates).argmax(0), [0, 1]])
    weights, coordinates = weights * signs, coordinates * signs
    # An eigenvector sums to zero, so means and origin drop out of the combination.
    axes = tuple(combination(column, states) for column in weights.T)
    return Principal(axes, coordinates, top / np.trace(centred))


def _wide(leaf) -> np.ndarray:
    return np.asarray(leaf).astype(np.float64)
