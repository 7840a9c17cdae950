"""Runs programs as a user would: each in a process, in a folder of the tests."""

import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the programs of one test module run."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(scope="module")
def start(folder, tmp_path_factory, start_program):
    """Starts `python -m PROGRAM ARGS`, or a real process; returns the process."""
    cache = {
        # A killed program has compiled what the next one needs.
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    # The promises are about bits: shown on the programs that users run.
    compiler = {"XLA_FLAGS": "", "TESTS_DRAW": "no"}

    def begin(*arguments, by=start_program, **environment):
        words = ["-m", *map(str, arguments)]
        return by(words, folder, cache | compiler | environment)

    return begin


@pytest.fixture(scope="module")
def finish(start):
    """Runs a program to its end; returns status, stdout and stderr."""

    def run(*arguments, **settings):
        process = start(*arguments, **settings)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    return run


@pytest.fixture(scope="module")
def final_bytes(folder):
    """The bytes of a finished run's last state and of its metrics."""
    import jax
    import numpy as np

    from landscape import runs

    def read(name):
        state = runs.load(str(folder / name)).state
        leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)]
        return leaves, (folder / name / runs.METRICS).read_bytes()

    return read


@pytest.fixture(scope="session")
def run_two(start_program):
    """Runs two processes that join, to their ends; statuses, outputs and errors.

    run_two(command, num_devices of each, *folders, **environment): one folder, or one
    for each.
    """

    def run(command, num_devices, *folders, **environment):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        place = ["--coordinator", f"127.0.0.1:{port}", "--num-processes", "2"]
        words = [*map(str, command), *place, "--process-id"]
        devices = {"JAX_NUM_CPU_DEVICES": num_devices, "JAX_PLATFORMS": "cpu"}
        settings, both = devices | environment, []
        try:
            for index in (0, 1):
                folder = (folders or [ROOT])[min(index, len(folders) - 1)]
                both.append(start_program([*words, str(index)], folder, settings))
            said = [process.communicate(timeout=300) for process in both]
        finally:
            for process in both:
                process.kill()
        return [process.returncode for process in both], *zip(*said, strict=True)

    return run
