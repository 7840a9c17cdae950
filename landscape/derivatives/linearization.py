"""Linearisation of a function at a point, also where it has a backward rule alone."""

from collections.abc import Callable
from typing import Any

import jax
from jax.tree_util import Partial

from landscape.errors import InputError
from landscape.machine import backend

# In a linear map: a function of `jax.custom_vjp`, which can be transposed alone.
_BACKWARD_ALONE = "custom_lin"


def value_and_map(function: Callable, point: Any) -> tuple[Any, Callable]:
    """(value, v -> J v) at `point`, as `jax.linearize`, of a function of one argument.

    A `jax.custom_vjp` inside has no forward rule, and what JAX makes of it can be
    called only backwards: J v is then the transpose of the transpose. With the
    residuals at hand that is no dearer.

    Raises:
      InputError: a backward rule is not linear in what it gets, so it has no transpose.

    >>> @jax.custom_vjp
    ... def square(x):
    ...     return x**2
    >>> square.defvjp(lambda x: (x**2, x), lambda x, g: (2 * x * g,))
    >>> value, jacobian = value_and_map(square, 3.0)
    >>> float(value), float(jacobian(1.0))
    (9.0, 6.0)
    """
    value, forward = jax.linearize(function, point)
    program = jax.make_jaxpr(forward)(point)
    if all(eqn.primitive.name != _BACKWARD_ALONE for eqn in _operations(program)):
        return value, forward
    forward = backend.in_full_precision(Partial(_transposed_twice, forward))
    try:
        jax.eval_shape(forward, point)
    except Exception as error:  # JAX has one for each way not to be linear.
        raise InputError(
            f"there are no products with the Jacobian of {_names(function, point)}: it"
            " has a backward rule alone (jax.custom_vjp), and that is not linear."
        ) from error
    return value, forward


def _transposed_twice(forward: Callable, v: Any) -> Any:
    like = jax.eval_shape(forward, v)
    backward = jax.linear_transpose(forward, v)
    return jax.linear_transpose(lambda u: backward(u)[0], like)(v)[0]


def _operations(program: Any) -> list:
    return list(backend.operations(program.jaxpr))


def _names(function: Callable, point: Any) -> str:
    """The functions with a backward rule alone, and where they are written."""
    inside = [
        eqn.params["call_jaxpr"]
        for eqn in _operations(jax.make_jaxpr(function)(point))
        if eqn.primitive.name.startswith("custom_vjp_call")
    ]
    infos = [getattr(getattr(x, "jaxpr", x), "debug_info", None) for x in inside]
    names = [info.func_src_info for info in infos if info is not None]
    return " or ".join(dict.fromkeys(names)) or "a function"
