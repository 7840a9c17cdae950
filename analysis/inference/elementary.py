"""Operations of JAX in NumPy, by the names of their primitives.

Each is `(params, aval) -> function`, where `aval` is the shape and dtype of the result.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def _plain(function: Callable) -> Callable:
    return lambda params, aval: function


def _reduced(function: Callable) -> Callable:
    return lambda params, aval: lambda x: function(x, axis=tuple(params["axes"]))


def _rsqrt(x):
    return 1 / np.sqrt(x)


def _reshape(params: Any, aval: Any) -> Callable:
    """Also of squeeze and expand_dims."""
    return lambda x, *_: x.reshape(aval.shape)


def _broadcast(params: Any, aval: Any) -> Callable:
    axes = params["broadcast_dimensions"]

    def broadcast(x, *_):
        ones = np.ones(len(aval.shape), int)
        ones[list(axes)] = np.shape(x)
        return np.broadcast_to(np.reshape(x, ones), aval.shape)

    return broadcast


def _slice(params: Any, aval: Any) -> Callable:
    strides = params["strides"] or (1,) * len(aval.shape)
    cut = tuple(
        slice(*ends)
        for ends in zip(
            params["start_indices"], params["limit_indices"], strides, strict=True
        )
    )
    return lambda x: x[cut]


def _pad(params: Any, aval: Any) -> Callable | None:
    low, high, inner = zip(*params["padding_config"], strict=True)
    if any(inner) or min(low + high) < 0:
        return None
    widths = tuple(zip(low, high, strict=True))
    return lambda x, value: np.pad(x, widths, constant_values=value)


def _select(params: Any, aval: Any) -> Callable:
    def select(which, *cases):
        if which.dtype == bool:
            return np.where(which, cases[1], cases[0])
        return np.choose(which, cases)

    return select


ELEMENTARY: dict[str, Callable] = {
    "add": _plain(np.add), "add_any": _plain(np.add), "sub": _plain(np.subtract),
    "mul": _plain(np.multiply), "div": _plain(np.divide), "max": _plain(np.maximum),
    "min": _plain(np.minimum), "neg": _plain(np.negative), "abs": _plain(np.abs),
    "exp": _plain(np.exp), "log": _plain(np.log), "sqrt": _plain(np.sqrt),
    "rsqrt": _plain(_rsqrt), "tanh": _plain(np.tanh), "square": _plain(np.square),
    "ge": _plain(np.greater_equal), "gt": _plain(np.greater), "eq": _plain(np.equal),
    "le": _plain(np.less_equal), "lt": _plain(np.less), "ne": _plain(np.not_equal),
    "or": _plain(np.bitwise_or), "and": _plain(np.bitwise_and),
    "not": _plain(np.invert), "copy": _plain(lambda x: x),
    "stop_gradient": _plain(lambda x: x), "select_n": _select, "slice": _slice,
    "reshape": _reshape, "squeeze": _reshape, "expand_dims": _reshape, "pad": _pad,
    "broadcast_in_dim": _broadcast, "reduce_sum": _reduced(np.sum),
    "reduce_max": _reduced(np.max), "reduce_min": _reduced(np.min),
    "integer_pow": lambda params, aval: lambda x: x ** params["y"],
    "transpose": lambda params, aval: lambda x: x.transpose(params["permutation"]),
    "convert_element_type": lambda params, aval: lambda x: x.astype(aval.dtype),
    "concatenate": lambda params, aval: lambda *x: np.concatenate(
        x, params["dimension"]
    ),
}  # fmt: skip
