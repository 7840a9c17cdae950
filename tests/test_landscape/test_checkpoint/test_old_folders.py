"""Run folders written by earlier versions still load."""

import json

import numpy as np
import pytest

from landscape import checkpoint, runs
from landscape.checkpoint import verified_folder
from landscape.recipes import recipe
from landscape.recipes.initial_state import abstract_state
from landscape.trees import named_leaves

SETTINGS = {
    "format_version": 1, "dataset": "digits", "data_dir": None, "num_train": 40,
    "num_validation": 0, "inputs": "standardize", "augment": False, "blob_dim": 100,
    "blob_classes": 10, "blob_samples": 1000, "blob_variance": 1.0, "model": "mlp",
    "widths": [3], "activation": "relu", "steps": 2, "batch_size": 20,
    "learning_rate": 0.1, "schedule": "cosine", "warmup": 0, "decay_steps": [],
    "decay_factor": 0.1, "optimizer": "sgd", "momentum": 0.9, "nesterov": False,
    "weight_decay": 0.0001, "decay_all": False, "decoupled_decay": 0.0,
    "label_smoothing": 0.0, "seed": 0, "order_seed": None, "data_seed": 0,
    "workdir": "runs/old", "log_every": None, "eval_every": None, "save_every": 1000,
    "keep_every": None, "num_devices": None,
}  # fmt: skip
SPARSE = {
    "sparsity": 0.95, "distribution": "uniform", "global_pruning": False,
    "dense_layers": [], "max_sparsity": {"Dense_1": 0.5}, "prune_start": None,
    "prune_end": None, "prune_every": None, "mask_from": None, "rewind_to": None,
}  # fmt: skip
CONFIGS = {
    # Of a version that had no initial zeros yet.
    "dense": SETTINGS | {"method": "dense"},
    "pruning": SETTINGS | SPARSE | {"method": "pruning"},
    "static": SETTINGS | SPARSE | {"method": "static"},
    "lottery": SETTINGS | SPARSE | {"method": "lottery", "mask_from": "runs/other"},
}
SHAPES = {
    "Dense_0/bias": (3,), "Dense_0/kernel": (64, 3),
    "Dense_1/bias": (10,), "Dense_1/kernel": (3, 10),
}  # fmt: skip


def old_arrays(method):
    draw = np.random.default_rng(0)
    arrays = {"step": np.int32(2), "opt_state/1/count": np.int32(2)}
    for name, shape in SHAPES.items():
        pruned = name.endswith("kernel") and method != "dense"
        arrays[f"params/{name}"] = draw.normal(size=shape).astype(np.float32)
        arrays[f"masks/{name}"] = draw.random(shape) < 0.5 if pruned else np.bool_(True)
        arrays[f"opt_state/0/trace/{name}"] = np.zeros(shape, np.float32)
    return {name: np.asarray(array) for name, array in arrays.items()}


@pytest.mark.parametrize("method", CONFIGS)
def test_a_run_folder_of_before_is_read_leaf_by_leaf(method, tmp_path):
    (tmp_path / runs.CONFIG).write_text(json.dumps(CONFIGS[method]))
    arrays = old_arrays(method)
    verified_folder.write(tmp_path / runs.CHECKPOINTS / "2", "2", arrays)
    config = runs.read_config(tmp_path)
    assert (config.method, config.widths, config.steps) == (method, (3,), 2)
    made = recipe.make(config, (8, 8, 1), 10)
    like = abstract_state(made, (8, 8, 1))
    state, _ = checkpoint.restore(tmp_path / runs.CHECKPOINTS, like)
    found = named_leaves(state)
    assert found.keys() == arrays.keys()
    for name, leaf in found.items():
        np.testing.assert_array_equal(leaf, arrays[name])
