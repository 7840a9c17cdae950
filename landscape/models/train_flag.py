"""Networks with another flag, or none, for whether they are being trained."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from flax import linen as nn

NAMES = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
    "inference": False,
}
"""Arguments that say it, and their values in training."""


def keywords(call: Callable, train: bool) -> dict[str, bool]:
    """What `call` is told: those of `NAMES` that it names as arguments.

    >>> keywords(lambda image, deterministic: image, train=False)
    {'deterministic': True}
    >>> keywords(lambda image: image, train=False)
    {}
    """
    taken = inspect.signature(call).parameters
    return {name: train == value for name, value in NAMES.items() if name in taken}


def with_train(model: nn.Module) -> nn.Module:
    """The same network, called as `model(image, train=False)` and hashable.

    Its parameters have the names that they had. One that is both is given back as it
    is; any other is equal to itself alone.

    >>> class Network(nn.Module):
    ...     @nn.compact
    ...     def __call__(self, x, deterministic):
    ...         return nn.Dropout(0.5)(nn.Dense(2)(x), deterministic=deterministic)
    >>> import jax, jax.numpy as jnp
    >>> x = jnp.ones((1, 3))
    >>> variables = with_train(Network()).init(jax.random.key(0), x)
    >>> list(variables["params"])
    ['Dense_0']
    """
    cls = type(model)
    flag = inspect.signature(cls.__call__).parameters.get("train")
    if flag is not None and flag.default is False and _hashable(model):
        return model

    def call(self: Any, image: Any, train: bool = False) -> Any:
        return cls.__call__(self, image, **keywords(cls.__call__, train))

    body = {
        "__call__": call,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__eq__": lambda self, other: self is other,
        "__hash__": lambda self: id(self),
    }
    fields = [f.name for f in dataclasses.fields(model) if f.init]
    given = {name: getattr(model, name) for name in fields if name != "parent"}
    return type(cls.__name__, (cls,), body)(**given)


def _hashable(model: nn.Module) -> bool:
    try:
        hash(model)
    except TypeError:  # as of a list among its fields
        return False
    return True
