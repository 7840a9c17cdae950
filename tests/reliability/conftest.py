"""Runs programs as a user would: in a process of their own, from the repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(tmp_path):
    """Starts `python -m PROGRAM ARGS` in an empty folder; returns the process."""

    def begin(*arguments, **environment):
        return subprocess.Popen(
            [sys.executable, "-m", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


@pytest.fixture
def finish(start):
    """Runs a program to its end; returns status, stdout and stderr."""

    def run(*arguments, **environment):
        process = start(*arguments, **environment)
        out, err = process.communicate(timeout=240)
        return process.returncode, out, err

    return run


@pytest.fixture
def final_bytes(tmp_path):
    """The bytes of all that a finished run came to, but for the clock's share."""
    import jax
    import numpy as np

    from landscape import runs

    def read(folder):
        state = runs.load(str(tmp_path / folder)).state
        leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)]
        return leaves, (tmp_path / folder / runs.METRICS).read_bytes()

    return read
