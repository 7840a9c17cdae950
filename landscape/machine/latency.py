"""How long calls take on this machine."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from landscape.aliases import Params
from landscape.objective import Objective

CALLS = 50
BLOCK = 10
_SECONDS = 1.0


def call_times(calls: Mapping[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Seconds of each of several calls that alternate, so that all see the same load.

    Ten calls follow each other before those of the next: after other work the threads
    of a compiled program sleep, and it is two to a hundred times slower. There are
    `CALLS` after two that are not counted, or as many as fit into a second for each,
    but at least one. What a call returns is waited for.

    >>> times = call_times({"a": lambda: 1, "b": lambda: 2})
    >>> sorted(times), len(times["a"]), min(times["b"]) > 0
    (['a', 'b'], 50, True)
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    block = BLOCK
    for call in calls.values():
        jax.block_until_ready(call())
        # Fewer of slow ones.
        block = max(1, min(block, int(_SECONDS / BLOCK / _seconds(call))))
    while len(next(iter(found.values()))) < CALLS:
        for name, call in calls.items():
            found[name] += [_seconds(call) for _ in range(block)]
        if sum(map(sum, found.values())) >= _SECONDS * len(calls):
            break
    return {name: times[:CALLS] for name, times in found.items()}


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def latency(
    objective: Objective, params: Params, batch_stats: Params, images: np.ndarray
) -> float:
    """The median time of a forward pass in eval mode, compiled, in seconds.

    Args:
      objective: of the model.
      params, batch_stats: of the state.
      images: the batch, [B, ...].
    """
    call = jax.jit(lambda *args: objective.logits(*args)[0])
    args = jax.device_put((params, images, batch_stats))
    return statistics.median(call_times({"": lambda: call(*args)})[""])
