"""Layers whose backward pass computes the forward pass once more (rematerialisation).

`jax.checkpoint` means the same, but XLA on a CPU drops the barriers by which it keeps
the second pass behind the first: operations that are equal become one, and more memory
is taken, not less. Here what is computed once more depends on the incoming gradient.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.core import lift


def block(
    module: nn.Module, layers: Callable[[nn.Module, jax.Array], jax.Array], x: jax.Array
) -> jax.Array:
    """`layers(module, x)`, computed once more in the backward pass if `module.remat`.

    What is inside is then not kept. Layers have the names, and the values up to
    rounding, that they have without. With `remat` reverse mode and forward mode over it
    (products with a Hessian) are allowed, forward mode alone is not.
    """
    if not module.remat or module.is_initializing():
        return layers(module, x)
    return nn.transforms.lift_transform(_lifted, layers)(module, x)


def _lifted(layers):
    """`layers` of a Flax scope, as a pure function for `recomputed`."""

    def inner(scope_of, pack_again, variables, rngs, x):
        def pure(variables, x):
            scope = scope_of(variables, rngs)
            y = layers(scope, x)
            return y, pack_again(scope)

        return recomputed(pure)(variables, x)

    return lift.pack(inner, (True,), ("batch_stats",), (True,), name="recomputed")


def recomputed(function: Callable[[Any, jax.Array], Any]) -> Callable:
    """The same function of a pytree and an array [B, ...], which keeps only these.

    >>> twice = recomputed(lambda w, x: jnp.sin(w * x))
    >>> float(jax.grad(lambda w: twice(w, jnp.ones(1)).sum())(0.0))
    1.0
    """
    again = jax.custom_vjp(function)

    def forward(w, x):
        return function(w, x), (w, x)

    def backward(kept, cotangents):
        w, x = kept
        _, pullback = jax.vjp(function, w, _after(x, jax.tree.leaves(cotangents)[0]))
        return pullback(cotangents)

    again.defvjp(forward, backward)
    return again


def _after(x: jax.Array, cotangent: jax.Array) -> jax.Array:
    """x [B, ...], not known before the cotangent [B, ...] is; NaN where that is.

    Each example waits for its own: nothing crosses between devices.
    """
    first = cotangent.reshape(len(cotangent), -1)[:, 0]
    bad = jnp.isnan(first).reshape(-1, *(1,) * (x.ndim - 1))
    return jnp.where(bad, jnp.nan, x)
