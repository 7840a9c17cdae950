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
from landscape import data, devices, models, recipe
from landscape.config import SparseRun
from landscape.initial_state import initial_state
from train import loop, step

model, counts = sys.argv[1], list(map(int, sys.argv[2:]))
config = SparseRun(model=model, steps=20, batch_size=16, prune_every=5, num_train=200,
                   label_smoothing=0.1, augment=True)
dataset = data.load(config)
made = recipe.make(config, dataset.input_shape, dataset.num_classes)

def double(tree):
    return jax.tree.map(
        lambda x: x.astype("float64") if x.dtype == np.float32 else x, tree)

def final(num_devices):
    mesh = devices.make_mesh(num_devices)
    state = double(initial_state(made, 0, dataset.input_shape))
    state = devices.replicate(mesh, state)
    split = devices.replicate(mesh, double(dataset.train))
    order = data.order.batches(0, 200, 16, 0, 20)
    together = loop.scannable(made, state, split, 16)
    segment = loop.make_segment(step.make(made, augmented=True), mesh, together)
    state, _ = segment(state, split, order, 20)
    return [np.asarray(x) for x in jax.tree.leaves((state.params, state.batch_stats))]

one = final(1)
assert all(x.dtype == np.float64 for x in one)
scale = max(abs(x).max() for x in one)
print(json.dumps({n: max(abs(a - b).max() for a, b in zip(one, final(n))) / scale
                  for n in counts}))
"""


# Each number of devices compiles anew, which for ResNet-20 takes longest.
CASES = [("lenet300", 1e-12, "2 4 8"), ("resnet20", 1e-9, "2 8")]


@pytest.mark.parametrize(("model", "tolerance", "counts"), CASES)
def test_twenty_steps_agree_on_several_devices(model, tolerance, counts, tmp_path):
    environment = {"PYTHONPATH": str(ROOT), "JAX_NUM_CPU_DEVICES": "8"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, model, *counts.split()],
        env=os.environ | environment, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    errors = json.loads(done.stdout)
    assert set(errors) == set(counts.split())
    assert max(errors.values()) < tolerance, errors
