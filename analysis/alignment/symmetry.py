"""Whether a network has the symmetry that is said of it."""

from collections.abc import Callable

import jax
import numpy as np

from analysis.alignment.permutations import apply, identity
from landscape.aliases import Params
from landscape.backend import in_full_precision
from landscape.errors import InputError
from landscape.units import Spec

TOLERANCE = 1e-3
"""Of the largest output: far above rounding, and far below what another order makes."""


def check_symmetry(
    function: Callable[[Params], jax.Array], params: Params, spec: Spec
) -> None:
    """Refuses units of which a permutation changes what a network computes.

    Those of each name are permuted alone, of random parameters: of trained ones too
    many may be zero.

    Args:
      function: outputs of the network on a few examples.
      params: shapes and dtypes alone count.
      spec: its units, see `landscape.units.structure.specification`.

    Raises:
      InputError: names the units that are not interchangeable.

    >>> import jax.numpy as jnp
    >>> from landscape.units import sequential
    >>> params = {"a": {"kernel": jnp.ones((3, 3))}, "b": {"kernel": jnp.ones((3, 2))}}
    >>> spec = sequential(params, ["a", "b"])
    >>> def shortcut(p):
    ...     x = jnp.arange(3.0)
    ...     return (x + jnp.tanh(x @ p["a"]["kernel"])) @ p["b"]["kernel"]
    >>> check_symmetry(shortcut, params, spec)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the network computes something else once the units of \
a are permuted: they are not as its unit_layers say, all of its layers in the order of \
the forward pass, one after another, without shortcuts.
    """
    generator = np.random.default_rng(0)

    def drawn(leaf):
        scale = np.sqrt(max(1, np.prod(leaf.shape[:-1])))
        return (generator.normal(size=leaf.shape) / scale).astype(leaf.dtype)

    params = jax.tree.map(drawn, jax.device_get(params))
    compute = jax.jit(in_full_precision(function))
    before = np.asarray(compute(params))
    for name, size in spec.sizes.items():
        permuted = identity(spec) | {name: np.roll(np.arange(size), 1)}
        change = np.asarray(compute(apply(permuted, params, spec))) - before
        # NaN is no equality.
        if not np.abs(change).max() <= TOLERANCE * np.abs(before).max():
            raise InputError(
                f"the network computes something else once the units of {name} are"
                " permuted: they are not as its unit_layers say, all of its layers in"
                " the order of the forward pass, one after another, without shortcuts."
            )
