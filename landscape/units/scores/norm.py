"""Norms of a unit's weights: what needs neither data nor a loss."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from landscape import layout, trees
from landscape.aliases import Batches, Params
from landscape.errors import InputError
from landscape.layout import Rules
from landscape.units.sites import Site
from landscape.units.structure import Axis, Spec
from landscape.units.taps import Tapped


def norm(
    losses: Tapped | None,
    params: Params,
    batches: Batches | None,
    sites: Mapping[str, Site] | None,
    spec: Spec,
    key: jax.Array | None = None,
    *,
    rules: Rules = (),
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """sum w^2 / fan_in of each unit's incoming weights (Deadunits): their mean square.

    The channels of a residual stream have the weights of all kernels that write to it:
    sum of their squares over the sum of their fan-ins. Biases do not count.

    Args:
      params: of the network; pruned weights are 0, and count in the fan-in.
      spec: which axes are units.
      rules: for leaves that `landscape.layout` does not know.
      losses, batches, sites, key, chunk_size: not used.

    Returns:
      By group, [n].

    Raises:
      InputError: no kernel puts out the units of a group.

    >>> from landscape.units.structure import sequential
    >>> params = {
    ...     "a": {"kernel": jnp.array([[1.0, 2.0], [3.0, 0.0]])},
    ...     "b": {"kernel": jnp.ones((2, 5))},
    ... }
    >>> norm(None, params, None, None, sequential(params, ["a", "b"]))
    {'a': Array([5., 2.], dtype=float32)}
    """
    leaves, squares, fan_in = trees.named_leaves(params), {}, {}
    for name, kernel in layout.kernels(params, rules).items():
        for group, part in _slices(spec, name, kernel, leaves[name], "o"):
            squares[group] = squares.get(group, 0) + part
            entries = math.prod(kernel.sizes("k")) * math.prod(kernel.sizes("i"))
            fan_in[group] = fan_in.get(group, 0) + entries
    _check_known(spec, squares, "no kernel puts its units out")
    return {group: squares[group] / fan_in[group] for group in spec.sizes}


def group_magnitude(
    losses: Tapped | None,
    params: Params,
    batches: Batches | None,
    sites: Mapping[str, Site] | None,
    spec: Spec,
    key: jax.Array | None = None,
    *,
    rules: Rules = (),
    chunk_size: int | None = None,
) -> dict[str, jax.Array]:
    """Torch-Pruning's magnitude of a group: all weights that go with the unit, squared.

    Sums of squares of the unit's slices of each kernel that it puts out or that reads
    it, and of batch norm's scale; their mean over these leaves, divided by its mean
    over the units (Fang et al. 2023; p = 2, both "mean", without biases: defaults of
    Torch-Pruning 1.5). Arguments as in `norm`.

    >>> from landscape.units.structure import sequential
    >>> params = {
    ...     "a": {"kernel": jnp.array([[1.0, 2.0]])},
    ...     "b": {"kernel": jnp.array([[1.0], [0.0]])},
    ... }
    >>> found = group_magnitude(None, params, None, None, sequential(params, "ab"))
    >>> [round(float(x), 4) for x in found["a"]]
    [0.6667, 1.3333]
    """
    leaves, parts = trees.named_leaves(params), {}
    for name, leaf in layout.leaves(params, rules).items():
        sides = {"kernel": "oi", "norm": "n"}.get(leaf.kind, "")
        for side in sides:
            for group, part in _slices(spec, name, leaf, leaves[name], side):
                parts.setdefault(group, []).append(part)
    _check_known(spec, parts, "no kernel puts out or reads its units")
    means = {group: sum(parts[group]) / len(parts[group]) for group in spec.sizes}
    return {group: mean / mean.mean() for group, mean in means.items()}


def _check_known(spec: Spec, found: Mapping[str, Any], why: str) -> None:
    """Raises InputError if no weights of a group of units were found."""
    for group in spec.sizes:
        if group not in found:
            raise InputError(
                f"the units of {group} have no norm of weights: {why}; scores of the"
                " loss or of the outputs know them."
            )


def _slices(spec, name, leaf, values, side):
    """Sums of squares of the units' slices along one side of a leaf, by group."""
    letters = leaf.axes or "n"
    for at, (axis, letter) in enumerate(
        zip(spec.axes.get(name, ()), letters, strict=False)
    ):
        if axis is not None and letter == side:
            wide = values.astype(jnp.promote_types(values.dtype, jnp.float32))
            others = tuple(i for i in range(values.ndim) if i != at)
            yield from _by_group(spec, axis, (wide**2).sum(axis=others))


def _by_group(spec: Spec, axis: Axis, values: jax.Array):
    start, channels = 0, values.reshape(axis.positions, -1).sum(axis=0)
    for group in axis.names:
        yield group, channels[start : start + spec.sizes[group]]
        start += spec.sizes[group]
