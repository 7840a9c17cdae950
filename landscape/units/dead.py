"""Dead units: those that could be constants, and since when they have been."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from jax.typing import ArrayLike

from landscape.errors import InputError
from landscape.units.outputs import Outputs
from landscape.units.scores import check_scores
from landscape.units.sites import Site, split


def dead_units(
    penalties: Mapping[str, ArrayLike],
    loss: float,
    tolerance: float,
) -> dict[str, np.ndarray]:
    """The units whose mean replacement changes the loss by less than `tolerance`.

    By group, booleans [n].

    Args:
      penalties: by group, [n]: mean replacement penalties, signed or absolute, in nats.
      loss: the mean loss of the same data, in nats.
      tolerance: in nats.

    Raises:
      InputError: a tolerance below the rounding of the loss, or a penalty that is NaN.

    >>> dead_units({"a": np.array([1e-6, -0.5, 0.2], np.float32)}, 2.0, 1e-4)
    {'a': array([ True, False, False])}
    >>> dead_units({"a": np.zeros(3, np.float32)}, 2.0, 1e-8)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: a tolerance of 1e-08 nats is below the rounding of a \
loss of 2 in float32: it must be at least 2.4e-07.
    """
    penalties = {group: np.asarray(values) for group, values in penalties.items()}
    check_scores("mean replacement penalty", penalties)
    check_tolerance(tolerance, loss, np.result_type(*penalties.values()))
    return {group: np.abs(values) < tolerance for group, values in penalties.items()}


def check_tolerance(tolerance: float, loss: float, dtype: np.dtype) -> None:
    """Raises InputError if `tolerance` is below the rounding of a loss of this dtype.

    >>> check_tolerance(1e-4, 2.0, np.float32)
    """
    rounding = float(np.finfo(dtype).eps) * abs(float(loss))
    if not tolerance >= rounding or tolerance <= 0:
        least = f"at least {rounding:.2g}" if rounding else "above 0"
        raise InputError(
            f"a tolerance of {tolerance:g} nats is below the rounding of a loss of"
            f" {float(loss):.3g} in {np.dtype(dtype)}: it must be {least}."
        )


def constant_units(
    statistics: Mapping[str, Outputs], sites: Mapping[str, Site]
) -> dict[str, np.ndarray]:
    """The units whose output is one constant up to rounding: by group, booleans [n].

    Their standard deviation is at most 8 roundings of their mean, at all their sites.

    Args:
      statistics: of `output_statistics`, by site.
      sites: the same.

    >>> from landscape.units.structure import Axis
    >>> sites = {"x": Site(Axis(("a",)), (3,))}
    >>> mean, variance = np.array([5.0, 0.0, 1.0]), np.array([0.0, 0.0, 0.1])
    >>> constant_units({"x": Outputs(mean, variance, abs(mean), mean)}, sites)
    {'a': array([ True,  True, False])}
    """
    found: dict[str, np.ndarray] = {}
    for name, site in sites.items():
        mean, variance = (np.asarray(x) for x in statistics[name][:2])
        rounding = 8 * np.finfo(mean.dtype).eps * np.abs(mean)
        for group, constant in split(site, np.sqrt(variance) <= rounding).items():
            found[group] = np.asarray(constant) & found.get(group, True)
    return found


def dead_since(steps: Sequence[int], dead: ArrayLike) -> list[int | None]:
    """The first of the steps from which a unit is dead to the end; None if it is alive.

    A unit that revives and dies again counts from its last death.

    Args:
      steps: [S], increasing.
      dead: booleans [S, n].

    Raises:
      InputError: steps that do not increase, or shapes that do not fit.

    >>> dead_since([0, 10, 20], [[True, False, True], [True, False, False],
    ...     [True, True, False]])
    [0, 20, None]
    """
    steps, dead = list(steps), np.asarray(dead, bool)
    if dead.ndim != 2 or len(dead) != len(steps) or not steps:
        raise InputError(
            f"{len(steps)} steps need an array [{len(steps)}, units], not one of shape"
            f" {dead.shape}."
        )
    if any(a >= b for a, b in itertools.pairwise(steps)):
        raise InputError(f"the steps must increase, unlike {steps}.")
    # Dead at this step and at all that follow.
    to_the_end = np.logical_and.accumulate(dead[::-1])[::-1]
    first = to_the_end.argmax(axis=0)
    pairs = zip(first, to_the_end.any(axis=0), strict=True)
    return [steps[i] if ever else None for i, ever in pairs]
