"""Whether a network has the symmetry that is said of it."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from analysis.alignment.permutations import apply, identity
from landscape.aliases import Params
from landscape.errors import InputError
from landscape.machine.backend import in_full_precision
from landscape.trees import named_leaves
from landscape.units import Spec

TOLERANCE = 1e-3
"""Of the largest output: far above rounding, and far below what another order makes."""


def check_symmetry(
    function: Callable[[Params, Any], jax.Array],
    params: Params,
    spec: Spec,
    statistics: Any = None,
) -> None:
    """Refuses units of which a permutation changes what a network computes.

    Those of each name are permuted alone, of random parameters: of trained ones too
    many may be zero.

    Args:
      function: of parameters and statistics, outputs of the network on a few examples.
      params: shapes and dtypes alone count.
      spec: its units, see `landscape.units.structure.specification`.
      statistics: of batch norm, as `params`; None without it.

    Raises:
      InputError: names the units that are not interchangeable, or statistics that
        belong to none of the layers.

    >>> import jax.numpy as jnp
    >>> from landscape.units import sequential
    >>> params = {"a": {"kernel": jnp.ones((3, 3))}, "b": {"kernel": jnp.ones((3, 2))}}
    >>> spec = sequential(params, ["a", "b"])
    >>> def shortcut(p, _):
    ...     x = jnp.arange(3.0)
    ...     return (x + jnp.tanh(x @ p["a"]["kernel"])) @ p["b"]["kernel"]
    >>> check_symmetry(shortcut, params, spec)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the network computes something else once the units of \
a are permuted: they are not as its unit_layers say, all of its layers in the order of \
the forward pass, one after another (no shortcuts, no norms over groups of channels, \
flattened with the channels last).
    """
    generator = np.random.default_rng(0)

    def drawn(leaf):
        scale = np.sqrt(max(1, np.prod(leaf.shape[:-1])))
        return (generator.normal(size=leaf.shape) / scale).astype(leaf.dtype)

    def positive(leaf):
        # Variances are.
        return generator.uniform(0.5, 2, size=leaf.shape).astype(leaf.dtype)

    if left := [name for name in named_leaves(statistics) if name not in spec.axes]:
        raise InputError(
            f"the statistics {', '.join(left)} belong to no layer of unit_layers: a"
            " norm is known there by its scale or bias."
        )
    network = (
        jax.tree.map(drawn, jax.device_get(params)),
        jax.tree.map(positive, jax.device_get(statistics)),
    )
    compute = jax.jit(in_full_precision(function))
    before = np.asarray(compute(*network))
    for name, size in spec.sizes.items():
        permuted = identity(spec) | {name: np.roll(np.arange(size), 1)}
        moved = (apply(permuted, tree, spec) for tree in network)
        change = np.asarray(compute(*moved)) - before
        # NaN is no equality.
        if not np.abs(change).max() <= TOLERANCE * np.abs(before).max():
            raise InputError(
                f"the network computes something else once the units of {name} are"
                " permuted: they are not as its unit_layers say, all of its layers in"
                " the order of the forward pass, one after another (no shortcuts, no"
                " norms over groups of channels, flattened with the channels last)."
            )
