"""Seeds trained side by side in one compiled program."""

import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest

from landscape import checkpoint, runs
from landscape.config import SparseRun
from landscape.errors import InputError, RunFailure
from landscape.machine import backend
from landscape.trees import named_leaves
from train.jobs import job, opening, record
from train.steps import loop, step, together

TINY = {
    "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 20,
    "log_every": 10, "save_every": 10, "sparsity": 0.5,
}  # fmt: skip
SEEDS = 3


def configs(folder, **changes):
    first = SparseRun(**TINY | changes)
    return [
        replace(first, seed=seed, workdir=str(folder / f"seed{seed}"))
        for seed in range(SEEDS)
    ]


@pytest.fixture(scope="module")
def together_and_alone(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(name) for name in ("together", "alone")]
    for folder, at_once in zip(folders, (SEEDS, 1), strict=True):
        job.run_all(configs(folder), seeds_at_once=at_once)
    return folders


def test_each_seed_ends_as_alone_up_to_rounding(together_and_alone):
    many, alone = (
        [runs.load(config.workdir) for config in configs(folder)]
        for folder in together_and_alone
    )
    for one, other in zip(many, alone, strict=True):
        for name, leaf in named_leaves(other.state.params).items():
            # 20 steps, each of which adds a few roundings of float32.
            error = np.abs(named_leaves(one.state.params)[name] - leaf).max()
            assert error <= 1e-5 * np.abs(leaf).max()
        jax.tree.map(np.testing.assert_array_equal, one.masks, other.masks)
        assert one.config.seed == other.config.seed
    first, second = (leaf.state.params["Dense_0"]["kernel"] for leaf in many[:2])
    assert np.abs(first - second).max() > 0.1


def test_each_seed_has_the_metrics_of_its_own(together_and_alone):
    many, alone = (
        [runs.read_metrics(folder / f"seed{seed}") for seed in range(SEEDS)]
        for folder in together_and_alone
    )
    for one, other in zip(many, alone, strict=True):
        assert [line["step"] for line in one] == [line["step"] for line in other]
        for mine, theirs in zip(one, other, strict=True):
            assert mine.keys() == theirs.keys()
            numbers = [k for k in mine if k not in ("step", "split")]
            for name in numbers:
                np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-4)


def test_masks_are_selected_at_their_steps_alone(tmp_path):
    """A mapped condition would be a `select` of both branches at every step."""
    opened = opening.open_runs(configs(tmp_path)[:2], [None, None])
    assert opened[0].splits is opened[1].splits  # The data are on the devices once.
    steps = [step.make(each.components, seed=each.config.seed) for each in opened]

    def conditions(program):
        inside = backend.operations(program.jaxpr.jaxpr)
        return sum(eqn.primitive.name == "cond" for eqn in inside)

    split = opened[0].splits["train"]
    indices = np.zeros((10, 20), np.int32)
    alone = loop._loop.trace(
        opened[0].mesh, steps[0], opened[0].state, split, indices, 10
    )
    stacked = together._stack([each.state._replace(step=()) for each in opened])
    many = together._loop.trace(
        opened[0].mesh,
        together._stack(steps),
        stacked._replace(step=opened[0].state.step),
        split,
        np.zeros((10, 2, 20), np.int32),
        10,
    )
    assert conditions(many) == conditions(alone) > 0


def digests(folder):
    return [
        {
            name: np.asarray(leaf).tobytes()
            for name, leaf in named_leaves(runs.load(config.workdir).state).items()
        }
        for config in configs(folder)
    ]


