"""What every test runs under, doctests included.

Every program that XLA compiles for a CPU maps memory, and Linux lets a process hold
65,530 maps: compiled programs are dropped after modules that have many. Most of a
test's time is compiling, so programs are compiled with few optimisations unless
XLA_FLAGS is set. Some tests run processes of their own with the optimisations that
users have: XLA_FLAGS="". On a GPU: see `benchmarks/accelerator/__main__.py`.
"""

import ctypes
import gc
import os
import sys
import threading
from importlib.metadata import version
from pathlib import Path

import pytest

# One piece a program: in the 32 pieces that XLA cuts a program into otherwise, a test's
# programs take a third more time to compile, and twice as many maps.
FEW_OPTIMISATIONS = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_parallel_codegen_split_count=1"
)
if version("jaxlib").startswith(("0.9.", "0.10.")):  # Later ones refuse to be told.
    FEW_OPTIMISATIONS += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", FEW_OPTIMISATIONS)

# Two workers have two cores: threads of NumPy's linear algebra wait for each other in
# loops that take as much time again as the numbers do.
os.environ.setdefault("OMP_NUM_THREADS", "1")

LONGEST = "test_readme.py", "test_kill_and_resume.py", "test_hessian.py"

PEAKS = {"maps": (0, "no module"), "MiB": (0, "no module")}
"""The largest numbers seen in this process, with the module that they were seen in."""


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_dropped(request):
    """Keeps a worker far from the limit of maps, and its memory small."""
    yield
    import jax

    module = request.module.__name__
    maps = num_maps()
    for name, seen in (("maps", maps), ("MiB", peak_memory())):
        # The first module of those that see the same: memory is the largest so far.
        PEAKS[name] = max(PEAKS[name], (seen, module), key=lambda peak: peak[0])
    # Clearing takes time, and what small modules have compiled serves the next ones.
    if maps > 4_000:
        jax.clear_caches()
        gc.collect()
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)
    # The libraries of a GPU map and take more than all tests.
    on_cpu = jax.default_backend() == "cpu"
    assert maps < 15_000 or not on_cpu, f"{module} holds {maps} maps: split it."
    few = PEAKS["MiB"][0] < 2_048
    assert few or not on_cpu, f"the worker took more than 2 GiB: {PEAKS}."


@pytest.fixture(autouse=True)
def few_figures_are_drawn(request, monkeypatch):
    """Where a test is not of figures, they are made, and a few bytes are written.

    Drawing is half a second of text and layout each. Tests marked `draws`, fixtures of
    modules, and processes that tests start draw.
    """
    library = sys.modules.get("matplotlib.figure")
    if library and request.node.get_closest_marker("draws") is None:
        monkeypatch.setattr(library.Figure, "savefig", write_a_few_bytes)


def write_a_few_bytes(figure, file, **settings):
    file.write(b"not drawn")


def num_maps():
    """Maps of memory that this process holds; 0 where the system does not tell."""
    maps = Path("/proc/self/maps")
    return maps.read_text().count("\n") if maps.exists() else 0


def peak_memory():
    """The largest resident memory of this process so far, MiB; 0 if unknown."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(x.split()[1]) // 2**10 for x in lines if "VmHWM" in x), 0)


def pytest_collection_modifyitems(items):
    """What takes longest goes first, so that no worker waits long for the other."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def reuse_contexts():
    """Ten programs share what MLIR sets up for one, as they do in jax 0.12.

    Setting it up takes 3 ms of CPU time, and the tests compile 13,000 programs.
    """
    from jax._src.interpreters import mlir

    if not version("jax").startswith("0.10."):
        return
    make, local = mlir.make_ir_context, threading.local()

    def make_or_reuse():
        uses = getattr(local, "uses", 0)
        if uses % 10 == 0:
            local.context = make()
        local.uses = uses + 1
        return local.context

    mlir.make_ir_context = make_or_reuse


def pytest_collection_finish():
    """What is imported by now stays: garbage collection need not go through it."""
    reuse_contexts()
    # Tracing makes many small objects, and most end without it.
    gc.set_threshold(20_000, 20, 20)
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peaks"] = PEAKS


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    NODES[node.gateway.id] = getattr(node, "workeroutput", {}).get("peaks")


NODES = {}


def pytest_terminal_summary(terminalreporter):
    for name, peaks in sorted((NODES or {"this process": PEAKS}).items()):
        if peaks is None:
            terminalreporter.write_line(f"{name} died: see the test that it was in.")
            continue
        words = (
            f"{seen:,} {what} ({module})" for what, (seen, module) in peaks.items()
        )
        terminalreporter.write_line(f"{name} held at most {' and '.join(words)}")
