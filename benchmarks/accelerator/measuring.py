"""Time without compilation, memory, and the share of a device's peak."""

import math
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import jax

from benchmarks import full_size, machines
from benchmarks.accelerator.rows import Options

_COMPILED: list[tuple[float, float]] = []


def _note(event: str, duration: float, **_) -> None:
    if event.startswith("/jax/core/compile/"):
        now = time.perf_counter()
        _COMPILED.append((now - duration, now))


jax.monitoring.register_event_duration_secs_listener(_note)


class Time(NamedTuple):
    """Seconds of a call, and those that tracing and compiling took before."""

    run: float
    compilation: float


def timed(call: Callable[[], object]) -> Time:
    """Of one call, until what it returns is computed."""
    start = time.perf_counter()
    jax.block_until_ready(call())
    end = time.perf_counter()
    compilation = _union(start, end)
    return Time(end - start - compilation, compilation)


def repeated(call: Callable[[], object], rounds: int = 3) -> Time:
    """The median of some calls after a first one, whose compilation is given."""
    compilation = timed(call).compilation
    runs = [timed(call).run for _ in range(rounds)]
    return Time(statistics.median(runs), compilation)


def _union(start: float, end: float) -> float:
    """Seconds between the two in which something was traced or compiled."""
    total, reached = 0.0, start
    # Traces are within traces.
    for first, last in sorted(_COMPILED):
        if last > reached and first < end:
            total += min(last, end) - max(first, reached)
            reached = last
    return total


def memory() -> int | None:
    """The most bytes that this process has held on the device so far."""
    return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")


def share(rate: float, precision: str, options: Options) -> float | None:
    """Of the peak of the device, for `rate` operations a second.

    Args:
      rate: that is reached.
      precision: of factors, "bfloat16", "float32", or "tf32" for float32 as JAX rounds
        it by default.
      options: with the peaks in bfloat16 and float32, if they are given.
    """
    if math.isnan(rate):
        return None
    given = dict(zip(("bfloat16", "float32"), options.peaks or (), strict=False))
    if precision not in given:
        machine = machines.of_kind(jax.devices()[0].device_kind)
        if machine is None:
            return None
        rates = machine._asdict()
        given[precision] = rates["rounded" if precision == "tf32" else precision]
    return rate / given[precision]


def operations(network: tuple, what: str) -> float:
    """Of one image; NaN where the device's compiler does not count them.

    Args:
      network: name, shape of an image and number of classes.
      what: "training", "product" or "forward".
    """
    try:
        return full_size.operations(*network)[what]
    except Exception:
        return float("nan")


def precision_of_products() -> str:
    """What JAX multiplies float32 in where full precision is the default."""
    told = jax.config.jax_default_matmul_precision
    return "tf32" if told in ("tensorfloat32", "high") else "float32"


def seconds(value: float) -> str:
    """With three digits.

    >>> seconds(0.01234), seconds(123.4)
    ('0.0123 s', '123 s')
    """
    return f"{value:.3g} s"
