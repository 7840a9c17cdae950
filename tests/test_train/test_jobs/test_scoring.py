"""Pruning by scores over data: which weights go, at which steps, and the same bits."""

import os
import signal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from landscape import objective, runs
from landscape.config import SparseRun
from landscape.errors import Interrupted, RunFailure
from landscape.machine import devices
from landscape.recipes import recipe
from landscape.recipes.state import TrainState
from landscape.sparsity import sparse_state, updaters
from landscape.trees import named_leaves
from train.jobs import job, scoring

# Masks change after steps 6, 10 and 14: within windows, and where one is saved.
SETTINGS = {
    "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 20,
    "log_every": 10, "eval_every": 10, "save_every": 10, "sparsity": 0.5,
    "learning_rate": 0.05, "weight_decay": 0.1,
    "prune_start": 2, "prune_end": 14, "prune_every": 4,
}  # fmt: skip
STOPS = [6, 10, 14]
SIZES = {"Dense_0/kernel": 64 * 8, "Dense_1/kernel": 8 * 10}
# 1 - (2/3)^3 and 1 - (1/3)^3 of the half that goes.
KEPT = {
    name: [size - round(size / 2 * part) for part in (19 / 27, 26 / 27, 1)]
    for name, size in SIZES.items()
}


def trained(folder, **settings):
    config = SparseRun(**SETTINGS | settings, workdir=str(folder))
    return config, job.run_training(config)


