"""Activation functions, each with the initialiser of its layers' kernels."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from flax import linen as nn

from landscape.errors import check_choice


class Activation(NamedTuple):
    """An activation function and the initialiser of the kernels around it."""

    function: Callable
    kernel_init: Callable


ACTIVATIONS = {
    "relu": Activation(nn.relu, nn.initializers.he_normal()),
    "tanh": Activation(jnp.tanh, nn.initializers.lecun_normal()),
}


def activation(name: str) -> Activation:
    """The activation called `name`, with its initialiser.

    The entries of a kernel come from a normal distribution truncated at two standard
    deviations and scaled to the stated variance: 2 / fan_in for relu (He et al. 2015,
    eq. 10) and 1 / fan_in for tanh (LeCun et al. 1998, eq. 16).

    Raises:
      InputError: there is no such activation.

    >>> float(activation("relu").function(-1.0))
    0.0
    """
    return ACTIVATIONS[check_choice("activation", name, ACTIVATIONS)]
