"""Keeps long programs below the number of memory maps that a process may hold.

Every program that XLA compiles for a CPU maps memory, and Linux refuses a process more
than /proc/sys/vm/max_map_count maps (65,530 by default): the compiler then aborts. A
study compiles thousands of programs. So programs, never library functions, call
`limit_compiled_programs` between their parts; a notebook does by hand what it does:
`jax.clear_caches()`.
"""

import gc
from pathlib import Path

MAPS = Path("/proc/self/maps")
LIMIT = Path("/proc/sys/vm/max_map_count")


def limit_compiled_programs(max_maps: int | None = None) -> bool:
    """Drops all compiled programs if this process holds more than `max_maps` maps.

    What is used again is compiled again, to the same results. Costs a millisecond per
    thousand maps; does nothing where there is no /proc.

    Args:
      max_maps: default: half of what the system allows.

    Returns:
      Whether they were dropped.

    >>> limit_compiled_programs(max_maps=10**9)
    False
    """
    if not MAPS.exists() or not LIMIT.exists():
        return False
    if max_maps is None:
        max_maps = int(LIMIT.read_text()) // 2
    if MAPS.read_bytes().count(b"\n") <= max_maps:
        return False
    import jax

    jax.clear_caches()
    # The executables are in reference cycles.
    gc.collect()
    return True