def bytes_of(folder):
    state = runs.load(str(folder)).state
    leaves = [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(state)]
    return leaves, (folder / runs.METRICS).read_bytes()


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A run by signed scores over data, with what went into each mask update."""
    seen, folder = [], tmp_path_factory.mktemp("scoring") / "run"
    updated = scoring._updated

    def watch(updater, state, scores):
        before = jax.device_get((state, scores))
        after = updated(updater, state, scores)
        seen.append((*before, jax.device_get(after)))
        return after

    patch = pytest.MonkeyPatch()
    patch.setattr(scoring, "_updated", watch)
    config, _ = trained(folder, score="taylor2", score_scale=0.5, score_examples=50)
    patch.undo()
    return folder, config, seen


def test_the_lowest_scores_go_at_each_stop_and_nothing_comes_back(watched):
    _, _, seen = watched
    assert [int(state.step) for state, _, _ in seen] == STOPS
    for i, (before, scores, after) in enumerate(seen):
        assert after.step == before.step
        masks = [named_leaves(state.masks) for state in (before, after)]
        for name, score in named_leaves(scores).items():
            live, kept = (m[name] for m in masks)
            if name not in SIZES:
                assert kept.shape == ()
                continue
            assert (score[live] < 0).any() and (score[~live] == -np.inf).all()
            order = np.argsort(-score.ravel(), kind="stable")
            want = np.zeros(score.size, bool)
            want[order[: KEPT[name][i]]] = True
            np.testing.assert_array_equal(kept.ravel(), want)
            assert not (kept & ~live).any()
            weights = named_leaves(after.params)[name]
            momentum = named_leaves(after.opt_state[0].trace)[name]
            assert not weights[~kept].any() and not momentum[~kept].any()


def test_scores_are_those_of_the_objective_over_the_first_examples(watched):
    folder, _, seen = watched
    run = runs.load(str(folder))
    first = jax.tree.map(lambda x: x[:50], run.data.train)

    def loss(params):
        logits = run.objective.data_loss(params, first, {})
        return logits + run.objective.l2(params)

    before, scores, _ = seen[1]
    grads, products = jax.jvp(jax.grad(loss), (before.params,), (before.params,))
    want = jax.tree.map(
        lambda w, g, hw: -w * g + 0.5 * w * hw, before.params, grads, products
    )
    live = jax.tree.map(lambda m, w: np.broadcast_to(m, w.shape), before.masks, want)
    for m, a, b in zip(*map(jax.tree.leaves, (live, scores, want)), strict=True):
        np.testing.assert_allclose(a[m], b[m], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("score", ["taylor2", "taylor1_abs"])
def test_a_run_stopped_and_resumed_ends_with_the_same_bits(
    score, watched, tmp_path, monkeypatch
):
    """In the window that ends at a mask update, after that update."""
    settings = {"score": score}
    if score == "taylor2":
        settings |= {"score_scale": 0.5, "score_examples": 50}
        whole = watched[0]
    else:
        whole = tmp_path / "whole"
        trained(whole, **settings)
    window = job.measure.window

    def killed(components, state, metrics):
        if int(state.step) == 10:
            os.kill(os.getpid(), signal.SIGTERM)
        return window(components, state, metrics)

    monkeypatch.setattr(job.measure, "window", killed)
    with pytest.raises(Interrupted):
        trained(tmp_path / "killed", **settings)
    monkeypatch.undo()
    trained(tmp_path / "killed", **settings)
    assert bytes_of(tmp_path / "killed") == bytes_of(whole)


def test_stops_leave_the_windows_of_the_metrics_as_they_are(watched):
    folder, _, _ = watched
    lines = [line for line in runs.read_metrics(folder) if line["split"] == "train"]
    assert [line["step"] for line in lines] == [10, 20]
    total = sum(SIZES.values())
    kept = sum(counts[1] for counts in KEPT.values())
    assert lines[0]["sparsity"] == (total - kept) / total


def test_obd_prunes_to_the_target_over_all_layers(tmp_path):
    _, summary = trained(
        tmp_path / "obd", score="obd_hutchinson", global_pruning=True, score_examples=30
    )
    assert summary["sparsity"] == 0.5
    masks = named_leaves(runs.load(str(tmp_path / "obd")).masks)
    kept = [int(masks[name].sum()) for name in SIZES]
    assert sum(kept) == sum(SIZES.values()) // 2 and kept[0] != 64 * 8 // 2


def test_scores_that_are_no_numbers_end_the_run_with_the_layer(tmp_path, monkeypatch):
    really = objective.Objective.bind

    def bind(self, *args, **kwargs):
        loss = really(self, *args, **kwargs)
        return lambda params, batch: (
            loss(params, batch)
            + jnp.sqrt(-jnp.square(params["Dense_1"]["bias"][0]) - 1)
        )

    monkeypatch.setattr(objective.Objective, "bind", bind)
    with pytest.raises(
        RunFailure, match="step 6 1 of 10 scores of Dense_1/bias is not"
    ):
        trained(tmp_path / "bad", score="taylor1", score_examples=20)
    assert "Dense_1/bias" in (tmp_path / "bad" / runs.TIMINGS).read_text()


class Normed(nn.Module):
    @nn.compact
    def __call__(self, image, train=False):
        x = nn.BatchNorm(use_running_average=not train)(
            nn.Dense(4, use_bias=False)(image)
        )
        return nn.Dense(3, use_bias=False)(nn.relu(x))


def test_batch_norm_is_in_eval_mode_and_its_statistics_stay():
    draw = np.random.default_rng(0)
    image = draw.standard_normal((7, 5)).astype(np.float32)
    train = {"image": jnp.asarray(image), "label": jnp.arange(7) % 3}
    train["weight"] = jnp.ones(7)
    norm = {"scale": jnp.full(4, 1.5), "bias": jnp.full(4, 0.5)}
    params = {"BatchNorm_0": norm} | {
        name: {"kernel": jnp.asarray(draw.standard_normal(shape), jnp.float32)}
        for name, shape in (("Dense_0", (5, 4)), ("Dense_1", (4, 3)))
    }
    stats = {"BatchNorm_0": {"mean": jnp.full(4, 0.3), "var": jnp.full(4, 2.0)}}
    the_loss = objective.Objective(Normed())
    updater = updaters.pruning({"Dense_0/kernel": 3}, 0, 1, 1, score=None)
    components = recipe.Components(None, the_loss, None, optax.sgd(0.1), updater, 0.0)
    sparse = sparse_state(optax.sgd(0.1), updater, None, params)
    state = TrainState(
        batch_stats=stats, **sparse._replace(step=jnp.int32(1))._asdict()
    )
    config = SparseRun(score="taylor1_abs", score_examples=6, batch_size=4)
    mesh = devices.make_mesh(1)
    rescoring = scoring.make(config, components, state, {"train": train}, mesh)
    assert rescoring.steps == {1}
    first = jax.tree.map(lambda x: x[:6], train)
    grads = jax.grad(the_loss.data_loss)(state.params, first, stats)
    w, g = (np.asarray(tree["Dense_0"]["kernel"]) for tree in (state.params, grads))
    after = rescoring.update(state)
    kept = np.flatnonzero(after.masks["Dense_0"]["kernel"])
    assert sorted(kept) == sorted(np.argsort(-np.abs(w * g).ravel())[:3])
    assert after.batch_stats["BatchNorm_0"]["mean"].tolist() == [np.float32(0.3)] * 4
