"""Runs whose masks are found at step 0: which, from what, once, and the same bits."""

import os
import signal

import jax
import numpy as np
import pytest

from landscape import objective, runs
from landscape.config import SparseRun
from landscape.errors import InputError, Interrupted
from landscape.sparsity import kept_counts
from landscape.trees import named_leaves
from train.jobs import job, scoring

SETTINGS = {
    "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 20,
    "log_every": 10, "eval_every": 10, "save_every": 10, "sparsity": 0.75,
    "learning_rate": 0.05, "weight_decay": 0.1,
}  # fmt: skip
SNIP = {"method": "snip", "score_examples": 50, "sparse_init": "unit"}
SHAPES = {"Dense_0/kernel": (64, 8), "Dense_1/kernel": (8, 10)}


def trained(folder, **settings):
    config = SparseRun(**SETTINGS | settings, workdir=str(folder))
    return job.run_training(config)


def kernels(tree):
    return {name: np.asarray(named_leaves(tree)[name]) for name in SHAPES}


def bytes_of(folder):
    leaves = jax.tree.leaves(runs.load(str(folder)).state)
    metrics = (folder / runs.METRICS).read_bytes()
    return [np.asarray(leaf).tobytes() for leaf in leaves], metrics


@pytest.fixture(scope="module")
def snip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("initial") / "snip"
    return folder, trained(folder, **SNIP)


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """The first state of the same seed without masks; not trained further."""
    folder = tmp_path_factory.mktemp("initial") / "dense"
    trained(folder, method="static", sparsity=0.0, steps=1)
    return runs.load(f"{folder}@init")


def test_the_saved_step_0_has_the_masks_and_they_stay(snip):
    folder, summary = snip
    first, last = (kernels(runs.load(f"{folder}{at}").masks) for at in ("@init", ""))
    for name in SHAPES:
        np.testing.assert_array_equal(first[name], last[name])
    assert summary["sparsity"] == 0.75 and summary["method"] == "snip"
    params = kernels(runs.load(f"{folder}@init").state.params)
    assert all(not params[name][~first[name]].any() for name in SHAPES)
    lines = runs.read_metrics(folder)
    assert lines[0]["step"] == 0


def test_snip_keeps_the_largest_w_g_of_the_data_loss_over_all_layers(snip, dense):
    """Without the L2 term, which the objective of this run has."""
    state = dense.state
    first = jax.tree.map(lambda x: x[:50], dense.data.train)
    grads = jax.grad(dense.objective.data_loss)(state.params, first, {})
    w, g = kernels(state.params), kernels(grads)
    scores = np.concatenate([np.abs(w[n] * g[n]).ravel() for n in SHAPES])
    kept = sum(kept_counts(SHAPES, 0.75).values())
    masks = kernels(runs.load(f"{snip[0]}@init").masks)
    mask = np.concatenate([masks[name].ravel() for name in SHAPES])
    assert mask.sum() == kept
    # But for scores that rounding may swap.
    assert scores[mask].min() >= scores[~mask].max() * (1 - 1e-5)


def test_the_weights_inside_are_scaled_to_the_inputs_that_a_unit_keeps(snip, dense):
    run = runs.load(f"{snip[0]}@init")
    before, after = kernels(dense.state.params), kernels(run.state.params)
    for name, mask in kernels(run.masks).items():
        factor = np.sqrt(len(mask) / np.maximum(mask.sum(0), 1))
        want = before[name] * mask * factor
        np.testing.assert_allclose(after[name], want, rtol=1e-6)


def test_a_run_stopped_and_resumed_finds_no_masks_again(snip, tmp_path, monkeypatch):
    window, updated, found = job.measure.window, scoring._updated, []

    def killed(components, state, metrics):
        if int(state.step) == 10:
            os.kill(os.getpid(), signal.SIGTERM)
        return window(components, state, metrics)

    monkeypatch.setattr(job.measure, "window", killed)
    with pytest.raises(Interrupted):
        trained(tmp_path / "killed", **SNIP)
    monkeypatch.undo()
    monkeypatch.setattr(scoring, "_updated", lambda *a: found.append(a) or updated(*a))
    trained(tmp_path / "killed", **SNIP)
    assert not found
    assert bytes_of(tmp_path / "killed") == bytes_of(snip[0])


def test_synflow_in_rounds_within_layers_keeps_what_the_distribution_says(tmp_path):
    settings = {"method": "synflow", "per_layer": True, "distribution": "erk"}
    trained(tmp_path / "synflow", **settings, score_rounds=3, steps=1)
    run = runs.load(str(tmp_path / "synflow@init"))
    kept = {name: int(mask.sum()) for name, mask in kernels(run.masks).items()}
    assert kept == kept_counts(SHAPES, 0.75, "erk")
    assert int(run.state.updater_state) == 3


def test_scores_that_are_all_zero_are_refused_and_nothing_is_written(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(
        objective.Objective,
        "bind",
        lambda *args, **kwargs: lambda p, batch: p["Dense_0"]["kernel"].mean(),
    )
    with pytest.raises(
        InputError, match="zero: at step 0 all 80 scores of Dense_1/kernel are zero"
    ):
        trained(tmp_path / "zero", method="snip")
    assert not list((tmp_path / "zero").rglob("*.json*"))


def test_the_temperature_of_grasp_is_that_of_the_logits(dense):
    """Of large logits a temperature makes others of the probabilities."""
    config = SparseRun(**SETTINGS, method="grasp", grasp_temperature=3.0)
    the_objective, params = dense.objective, dense.state.params
    first = jax.tree.map(lambda x: x[:20], dense.data.train)
    seen = scoring._flattened(
        the_objective, 3.0, the_objective.bind_logits({}), params, first
    )
    logits, _ = the_objective.logits(params, first["image"])
    p = np.asarray(logits, np.float64) / config.grasp_temperature
    p -= np.log(np.exp(p).sum(1, keepdims=True))
    want = -p[np.arange(20), first["label"]].mean()
    np.testing.assert_allclose(seen, want, rtol=1e-5)
