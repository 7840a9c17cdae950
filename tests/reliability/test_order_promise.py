"""Promise 5, across processes: neither devices nor precision decide on the order."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from landscape import order

ROOT = Path(__file__).parents[2]
WINDOW = (7, 1297, 128, 2**31 - 5, 30)
PROGRAM = f"""
import sys, jax, numpy as np
from landscape import order
assert jax.device_count() == 4
with jax.default_device(jax.devices()[3]):
    made = order.batches(*{WINDOW})
assert made.dtype == np.int32
sys.stdout.buffer.write(np.asarray(made).tobytes())
"""


def test_another_process_with_other_devices_makes_the_same_order():
    settings = {
        "PYTHONPATH": str(ROOT),
        "JAX_NUM_CPU_DEVICES": "4",
        "JAX_PLATFORMS": "cpu",
        "JAX_ENABLE_X64": "1",
        "PYTHONHASHSEED": "1",
    }
    made = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        check=True,
        timeout=240,
    )
    assert made.stdout == np.asarray(order.batches(*WINDOW)).tobytes()
