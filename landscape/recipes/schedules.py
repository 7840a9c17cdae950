"""Numbers that depend on the step: learning rate, sparsity, steps of mask updates."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import optax

from landscape.errors import InputError, check_choice
from landscape.registries.methods import SCHEDULES


def learning_rate(
    schedule: str,
    peak: float,
    steps: int,
    *,
    warmup: int = 0,
    decay_steps: Sequence[int] = (),
    decay_factor: float = 0.1,
) -> optax.Schedule:
    """A function from completed updates to the learning rate of the next one.

    Args:
      schedule: constant, cosine (from the end of the warm-up to 0 at `steps`) or step.
      peak: the highest rate.
      steps: updates of the whole training.
      warmup: updates over which the rate rises linearly from 0 to `peak`.
      decay_steps: step schedule: from each of these on, the rate is multiplied by
        `decay_factor` (from the end of the warm-up on if that is later).
      decay_factor: see `decay_steps`.

    Raises:
      InputError: there is no such schedule.

    >>> rate = learning_rate("cosine", 0.1, 100, warmup=20)
    >>> [round(float(rate(step)), 4) for step in (0, 10, 20, 60, 100)]
    [0.0, 0.05, 0.1, 0.05, 0.0]
    """
    check_choice("schedule", schedule, SCHEDULES)
    if schedule == "constant":
        main = optax.constant_schedule(peak)
    elif schedule == "cosine":
        main = optax.cosine_decay_schedule(peak, max(1, steps - warmup))
    else:
        factors = {step - warmup: decay_factor for step in decay_steps}
        main = optax.piecewise_constant_schedule(peak, factors)
    if not warmup:
        return main
    rise = optax.linear_schedule(0.0, peak, warmup)
    return optax.join_schedules([rise, main], [warmup])


def relative_rate(
    schedule: str,
    steps: int,
    *,
    warmup: int = 0,
    decay_steps: Sequence[int] = (),
    decay_factor: float = 0.1,
) -> Callable[[int], float]:
    """`learning_rate` over its peak, in float64 and without a device.

    >>> rate = relative_rate("step", 100, warmup=20, decay_steps=(50,))
    >>> [rate(step) for step in (0, 10, 20, 49, 50)]
    [0.0, 0.5, 1.0, 1.0, 0.1]
    """
    check_choice("schedule", schedule, SCHEDULES)

    def rate(step: int) -> float:
        if step < warmup:
            return step / warmup
        if schedule == "cosine":
            length = max(1, steps - warmup)
            return cosine(min(step - warmup, length) / length)
        # Those of decay_steps are there under the step schedule alone.
        return decay_factor ** sum(step >= at for at in decay_steps)

    return rate


def cosine(fraction: float) -> float:
    """(1 + cos(pi fraction)) / 2, from 1 to 0.

    >>> cosine(0.0), cosine(1.0)
    (1.0, 0.0)
    """
    return (1 + math.cos(math.pi * fraction)) / 2


def cosine_drop(initial: float, end: int) -> Callable[[int], float]:
    """RigL's fraction of weights to replace, from completed updates.

        initial / 2 (1 + cos(pi step / end))

    (Evci et al. 2020, arXiv:1911.11134, section 3), 0 from `end` on.

    >>> drop = cosine_drop(0.3, 75)
    >>> [round(drop(step), 3) for step in (0, 25, 50, 75, 100)]
    [0.3, 0.225, 0.075, 0.0, 0.0]
    """
    return lambda step: initial * cosine(min(step / end, 1))


def cubic_removed(step: int, total: int, start: int, end: int) -> int:
    """Weights removed at `step` of gradual pruning, if `total` are removed in the end.

        total * (1 - (1 - (step - start) / (end - start))^3)

    0 before `start`, `total` from `end` on (Zhu & Gupta 2017, arXiv:1710.01878, eq. 1).
    Rounded to the nearest in integer arithmetic, which is exact for layers of any size
    (a float32 is off by one from 2^24 on); a half is rounded up.

    Args:
      step: completed updates.
      total: whole number of weights.
      start, end: in completed updates, start <= end.

    >>> [cubic_removed(t, 20_000_001, 10, 20) for t in (5, 10, 15, 20, 25)]
    [0, 0, 17500001, 20000001, 20000001]
    """
    whole = max(end - start, 1) ** 3
    left = min(max(end - step, 0), max(end - start, 1)) ** 3
    return (2 * total * (whole - left) + whole) // (2 * whole)


def update_steps(start: int, end: int, every: int) -> np.ndarray:
    """Steps of the mask updates: start, start + every, ..., and always `end` itself.

    A schedule thus reaches its target whether or not `end` is on the grid.

    Raises:
      InputError: the steps are out of order, or none of them is ever completed.

    >>> update_steps(100, 1000, 400).tolist()
    [100, 500, 900, 1000]
    """
    if not 0 <= start <= end or end < 1 or every < 1:
        raise InputError(
            "mask updates need 0 <= start <= end, 1 <= end and 1 <= every, not start"
            f" {start}, end {end} and every {every}."
        )
    return np.array([*range(start, end, every), end])