def test_a_kill_between_the_saves_of_two_seeds_costs_no_bit(
    together_and_alone, tmp_path, monkeypatch
):
    whole, _ = together_and_alone
    save = record.Recorder.save

    def killed(recorder, state):
        if int(state.step) == 20 and recorder.folder.name == "seed1":
            raise KeyboardInterrupt
        save(recorder, state)

    monkeypatch.setattr(record.Recorder, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        job.run_all(configs(tmp_path), seeds_at_once=SEEDS)
    monkeypatch.undo()
    # Else it would be resumed from, alone, without the metrics of the steps before.
    opening.open_runs(configs(tmp_path), [None] * SEEDS)
    assert checkpoint.steps(tmp_path / "seed0" / runs.CHECKPOINTS) == [0, 10]
    job.run_all(configs(tmp_path), seeds_at_once=SEEDS)
    assert digests(tmp_path) == digests(whole)
    for seed in range(SEEDS):
        lines = (tmp_path / f"seed{seed}" / runs.METRICS).read_text()
        assert lines == (whole / f"seed{seed}" / runs.METRICS).read_text()


def test_seeds_that_were_never_begun_make_all_their_steps(
    together_and_alone, tmp_path, monkeypatch
):
    save = record.Recorder.save

    def stopped(recorder, state):
        save(recorder, state)
        if int(state.step) == 10:
            raise KeyboardInterrupt

    monkeypatch.setattr(record.Recorder, "save", stopped)
    with pytest.raises(KeyboardInterrupt):
        job.run_all(configs(tmp_path)[:1])
    monkeypatch.undo()
    job.run_all(configs(tmp_path), seeds_at_once=SEEDS)
    _, alone = together_and_alone
    for seed in range(SEEDS):
        mine, theirs = (
            runs.read_metrics(folder / f"seed{seed}") for folder in (tmp_path, alone)
        )
        for name in ("step", "loss"):
            np.testing.assert_allclose(
                [line[name] for line in mine],
                [line[name] for line in theirs],
                rtol=1e-4,
            )


def test_a_seed_that_diverges_is_named_and_ends_no_other(
    together_and_alone, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        opening,
        "_open",
        lambda config, *rest, really=opening._open: _spoiled(really(config, *rest)),
    )
    message = r"seed1: the loss of step 1 is not finite.* Finished beside it: 2 runs\.$"
    with pytest.raises(RunFailure, match=message):
        job.run_all(configs(tmp_path), seeds_at_once=SEEDS)
    assert checkpoint.steps(tmp_path / "seed1" / runs.CHECKPOINTS) == [0]
    assert [line["step"] for line in runs.read_metrics(tmp_path / "seed1")] == [0]
    whole, _ = together_and_alone
    for seed in (0, 2):
        assert runs.read_summary(tmp_path / f"seed{seed}")
        lines = (tmp_path / f"seed{seed}" / runs.METRICS).read_text()
        assert lines == (whole / f"seed{seed}" / runs.METRICS).read_text()
    # The same command trains the one alone, from its last checkpoint.
    with pytest.raises(RunFailure, match=r"workdir\.$"):
        job.run_all(configs(tmp_path), seeds_at_once=SEEDS)


def test_a_seed_that_stays_far_behind_takes_no_step_from_the_others(
    together_and_alone, tmp_path
):
    """It diverged long before the others were interrupted, say."""
    whole, _ = together_and_alone
    for seed in range(SEEDS):
        shutil.copytree(whole / f"seed{seed}", tmp_path / f"seed{seed}")
        (tmp_path / f"seed{seed}" / runs.SUMMARY).unlink()
    before = checkpoint.steps(tmp_path / "seed0" / runs.CHECKPOINTS)
    checkpoint.drop_after(tmp_path / "seed1" / runs.CHECKPOINTS, 0)
    opened = opening.open_runs(configs(tmp_path), [None] * SEEDS)
    newest = before[-1]
    assert [int(each.state.step) for each in opened] == [newest, 0, newest]
    assert checkpoint.steps(tmp_path / "seed0" / runs.CHECKPOINTS) == before


def _spoiled(opened):
    if opened.config.seed != 1:
        return opened
    params = jax.tree.map(lambda x: x * np.nan, opened.state.params)
    return opened._replace(state=opened.state._replace(params=params))


def test_runs_of_other_settings_are_no_seeds():
    runs_ = [SparseRun(**TINY | {"learning_rate": rate}) for rate in (0.1, 0.2)]
    assert together.groups(runs_, at_once=8) == [[runs_[0]], [runs_[1]]]
    with pytest.raises(InputError, match="--seeds-at-once must be at least 1, not 0"):
        from train.sparse import Config

        Config(seeds_at_once=0)
