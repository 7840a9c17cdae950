"""Names for what flows through every room; to a type checker all pytrees are alike."""

from collections.abc import Callable
from typing import Any

Params = Any
"""A pytree of floating-point arrays: parameters, gradients, directions, statistics."""

Masks = Any
"""Booleans with the structure of the parameters, True = kept; leaves may be scalars."""

Batch = Any
"""A pytree of arrays with the examples on their leading axis, `dict(image, label,
weight)` in this repository; see `landscape.derivatives`."""

Batches = Any
"""One batch, or a list or iterable of batches; see `landscape.derivatives`."""

LossFn = Callable[[Params, Batch], Any]
"""The (weighted) mean of a loss over a batch: a scalar, in nats."""
