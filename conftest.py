"""What every test runs under, doctests included.

Every program that XLA compiles for a CPU maps memory, and Linux lets a process hold
65,530 maps: compiled programs are dropped after each module. Most of a test's time is
compiling, so programs are compiled with few optimisations; the tests marked `optimised`
run processes of their own with those that users have.
"""

import ctypes
import gc
import json
import os
import resource
from pathlib import Path

import pytest

QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
RECORD = os.environ.get("TEST_RECORD")
"""A file to which every module appends its peaks of memory and of maps."""

if "XLA_FLAGS" not in os.environ:
    os.environ["XLA_FLAGS"] = QUICK


def num_maps():
    maps = Path("/proc/self/maps")
    return len(maps.read_text().splitlines()) if maps.exists() else 0


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_dropped(request):
    yield
    import jax

    maps = num_maps()
    jax.clear_caches()
    gc.collect()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
    if RECORD:
        row = {
            "module": request.module.__name__,
            "worker": os.environ.get("PYTEST_XDIST_WORKER", "alone"),
            "maps": maps,
            "maps_left": num_maps(),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10,
        }
        with open(RECORD, "a") as file:
            file.write(json.dumps(row) + "\n")
