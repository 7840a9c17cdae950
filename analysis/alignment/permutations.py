"""Permutations of a network's units, and networks whose units are permuted.

Permuting the units of a hidden layer, with every weight into and out of them, leaves
the function of a network as it was. A `Spec` says, for every leaf, what permutes each
of its axes (`landscape.units` derives it). Permutations are dicts: name -> int array p,
and afterwards unit i is the one that was unit p[i].
"""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np

from landscape.errors import InputError, check_choice
from landscape.trees import map_named
from landscape.units import Axis, Spec

Permutations = dict[str, np.ndarray]


def identity(spec: Spec) -> Permutations:
    """The permutations that leave every unit at its index."""
    return {name: np.arange(size) for name, size in spec.sizes.items()}


def indices(permutations: Permutations, spec: Spec, axis: Axis) -> np.ndarray:
    """The index each entry of an axis comes from: int [positions * channels]."""
    starts = np.cumsum([0, *(spec.sizes[name] for name in axis.names)])
    groups = zip(starts, axis.names, strict=False)
    channels = np.concatenate([start + permutations[name] for start, name in groups])
    return (np.arange(axis.positions)[:, None] * starts[-1] + channels).ravel()


def apply(permutations: Permutations, tree: Any, spec: Spec) -> Any:
    """`tree` with its units permuted: parameters, masks, gradients or batch statistics.

    Parameters, masks and statistics must be permuted together. A pruned weight moves
    with its unit, so the permuted network lies in the sparse subspace of the permuted
    mask, which is another one in general.

    Args:
      permutations: one for each name of the spec.
      tree: a pytree whose leaves' names are in the spec; scalar leaves stay.
      spec: see `landscape.units.structure.specification`.

    Returns:
      The same structure, shapes, dtypes, and kind of arrays.

    Raises:
      InputError: a leaf or permutation is unknown, or does not fit the spec.

    >>> spec = Spec({"hidden": 2}, {"bias": (Axis(("hidden",)),)})
    >>> apply({"hidden": np.array([1, 0])}, {"bias": np.array([5.0, 6.0])}, spec)
    {'bias': array([6., 5.])}
    """
    for name, size in spec.sizes.items():
        p = permutations.get(name)
        if p is None or not np.array_equal(np.sort(p), np.arange(size)):
            raise InputError(f"{name} needs a permutation of 0 to {size - 1}.")
    return map_named(functools.partial(_permuted_leaf, permutations, spec), tree)


def _permuted_leaf(permutations, spec, name, leaf):
    if jnp.ndim(leaf) == 0:
        return leaf
    axes = spec.axes[check_choice("leaf", name, spec.axes)]
    if len(axes) != jnp.ndim(leaf):
        raise InputError(f"{name} must have {len(axes)} axes, not {jnp.ndim(leaf)}.")
    for k, axis in enumerate(axes):
        if axis is not None:
            index = indices(permutations, spec, axis)
            if len(index) != leaf.shape[k]:
                raise InputError(
                    f"axis {k} of {name} must be {len(index)} long, not"
                    f" {leaf.shape[k]}."
                )
            leaf = leaf.take(index, axis=k)
    return leaf
