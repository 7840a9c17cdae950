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
_SECONDS = 1.0


def call_times(calls: Mapping[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Seconds of each of several calls, made in turn, so that all see the same load.

    After two rounds that are not counted there are `CALLS`, or as many as fit into a
    second for each call, but at least one. What a call returns is waited for.

    >>> times = call_times({"a": lambda: 1, "b": lambda: 2})
    >>> sorted(times), len(times["a"]), min(times["b"]) > 0
    (['a', 'b'], 50, True)
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(2):
        for call in calls.values():
            jax.block_until_ready(call())
    spent = 0.0
    for _ in range(CALLS):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            found[name].append(time.perf_counter() - start)
            spent += found[name][-1]
        if spent >= _SECONDS * len(calls):
            break
    return found


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
