"""Keeps what long programs have compiled from filling the memory of a process.

Every program that XLA compiles for a CPU takes about 2 MB in 15 maps of memory, and
Linux refuses a process more than /proc/sys/vm/max_map_count maps (65,530 by default):
the compiler then aborts. A study compiles thousands of programs: training a network of
other widths is about 20 that no other network shares, 40 MB even of a tiny one. So
programs, never library functions, call
`limit_compiled_programs` between their parts; a notebook does by hand what it does:
`jax.clear_caches()`.
"""

import ctypes
import gc
from pathlib import Path

MAPS = Path("/proc/self/maps")
LIMIT = Path("/proc/sys/vm/max_map_count")


def limit_compiled_programs(max_maps: int | None = None) -> bool:
    """Drops all compiled programs if this process holds more than `max_maps` maps.

    What is used again is compiled again, to the same results. Costs a millisecond per
    thousand maps; does nothing where there is no /proc.

    Args:
      max_maps: default: an eighth of what the system allows, about a gigabyte.

    Returns:
      Whether they were dropped.

    >>> limit_compiled_programs(max_maps=10**9)
    False
    """
    if not MAPS.exists() or not LIMIT.exists():
        return False
    if max_maps is None:
        max_maps = int(LIMIT.read_text()) // 8
    if MAPS.read_bytes().count(b"\n") <= max_maps:
        return False
    import jax

    jax.clear_caches()
    # The executables are in reference cycles.
    gc.collect()
    # The C library keeps what is freed in pieces, unless it is told.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return True
