"""How long a forward pass takes on this machine."""

import statistics
import time

import jax
import numpy as np

from landscape.aliases import Params
from landscape.objective import Objective

CALLS = 50
_SECONDS = 1.0


def latency(
    objective: Objective, params: Params, batch_stats: Params, images: np.ndarray
) -> float:
    """The median time of a forward pass in eval mode, compiled, in seconds.

    After two calls that are not counted, `CALLS` are, or those of a second.

    Args:
      objective: of the model.
      params, batch_stats: of the state.
      images: the batch, [B, ...].
    """
    call = jax.jit(lambda *args: objective.logits(*args)[0])
    args = jax.device_put((params, images, batch_stats))
    for _ in range(2):
        jax.block_until_ready(call(*args))
    times: list[float] = []
    while len(times) < CALLS and sum(times) < _SECONDS:
        start = time.perf_counter()
        jax.block_until_ready(call(*args))
        times.append(time.perf_counter() - start)
    return statistics.median(times)
