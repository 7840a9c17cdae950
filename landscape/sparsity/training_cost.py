"""What the training of a sparse network costs, as its steps are counted in papers.

A step at masks m costs, for each example of its batch,

    2 f(m) + f(m) = 3 f(m), or 2 f(m) + f(1) if it needs the gradient of all weights,

where f(m) is the forward pass of the kept weights (`accounting.CONVENTION`): once
forward, once backward to the inputs of the layers, and once for the gradient of the
weights. So dense training is 3 f(1) a step; RigL (Evci et al. 2020, arXiv:1911.11134,
appendix H) needs all gradients at its updates, a straight-through estimator at every
step. Optimizer, batch norm and the selection of weights are left out, as there.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np

from landscape.recipes import schedules


class Window(NamedTuple):
    """Steps `start` + 1 ... `stop`, and f(m) at their beginning and end."""

    start: int
    stop: int
    before: float
    after: float


class TrainingCost(NamedTuple):
    """FLOPs of the steps of a training.

    Attributes:
      flops: masks are taken to change at the end of a window.
      low, high: bounds, where f(m) stays between its values at both ends of a window.
      dense: 3 f(1) a step, for as many steps.
      dense_gradients: steps that needed the gradient of all weights.
    """

    flops: float
    low: float
    high: float
    dense: float
    dense_gradients: int

    @property
    def relative(self) -> float:
        """To the dense training of as many steps."""
        return self.flops / self.dense if self.dense else 0.0


def total(
    windows: Sequence[Window],
    dense: float,
    batch_size: int,
    dense_gradients: Collection[int] = (),
) -> TrainingCost:
    """The cost of all steps of the windows.

    Args:
      windows: in order; between their ends masks may have changed, once or often.
      dense: f(1), FLOPs of a dense forward pass for one example.
      batch_size: examples in a step.
      dense_gradients: steps that need the gradient of all weights (a `range` will do).

    >>> cost = total([Window(0, 10, 20, 20)], 100, batch_size=2)
    >>> cost.flops, cost.relative
    (1200, 0.2)
    >>> total([Window(0, 10, 20, 20)], 100, 2, range(5, 11, 5)).flops
    1520
    """
    flops = low = high = steps = full = 0
    for start, stop, before, after in windows:
        count = stop - start
        wide = sum(step in dense_gradients for step in range(start + 1, stop + 1))

        def cost(forward, count=count, wide=wide):
            return (3 * count - wide) * forward + wide * dense

        flops += cost(before)
        low += cost(min(before, after))
        high += cost(max(before, after))
        steps, full = steps + count, full + wide
    found = (flops, low, high, 3 * dense * steps)
    return TrainingCost(*(batch_size * x for x in found), full)


def gradual_densities(
    pruning_steps: tuple[int, int, int],
    last: int,
    density: float,
    parts: int = 10**12,
) -> list[tuple[int, float]]:
    """Steps at which gradual pruning changes the density, and the densities from there.

    Args:
      pruning_steps: first update, last update and interval, in steps.
      last: a step.
      density: at that step.
      parts: in which the removed weights are counted: of N:M, M - N.

    >>> gradual_densities((0, 4, 2), 4, 0.5)
    [(0, 1.0), (2, 0.5625), (4, 0.5)]
    """
    start, end, every = pruning_steps
    found = [(0, 1.0)]
    for step in schedules.update_steps(start, end, every).tolist():
        if 0 < step <= last:
            removed = schedules.cubic_removed(step, parts, start, end) / parts
            found.append((step, removed))
    # Of what is removed at the end, which the density there tells.
    final = (1 - density) / (found[-1][1] or 1)
    return [found[0], *((step, 1 - final * removed) for step, removed in found[1:])]


def by_density(known: Sequence[tuple[float, float]]) -> Callable[[float], float]:
    """f(m) as a function of the density, linear between states in which both are known.

    Exact up to rounding where the layers' counts move on a line from dense to final
    ones (gradual pruning within layers, phases, masks of constant counts); with scores
    that are compared over layers it is exact at the known states alone.

    Args:
      known: density and f(m), of the dense network and of states that were kept.

    >>> by_density([(1.0, 100.0), (0.5, 60.0)])(0.75)
    80.0
    """
    # Of two states of one density their mean.
    unique = sorted({density for density, _ in known})
    means = [np.mean([f for density, f in known if density == x]) for x in unique]
    return lambda density: float(np.interp(density, unique, means))
