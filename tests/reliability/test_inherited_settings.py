"""Promise 21: what a process was told about JAX changes no draw behind a seed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_THREEFRY_PARTITIONABLE": "0",
    "JAX_ENABLE_X64": "1",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_DEBUG_NANS": "1",
}
PROGRAM = """
def bits_of(tree):
    import jax, numpy as np
    return [np.asarray(x).tobytes().hex() for x in jax.tree.leaves(tree)]

def draw():
    import jax, numpy as np
    from landscape import models, rng, sparsity, trees
    from landscape.recipes import augment, order, recipe
    from landscape.config import SparseRun
    from landscape.recipes.initial_state import initial_state
    from train.steps import step as steps

    key = rng.stream(3, "a", 2)
    image = np.random.default_rng(0).normal(size=(8, 4, 4, 1)).astype(np.float32)
    config = SparseRun(
        model="mlp", widths=(5,), method="pruning", steps=6, batch_size=8,
        sparsity=0.5, prune_start=1, prune_end=4, prune_every=1,
    )
    parts = recipe.make(config, (4, 4, 1), 3)
    state = initial_state(parts, 0, (4, 4, 1))
    static = sparsity.updaters.static({"Dense_0/kernel": 7})
    exact = jax.jit(lambda key: {
        "split": jax.random.key_data(rng.split(key, 3)),
        "masks": static.init(key, state.params)[0],
        "augmentation": augment.crop_and_flip(key, image),
        "probes": trees.rademacher_like(key, np.zeros(20, np.float32)),
    })(key)
    exact["keys"] = jax.random.key_data(key)
    exact["order"] = order.batches(0, 100, 7, 3, 20)
    exact["weights"] = state.params
    step = jax.jit(steps.make(parts))
    labels = np.arange(8, dtype=np.int32) % 3
    batch = dict(image=image, label=labels, weight=np.ones(8, np.float32))
    for _ in range(config.steps):
        state, _ = step(state, batch)
    exact["final masks"] = state.masks
    exact = {name: bits_of(tree) for name, tree in exact.items()}
    return exact, [np.ravel(x).tolist() for x in jax.tree.leaves(state.params)]
"""
TOLD = """
import json
from landscape.cli import launch
launch(lambda: print(json.dumps(draw())))
"""


def test_keys_order_masks_and_weights_do_not_depend_on_what_the_process_was_told():
    here = {}
    exec(PROGRAM, here)
    exact, trained = here["draw"]()
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM + TOLD],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | SETTINGS,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert told.returncode == 0, told.stderr
    exact_there, trained_there = json.loads(told.stdout)
    for name in exact:
        assert exact_there[name] == exact[name], name
    # Six steps of float32 and of float64 in places: each rounds by 6e-8 of a weight of
    # order 1, and the sums of a step have fewer than 100 terms.
    for a, b in zip(trained_there, trained, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=6 * 100 * 6e-8)
