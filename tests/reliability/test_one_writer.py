"""Promise 19: one process writes a folder, and one that was killed holds nothing."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import path
from landscape import runs
from landscape.config import SparseRun
from landscape.disk import locks
from landscape.errors import InputError
from train.jobs import job

HOLD = """
import sys, time
from pathlib import Path
from landscape.disk import locks
with locks.locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
TINY = {
    "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 20,
    "log_every": 10, "save_every": 10, "keep_every": 10, "sparsity": 0.5,
}  # fmt: skip


@pytest.fixture
def hold():
    """Starts a process that holds the lock of a folder; returns it."""
    holders = []

    def start(folder):
        root = str(Path(__file__).parents[2])
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(folder)],
            env=os.environ | {"PYTHONPATH": root},
            stdout=subprocess.PIPE,
            text=True,
        )
        holders.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in holders:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("one-writer") / "run"
    job.run_training(SparseRun(**TINY, workdir=str(folder)))
    return folder


def killed(process):
    process.kill()
    process.wait()


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def refused(process, call):
    """Whether a call is refused in a sentence that names the process and the age."""
    with pytest.raises(InputError) as error:
        call()
    words = f"is being written by process {process.pid} on ", " s now: wait until"
    return all(each in str(error.value) for each in words)


def test_a_run_that_is_being_trained_is_left_alone_until_its_process_is_killed(
    trained, tmp_path, hold
):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / runs.SUMMARY).unlink()
    shutil.rmtree(run / runs.CHECKPOINTS / "20")
    config = SparseRun(**TINY, workdir=str(run))
    process = hold(run)
    before = files(run)
    assert refused(process, lambda: job.run_training(config))
    assert files(run) == before
    killed(process)
    job.run_training(config)
    unbroken = (trained / runs.METRICS).read_bytes()
    assert (run / runs.METRICS).read_bytes() == unbroken
    assert not any((run / name).exists() for name in locks.FILES)


def test_analyses_of_a_run_in_training_go_side_by_side_but_not_one_of_them_twice(
    trained, tmp_path, hold
):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    hold(run)
    ends = f"{run}@init", f"{run}@10"
    first, second = (path.Config(*ends, points=n, extend=0.0) for n in (3, 5))
    process = hold(path.folder(first))
    assert refused(process, lambda: path.run(first))
    assert {each.name for each in path.folder(first).iterdir()} == set(locks.FILES)
    assert len(path.run(second)["ts"]) == 5
    killed(process)
    assert len(path.run(first)["ts"]) == 3


@pytest.mark.parametrize("name", ["difficulty", "hessian", "subspace"])
def test_a_study_that_is_being_made_is_refused(name, tmp_path, hold):
    study = importlib.import_module(f"analysis.studies.{name}.__main__")
    config = study.Config(workdir=str(tmp_path))
    process = hold(config.folder)
    assert refused(process, lambda: study.run(config))
    assert [each.name for each in tmp_path.iterdir()] == [config.folder.name]
    killed(process)
    locks.check_free(config.folder)
