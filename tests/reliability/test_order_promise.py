"""Promise 5: neither devices, hosts, workers, restarts nor precision decide on the
order of examples, those that are read in time among them."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from landscape.config import DenseRun
from landscape.data import streaming
from landscape.recipes import order
from train.steps import streamed

ROOT = Path(__file__).parents[2]
WINDOW = (7, 1297, 128, 2**31 - 5, 30)
PROGRAM = f"""
import sys, jax, numpy as np
from landscape.recipes import order
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


SIZE, STEPS = 25, 20


@pytest.fixture(scope="module")
def stream():
    """Images whose label is their index; each of other pixels and another size."""

    def encoded(index):
        pixels = np.random.default_rng(index).integers(0, 256, (6 + index, 9, 3))
        file = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
        return file.getvalue(), index

    images = [encoded(index) for index in range(SIZE)]
    source = streaming.Source(SIZE, SIZE, images.__getitem__, str)
    return streaming.Stream(source, 4, True, 5, 2, {})


@pytest.fixture(scope="module")
def unbroken(stream):
    """The batches of a run, by one host and one worker, for each batch size."""

    def batches(batch_size):
        config = DenseRun(batch_size=batch_size, steps=STEPS, order_seed=5)
        wanted = list(streamed.wanted(config, SIZE, 0))
        alone = stream._replace(workers=1)
        return config, list(streaming.ahead(alone, wanted))

    return {size: batches(size) for size in (6, 12)}


@given(
    batch_size=st.sampled_from([6, 12]),
    at=st.integers(0, STEPS - 1),
    workers=st.integers(1, 4),
    num_hosts=st.sampled_from([1, 2, 3, 6]),
)
@settings(max_examples=25, deadline=None)
def test_the_rows_of_all_hosts_are_the_batch_of_one_whatever_step_they_resume_from(
    stream, unbroken, batch_size, at, workers, num_hosts
):
    config, whole = unbroken[batch_size]
    wanted = list(streamed.wanted(config, SIZE, at))[:2]
    each = batch_size // num_hosts
    found = [
        streaming.ahead(
            stream._replace(workers=workers), wanted, slice(i * each, (i + 1) * each)
        )
        for i in range(num_hosts)
    ]
    for expected, *rows in zip(whole[at : at + 2], *found, strict=True):
        for name in expected:
            joined = np.concatenate([row[name] for row in rows])
            np.testing.assert_array_equal(joined, expected[name])


def test_every_example_is_read_once_an_epoch(unbroken):
    for _, whole in unbroken.values():
        labels = np.concatenate([batch["label"] for batch in whole])
        epochs = [labels[i : i + SIZE] for i in range(0, len(labels) - SIZE, SIZE)]
        assert len(epochs) >= 4
        for epoch in epochs:
            assert sorted(epoch) == list(range(SIZE))
        assert (epochs[0] != epochs[1]).any()
