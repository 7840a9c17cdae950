"""The rigged lottery, RigL (Evci et al. 2020, arXiv:1911.11134)."""

from typing import Any

import jax.numpy as jnp

from landscape.aliases import Params
from landscape.sparsity.updater import Updater
from landscape.sparsity.updaters.replacement import (
    DropFraction,
    of_settings,
    replacing,
)


def rigl(
    counts: dict[str, int], every: int, end: int, drop_fraction: DropFraction
) -> Updater:
    """Drops the weights of smallest magnitude, grows where the gradient is largest.

    The gradient is the dense one of the step at which the masks change, in magnitude;
    nothing of it is kept. The optimizer makes its step first, as in the paper's second
    code (its algorithm 1 leaves that step out). The first masks are those of `static`.
    Ties, rounding, and what becomes of the dropped: see
    `landscape.sparsity.updaters.replacement`.

    Args:
      counts: kept entries by name of the kernel, as of `static`.
      every: updates of the optimizer between those of the masks.
      end: no mask update at this one or later.
      drop_fraction: of the kept weights of each layer that is replaced, in [0, 1]; or a
        function of the completed updates, as `landscape.recipes.schedules.cosine_drop`
        makes.

    Raises:
      InputError: a value is not allowed.

    >>> updater = rigl({"w": 2}, every=10, end=30, drop_fraction=0.5)
    >>> params = {"w": jnp.array([3.0, 2.0, 0.0, 0.0])}
    >>> grads = {"w": jnp.array([0.0, 0.5, 0.1, -1.0])}
    >>> masks = {"w": params["w"] != 0}
    >>> masks, _, _ = updater.update(10, None, params, grads, masks, ())
    >>> masks["w"].tolist()
    [True, False, False, True]
    """

    def growth(key, name, gradient):
        return jnp.abs(gradient)

    return replacing(counts, every, end, drop_fraction, growth)


def rigl_of_settings(
    counts: dict[str, int], params: Params, **settings: Any
) -> Updater:
    """`rigl`, as a row of `registries.methods` names it; `params` are not needed."""
    return rigl(counts, *of_settings(**settings))
