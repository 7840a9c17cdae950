"""A run from start to end inside this process: what it leaves, and what it refuses."""

import os
import shutil
import signal

import jax
import numpy as np
import pytest

from landscape import runs
from landscape.config import SparseRun
from landscape.disk import locks
from landscape.errors import InputError, Interrupted, RunFailure
from train.jobs import job, training
from train.settings import mask_source

TINY = {
    "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 20,
    "log_every": 10, "sparsity": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("jobs") / "pruned"
    config = SparseRun(**TINY, workdir=str(folder), keep_every=10)
    return folder, job.run_training(config)


def test_the_summary_counts_what_the_weights_are(pruned):
    folder, summary = pruned
    run = runs.load(str(folder))
    leaves = jax.tree.leaves(run.state.params)
    assert summary["num_nonzero"] == sum(int((leaf != 0).sum()) for leaf in leaves)
    kernels = [leaf for leaf in leaves if leaf.ndim == 2]
    zeros = sum(int((leaf == 0).sum()) for leaf in kernels)
    assert summary["sparsity"] == zeros / sum(leaf.size for leaf in kernels) == 0.5
    total = sum(leaf.size for leaf in leaves)
    assert summary["sparsity_total"] == zeros / total
    objective = run.objective
    stats = run.state.batch_stats
    data = objective.data_loss(run.state.params, run.data.train, stats)
    np.testing.assert_allclose(
        summary["train_objective"], data + objective.l2(run.state.params), rtol=1e-5
    )


def test_a_run_that_another_process_left_meanwhile_is_not_taken_for_this_one(
    pruned, tmp_path, monkeypatch
):
    folder, _ = pruned
    run, really = tmp_path / "run", locks.locked

    def locked(here):
        shutil.copytree(folder, run)
        return really(here)

    monkeypatch.setattr(locks, "locked", locked)
    config = SparseRun(**TINY, seed=1, workdir=str(run))
    with pytest.raises(InputError, match="holds a run with other settings"):
        job.run_training(config)
    assert runs.read_config(run).seed == 0


def test_another_value_of_what_has_no_effect_is_the_same_run(pruned):
    """A command that names no such setting resumes a run from before it was refused."""
    folder, summary = pruned
    same = SparseRun(**TINY, workdir=str(folder), blob_dim=9, decay_factor=0.5)
    assert job.run_training(same) == summary
    other = SparseRun(**TINY, workdir=str(folder), data_seed=3)
    with pytest.raises(InputError, match="data_seed 0 there, 3 here"):
        job.run_training(other)
    # What is not there is told first.
    other = SparseRun(**TINY | {"model": "landscape.errors:Cnn", "widths": ()},
                      workdir=str(folder))  # fmt: skip
    with pytest.raises(InputError, match=r"errors\.py defines no 'Cnn'"):
        job.run_training(other)


def test_init_is_the_lottery_start_with_the_masks_of_step_0(pruned):
    folder, _ = pruned
    run = runs.load(f"{folder}@init")
    assert int(run.state.step) == 0
    assert all(mask.all() for mask in jax.tree.leaves(run.masks))


def test_a_lottery_run_starts_at_the_masked_weights_of_the_step_named(pruned, tmp_path):
    folder, _ = pruned
    config = SparseRun(
        **TINY, method="lottery", mask_from=str(folder), rewind_to=10,
        workdir=str(tmp_path / "lottery"),
    )  # fmt: skip
    job.run_training(config, mask_source.start_from(config))
    masks = runs.load(str(folder)).masks
    source = runs.load(f"{folder}@10").state
    start = runs.load(f"{tmp_path / 'lottery'}@init").state
    jax.tree.map(np.testing.assert_array_equal, start.masks, masks)
    expected = jax.tree.map(lambda m, w: np.where(m, w, 0), masks, source.params)
    jax.tree.map(np.testing.assert_array_equal, start.params, expected)
    end = runs.load(str(tmp_path / "lottery")).state
    jax.tree.map(np.testing.assert_array_equal, end.masks, masks)


def test_rigl_may_start_from_the_solution_of_another_run(pruned, tmp_path):
    folder, _ = pruned
    config = SparseRun(
        **TINY, method="rigl", mask_from=str(folder), update_every=4,
        workdir=str(tmp_path / "r"),
    )  # fmt: skip
    job.run_training(config, mask_source.start_from(config))
    source = runs.load(str(folder)).state
    start, end = (runs.load(f"{tmp_path / 'r'}@{step}").state for step in ("init", 20))
    jax.tree.map(np.testing.assert_array_equal, start.masks, source.masks)
    jax.tree.map(np.testing.assert_array_equal, start.params, source.params)
    old, new = (each.masks["Dense_0"]["kernel"] for each in (start, end))
    assert (new != old).any() and new.sum() == old.sum()


@pytest.mark.parametrize("method", ["restart", "static"])
def test_a_run_that_takes_the_solution_starts_at_it_and_keeps_its_mask(
    method, pruned, tmp_path
):
    folder, _ = pruned
    config = SparseRun(
        **TINY, method=method, mask_from=str(folder), order_seed=3,
        workdir=str(tmp_path / "r"),
    )  # fmt: skip
    job.run_training(config, mask_source.start_from(config))
    source = runs.load(str(folder)).state
    start, end = (runs.load(f"{tmp_path / 'r'}@{step}").state for step in ("init", 20))
    jax.tree.map(np.testing.assert_array_equal, start.masks, source.masks)
    jax.tree.map(np.testing.assert_array_equal, start.params, source.params)
    jax.tree.map(np.testing.assert_array_equal, end.masks, source.masks)
    kernel = source.params["Dense_0"]["kernel"]
    assert (end.params["Dense_0"]["kernel"] != kernel).any()


def test_a_static_run_without_a_source_draws_its_mask(tmp_path):
    config = SparseRun(**TINY, method="static", workdir=str(tmp_path / "r"))
    assert mask_source.start_from(config) is None
    assert job.run_training(config)["sparsity"] == 0.5


def test_a_signal_in_the_last_window_interrupts_the_run(tmp_path, monkeypatch):
    config = SparseRun(**TINY, workdir=str(tmp_path / "r"))
    held_out = job.measure.held_out

    def killed(recipe, state, *rest):
        if int(state.step) == config.steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return held_out(recipe, state, *rest)

    monkeypatch.setattr(job.measure, "held_out", killed)
    with pytest.raises(Interrupted) as stop:
        job.run_training(config)
    assert stop.value.signum == signal.SIGTERM
    monkeypatch.undo()
    assert job.run_training(config)["steps"] == config.steps


def test_a_run_whose_masks_change_resumes_to_the_same_bits(tmp_path, monkeypatch):
    """Steps that change masks have a program of their own, before and after."""
    whole, cut = (
        SparseRun(
            **TINY, method="rigl", update_every=4, workdir=str(tmp_path / name),
            drop_schedule="constant", update_end=20, eval_every=7,
        )
        for name in ("whole", "cut")
    )  # fmt: skip
    job.run_training(whole)
    window = training.measure.window

    def killed(recipe, state, *rest):
        os.kill(os.getpid(), signal.SIGTERM)
        return window(recipe, state, *rest)

    monkeypatch.setattr(training.measure, "window", killed)
    with pytest.raises(Interrupted):
        job.run_training(cut)
    assert runs.read_metrics(tmp_path / "cut")[-1]["step"] == 7
    monkeypatch.undo()
    job.run_training(cut)
    states = [runs.load(config.workdir).state for config in (whole, cut)]
    jax.tree.map(np.testing.assert_array_equal, *states)
    first = runs.load(f"{tmp_path / 'cut'}@init").masks["Dense_0"]["kernel"]
    last = states[0].masks["Dense_0"]["kernel"]
    assert (first != last).any() and first.sum() == last.sum()


def test_metrics_without_a_checkpoint_are_no_fresh_start(pruned, tmp_path):
    folder, _ = pruned
    shutil.copytree(folder, tmp_path / "r")
    (tmp_path / "r" / "summary.json").unlink()
    shutil.rmtree(tmp_path / "r" / "checkpoints")
    before = (tmp_path / "r" / "metrics.jsonl").read_bytes()
    config = SparseRun(**TINY, workdir=str(tmp_path / "r"), keep_every=10)
    with pytest.raises(RunFailure, match="no checkpoint"):
        job.run_training(config)
    assert (tmp_path / "r" / "metrics.jsonl").read_bytes() == before


def test_a_folder_that_is_filled_while_earlier_runs_train_is_refused(pruned, tmp_path):
    folder, _ = pruned
    first, second = (
        SparseRun(**TINY, keep_every=10, seed=seed, workdir=str(tmp_path / f"{seed}"))
        for seed in (0, 1)
    )

    def theirs(config):
        """What another command leaves in the second folder: a run of seed 0."""
        if config is first:
            shutil.copytree(folder, second.workdir)

    with pytest.raises(InputError, match="seed 0 there, 1 here"):
        job.run_all([first, second], theirs)
    assert runs.read_summary(tmp_path / "0") is not None
    for path in folder.rglob("*"):
        there = tmp_path / "1" / path.relative_to(folder)
        assert path.is_dir() or path.read_bytes() == there.read_bytes()


def test_a_folder_of_another_run_is_refused_before_the_first_run_trains(
    pruned, tmp_path
):
    folder, _ = pruned
    first, second = (
        SparseRun(**TINY, keep_every=10, seed=seed, workdir=str(tmp_path / f"{seed}"))
        for seed in (0, 1)
    )
    shutil.copytree(folder, second.workdir)
    with pytest.raises(InputError, match="seed 0 there, 1 here"):
        job.run_all([first, second])
    assert not (tmp_path / "0").exists()


def test_what_one_run_cannot_be_is_refused_before_another_trains(tmp_path):
    first = SparseRun(**TINY, workdir=str(tmp_path / "first"))
    fields = TINY | {"sparsity": 0.9999, "workdir": str(tmp_path / "second")}
    with pytest.raises(InputError, match="leaves nothing of layer"):
        job.run_all([first, SparseRun(**fields)])
    with pytest.raises(InputError, match="--batch-size 5000"):
        job.run_all([first, SparseRun(**fields | {"batch_size": 5000})])
    assert not list(tmp_path.iterdir())


def test_a_run_that_another_process_trains_is_refused_before_the_first(
    pruned, tmp_path
):
    first, second = (
        SparseRun(**TINY, seed=seed, workdir=str(tmp_path / f"{seed}"))
        for seed in (0, 1)
    )
    with locks.locked(tmp_path / "1"):
        with pytest.raises(InputError, match=f"written by process {os.getpid()} on"):
            job.run_all([first, second])
        assert not (tmp_path / "0").exists()
        assert {path.name for path in (tmp_path / "1").iterdir()} == set(locks.FILES)


@pytest.mark.parametrize("start", [None, lambda like: (None, None, None)])
def test_a_run_that_takes_masks_is_not_trained_without_them(start, pruned, tmp_path):
    folder, _ = pruned
    config = SparseRun(
        **TINY,
        method="scratch",
        seed=1,
        mask_from=str(folder),
        workdir=str(tmp_path / "r"),
    )
    with pytest.raises(InputError, match="scratch run takes the masks of another"):
        job.run_training(config, start)
    assert not (tmp_path / "r").exists()


def test_what_is_refused_on_a_resume_is_said_before_anything_is_changed(
    pruned, tmp_path, capsys, monkeypatch
):
    folder, _ = pruned
    shutil.copytree(folder, tmp_path / "r")
    (tmp_path / "r" / "summary.json").unlink()
    (tmp_path / "r" / "checkpoints" / "20" / "digests.json").write_text("{}")

    def fails(*_):
        raise RunFailure("full")

    monkeypatch.setattr(job.record, "truncate_metrics", fails)
    config = SparseRun(**TINY, workdir=str(tmp_path / "r"), keep_every=10)
    with pytest.raises(RunFailure, match="full"):
        job.run_training(config)
    assert "refused step 20" in capsys.readouterr().err


def test_a_line_of_timings_cut_short_does_not_stop_a_run(pruned, tmp_path):
    folder, _ = pruned
    shutil.copytree(folder, tmp_path / "r")
    (tmp_path / "r" / "summary.json").unlink()
    with open(tmp_path / "r" / "timings.jsonl", "a") as file:
        file.write('{"step": 3, "sec')
    config = SparseRun(**TINY, workdir=str(tmp_path / "r"), keep_every=10)
    assert job.run_training(config)["seconds"] > 0
