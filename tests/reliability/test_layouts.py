"""Promise 7: other numbers of devices, the same mathematics (float64)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
import jax, numpy as np
jax.config.update("jax_enable_x64", True)
from landscape import data, devices, order, recipe
from landscape.config import SparseRun
from landscape.initial_state import initial_state
from train import loop, step

# The smallest of its family, one block a stage, and few channels, that grow.
WIDTHS = {"mlp": (20,), "resnet8": (4, 8, 16)}
first_state = jax.jit(initial_state, static_argnums=(0, 2))

def double(tree):
    return jax.tree.map(
        lambda x: x.astype("float64") if x.dtype == np.float32 else x, tree)

def final(config, num_devices):
    dataset = data.load(config)
    made = recipe.make(config, dataset.input_shape, dataset.num_classes)
    mesh = devices.make_mesh(num_devices)
    state = double(first_state(made, 0, dataset.input_shape))
    state = devices.replicate(mesh, state)
    split = devices.replicate(mesh, double(dataset.train))
    indices = order.batches(0, 200, 16, 0, 20)
    together = loop.scannable(made, state, split, 16)
    segment = loop.make_segment(step.make(made, augmented=True), mesh, together)
    state, _ = segment(state, split, indices, 20)
    return [np.asarray(x) for x in jax.tree.leaves((state.params, state.batch_stats))]

errors = {}
for model, counts in json.loads(sys.argv[1]).items():
    # One search for the threshold of all layers compiles faster than one a layer.
    config = SparseRun(model=model, widths=WIDTHS[model], steps=20,
                       batch_size=16, prune_every=5, num_train=200, augment=True,
                       label_smoothing=0.1, global_pruning=model != "mlp")
    one = final(config, 1)
    assert all(x.dtype == np.float64 for x in one)
    scale = max(abs(x).max() for x in one)
    errors[model] = {
        n: max(abs(a - b).max() for a, b in zip(one, final(config, n))) / scale
        for n in counts}
print(json.dumps(errors))
"""


# Each number of devices compiles its own programs, which takes most of the time.
COUNTS = {"mlp": [2, 4, 8], "resnet8": [2, 8]}
TOLERANCES = {"mlp": 1e-12, "resnet8": 1e-9}


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    # Compiled with few optimisations, as the tests are: all of them take three times as
    # long, and mathematics is promised here, not bits.
    environment = {
        "PYTHONPATH": str(ROOT),
        "JAX_NUM_CPU_DEVICES": "8",
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(COUNTS)],
        env=os.environ | environment, capture_output=True, text=True,
        cwd=tmp_path_factory.mktemp("layouts"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("model", COUNTS)
def test_twenty_steps_agree_on_several_devices(model, errors):
    assert set(errors[model]) == set(map(str, COUNTS[model]))
    assert max(errors[model].values()) < TOLERANCES[model], errors
