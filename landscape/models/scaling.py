"""Narrower networks of a given number of parameters: one factor for all widths."""

import functools
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import jax

from landscape.errors import InputError
from landscape.models.creation import create, shapes
from landscape.models.widths import widths_of


class Scaled(NamedTuple):
    """A network with fewer parameters.

    Attributes:
      name: the row of `landscape.registries.methods.MODELS` that takes its widths.
      widths: of its hidden layers.
      size: the number of its parameters.
    """

    name: str
    widths: tuple[int, ...]
    size: int


@functools.lru_cache(maxsize=16)
def scaled_to(
    budget: int,
    name: str,
    input_shape: Sequence[int],
    num_classes: int,
    widths: Sequence[int] = (),
    activation: str = "relu",
) -> Scaled:
    """The widest network of at most `budget` parameters, by one factor on all widths.

    Every hidden width W becomes round(f W), a half up, with the largest factor f <= 1
    that keeps to the budget; inputs and classes are those of the data.

    Args:
      budget: parameters, all of them: kernels, biases and those of batch norm.
      name, input_shape, num_classes, widths, activation: the network that is made
        narrower, as of `landscape.models.create`; tuples.

    Raises:
      InputError: the network has no widths to change, or is above the budget with its
        narrowest layer at 1.

    >>> scaled_to(2920, "lenet300", (64,), 10)
    Scaled(name='mlp', widths=(36, 12), size=2914)
    """
    wide = create(name, input_shape, num_classes, widths, activation)
    row, full = widths_of(wide, shapes(wide, input_shape))

    def at(factor: Fraction) -> Scaled:
        new = tuple(int(factor * width + Fraction(1, 2)) for width in full)
        made = create(row, input_shape, num_classes, new, activation)
        leaves = jax.tree.leaves(shapes(made, input_shape))
        return Scaled(row, new, sum(leaf.size for leaf in leaves))

    # Where a width becomes the next number; below the first one of them would be 0.
    steps = {Fraction(2 * i - 1, 2 * w) for w in full for i in range(1, w + 1)}
    factors = sorted(step for step in steps if step * min(full) >= Fraction(1, 2))
    best = at(factors[0])
    if best.size > budget:
        raise InputError(
            f"no narrower {name} has at most {budget:,} parameters: with its narrowest"
            f" layer at 1, widths {' '.join(map(str, best.widths))}, it has"
            f" {best.size:,}."
        )
    low, high = 0, len(factors)
    while high - low > 1:
        middle = (low + high) // 2
        found = at(factors[middle])
        if found.size <= budget:
            low, best = middle, found
        else:
            high = middle
    return best
