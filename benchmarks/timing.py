"""Wall and CPU time of rivals, called alternately: a busy machine slows all of them."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Time(NamedTuple):
    """Medians over the rounds, seconds a call; the first call apart (compilation)."""

    first: float
    wall: float
    cpu: float


def race(rivals: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, Time]:
    """Calls every rival once, then alternately; each must block until it is done."""
    first, wall, cpu = {}, {name: [] for name in rivals}, {name: [] for name in rivals}
    for name, call in rivals.items():
        start = time.perf_counter()
        call()
        first[name] = time.perf_counter() - start
    for _ in range(rounds):
        for name, call in rivals.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            call()
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - start_cpu)
    median = statistics.median
    return {
        name: Time(first[name], median(wall[name]), median(cpu[name]))
        for name in rivals
    }
