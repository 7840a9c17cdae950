"""Runs whose pruned weights come back: saved, resumed, read, and logged."""

import json
import shutil

import jax
import numpy as np
import pytest

from landscape import runs
from landscape.config import SparseRun
from landscape.trees import named_leaves
from train.jobs import job
from train.settings import mask_source

TINY = {
    "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 20,
    "log_every": 2, "eval_every": 20, "keep_every": 10,
}  # fmt: skip


@pytest.fixture(scope="module")
def straight_through(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "ste"
    config = SparseRun(
        **TINY, method="ste", nm="2:4", prune_start=2, prune_end=9, prune_every=3,
        workdir=str(folder),
    )  # fmt: skip
    return folder, config, job.run_training(config)


def bits(name):
    return {k: np.asarray(x).tobytes() for k, x in state_of(name).items()}


def state_of(name):
    return named_leaves(runs.load(str(name), data=False).state)


@pytest.mark.parametrize("step", [10, 20])
def test_saved_parameters_are_the_projection_of_the_saved_latent_weights(
    straight_through, step
):
    folder, _, _ = straight_through
    state = runs.load(f"{folder}@{step}", data=False).state
    latent = state.updater_state.latent
    assert jax.tree.structure(latent) == jax.tree.structure(state.params)
    projected = jax.tree.map(lambda m, w: np.where(m, w, 0), state.masks, latent)
    jax.tree.map(np.testing.assert_array_equal, state.params, projected)
    kernel, mask = latent["Dense_0"]["kernel"], state.masks["Dense_0"]["kernel"]
    assert (mask.reshape(-1, 4, 8).sum(1) == 2).all()
    assert (kernel != 0).all()


def test_a_resumed_run_has_the_bits_of_one_that_was_never_stopped(
    straight_through, tmp_path
):
    folder, config, _ = straight_through
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    (again / runs.SUMMARY).unlink()
    shutil.rmtree(again / runs.CHECKPOINTS / "20")
    # Masks are refreshed between: the latent weights of step 10 are needed.
    before, after = state_of(f"{folder}@10"), state_of(f"{folder}@20")
    masks = [k for k in before if k.startswith("masks/")]
    assert any((before[k] != after[k]).any() for k in masks)
    job.run_training(SparseRun.of(config, method="ste", workdir=str(again)))
    assert bits(again) == bits(folder)
    assert (again / runs.METRICS).read_bytes() == (folder / runs.METRICS).read_bytes()


def test_summary_and_layers_tell_the_pattern(straight_through):
    folder, _, summary = straight_through
    assert summary["sparsity_target"] == summary["sparsity"] == 0.5
    layers = (folder / runs.LAYERS).read_text()
    assert "Pattern: 2:4 along the flattened inputs (kh kw c_in)" in layers


def test_only_masks_that_keep_the_pattern_of_their_source_are_said_to(
    straight_through, tmp_path
):
    folder, config, _ = straight_through
    told = {}
    for method in ("restart", "set"):
        taking = SparseRun.of(
            config, method=method, mask_from=str(folder), update_every=5,
            workdir=str(tmp_path / method),
        )  # fmt: skip
        job.run_training(taking, mask_source.start_from(taking))
        told[method] = "Pattern" in (tmp_path / method / runs.LAYERS).read_text()
    assert told == {"restart": True, "set": False}


def test_the_sparsity_of_every_line_is_that_of_its_phase(tmp_path):
    config = SparseRun(
        **TINY, method="acdc", sparsity=0.5, first_dense_steps=4, sparse_steps=4,
        dense_steps=4, last_sparse_steps=4, workdir=str(tmp_path / "acdc"),
    )  # fmt: skip
    summary = job.run_training(config)
    lines = map(json.loads, (tmp_path / "acdc" / runs.METRICS).read_text().splitlines())
    seen = {x["step"]: x["sparsity"] for x in lines if "sparsity" in x}
    want = [step for step in range(2, 21, 2) if 4 <= step < 8 or step >= 16]
    assert seen == {step: 0.5 * (step in want) for step in range(2, 21, 2)}
    assert summary["sparsity"] == 0.5
    state = runs.load(str(tmp_path / "acdc"), data=False).state
    for name, mask in named_leaves(state.masks).items():
        pruned = ~np.broadcast_to(mask, named_leaves(state.params)[name].shape)
        assert not named_leaves(state.params)[name][pruned].any()
