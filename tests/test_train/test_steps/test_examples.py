"""Data sets in the memory of devices: as bytes, to the same bits."""

from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from landscape import data
from landscape.config import DenseRun
from landscape.data.dataset import Normalisation
from landscape.data.pixels import as_bytes
from landscape.errors import InputError
from landscape.machine import devices
from landscape.recipes import recipe
from landscape.recipes.initial_state import initial_state
from train.steps import examples, loop, step
from train.steps.evaluate import evaluate


@pytest.fixture
def elsewhere(monkeypatch):
    """As on a device with memory of its own, of this many bytes."""

    def has(memory):
        monkeypatch.setattr(examples, "on_cpu", lambda: False)
        monkeypatch.setattr(examples, "memory_of", lambda mesh: memory)

    return has


@pytest.mark.parametrize("shape", [(300, 2, 2, 3), (300, 5)])
def test_what_is_looked_up_has_the_bits_of_what_was_normalised(shape):
    stored = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    channels = shape[3:]
    mean = np.linspace(100, 140, *channels) if channels else np.array(123.4)
    how = Normalisation(mean, mean / 2.1, 255.0)
    inputs = ((stored - how.mean) / how.deviation).astype(np.float32)
    small = as_bytes(inputs, how)
    np.testing.assert_array_equal(small.bytes, stored)
    split = {"image": small, "label": np.arange(300)}
    found = jax.jit(examples.take)(split, np.array([7, 299, 0]))
    np.testing.assert_array_equal(found["label"], [7, 299, 0])
    bits = np.asarray(found["image"]).view(np.int32)
    np.testing.assert_array_equal(bits, inputs[[7, 299, 0]].view(np.int32))
    # One value between two bytes, in the last example.
    inputs[299] *= 1.0001
    assert as_bytes(inputs, how) is None and as_bytes(inputs, None) is None


def test_steps_and_evaluation_on_bytes_are_those_on_numbers(elsewhere):
    config = DenseRun(model="mlp", widths=(4,), num_train=40, batch_size=8)
    dataset, mesh = data.load(config), devices.make_mesh(1)
    made = recipe.make(config, dataset.input_shape, dataset.num_classes)
    plain, words = examples.place(mesh, dataset)
    assert words is None and plain["train"]["image"].dtype == np.float32
    elsewhere(10**9)
    small, words = examples.place(mesh, dataset)
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(small))
    assert words == f"digits is kept on each device as uint8, {size / 1e6:.1f} MB"
    assert "validation" not in small and small["test"]["image"].bytes.dtype == np.uint8
    found = []
    indices = np.arange(40, dtype=np.int32).reshape(5, 8)
    for splits in (plain, small):
        state = initial_state(made, 0, dataset.input_shape)
        assert loop.scannable(made, state, splits["train"], 8)
        segment = loop.make_segment(step.make(made, ordinary=True), mesh, True)
        state, metrics = segment(state, splits["train"], indices, 5)
        means = evaluate(made.objective, state.params, {}, splits["test"], mesh)
        found.append((state, metrics, means))
    # Two programs: a compiler may round their sums differently.
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    jax.tree.map(close, *found)


def test_what_was_no_bytes_stays_and_what_does_not_fit_is_refused(elsewhere):
    config = DenseRun(dataset="blobs", blob_samples=40, blob_dim=3, batch_size=8)
    dataset, mesh = data.load(config), devices.make_mesh(1)
    size = 48 * 4 * (3 + 1 + 1)  # float32 inputs, labels, weights; 8 of them test
    elsewhere(size)
    splits, words = examples.place(mesh, dataset)
    assert splits["train"]["image"].dtype == np.float32 and "as float32" in words
    elsewhere(size - 1)
    with pytest.raises(InputError, match=r"blobs takes .*--num-train.*--image-size"):
        examples.place(mesh, dataset)


def test_a_device_that_does_not_tell_its_memory_has_no_limit():
    for told, limit in ((None, None), ({}, None), ({"bytes_limit": 7}, 7)):
        device = SimpleNamespace(memory_stats=lambda told=told: told)
        assert examples.memory_of(SimpleNamespace(local_devices=[device])) == limit
