"""How a program ends."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_a_setting_that_jax_refuses_is_told_in_a_sentence():
    code = "from landscape.cli import launch\nlaunch(lambda: __import__('jax'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT), "JAX_ENABLE_X64": "maybe"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: invalid truth value 'maybe'")
    assert done.stderr.count("\n") == 1
