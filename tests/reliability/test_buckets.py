"""Promises of run folders hold in buckets: against fsspec's file system in memory."""

import contextlib
import json

import fsspec
import numpy as np
import pytest

from landscape import checkpoint, runs
from landscape.buckets import names, transfer
from landscape.checkpoint import verified_folder
from landscape.config import DenseRun
from landscape.disk import locks
from landscape.disk.checkpoint_tables import leaves, steps
from landscape.disk.folders import folder_of
from landscape.errors import InputError, RunFailure
from landscape.recipes.state import TrainState
from train.jobs import job

TINY = {
    "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 30,
    "log_every": 5, "save_every": 10,
}  # fmt: skip
STORE = fsspec.filesystem("memory").store


class Killed(BaseException):
    """Ends a process where it is."""


@pytest.fixture(autouse=True)
def bucket():
    """No object, and a process that has seen none."""
    STORE.clear()
    another_process()
    yield
    STORE.clear()
    another_process()


def another_process():
    """From here on nothing is known that one process keeps for itself."""
    names._home.clear()
    for known in (transfer._versions, transfer._seen, transfer._fetched):
        known.clear()


@contextlib.contextmanager
def failing(failure, when):
    """Within it changes of the bucket fail, when `when` holds of their paths."""
    system = type(fsspec.filesystem("memory"))
    with pytest.MonkeyPatch.context() as patched:
        for name in ("put_file", "rm_file", "pipe_file"):
            really = getattr(system, name)

            def change(*args, _really=really, **options):
                if when(str(args[1:3])):
                    raise failure
                return _really(*args, **options)

            patched.setattr(system, name, change)
        yield


def state_of(step):
    return TrainState(np.int32(step), {"w": np.full(3, step)}, {}, {}, (), ())


def objects():
    return {name.removeprefix("/b/") for name in STORE}


def test_a_run_in_a_bucket_survives_the_network_and_is_that_on_a_disk(tmp_path):
    """Settings, metrics and every bit of the states."""
    job.run_training(DenseRun(**TINY, workdir=str(tmp_path / "run")))
    there = DenseRun(**TINY, workdir="memory://b/run")
    reset = failing(
        ConnectionError("reset by peer"), lambda paths: "20/digests.json" in paths
    )
    with reset, pytest.raises(RunFailure, match=r"memory://b/run.*reset by p") as told:
        job.run_training(there)
    assert "the newest sound one is that of step 10" in str(told.value)
    another_process()
    assert steps(folder_of("memory://b/run/checkpoints")) == [0, 10]
    another_process()
    summary = job.run_training(there)
    another_process()
    here = folder_of("memory://b/run")
    metrics = (tmp_path / "run" / runs.METRICS).read_bytes()
    assert STORE["/b/run/metrics.jsonl"].getvalue() == metrics
    for step in (0, 30):
        found = leaves(here / "checkpoints", step)
        assert found == leaves(tmp_path / "run" / "checkpoints", step) != {}
    stored = json.loads(STORE["/b/run/config.json"].getvalue())
    assert stored["workdir"] == "memory://b/run"
    assert runs.read_summary(here) == summary
    assert str(runs.load("memory://b/run@init")).startswith("Run(memory://b/run, ")
    assert not {name for name in objects() if ".lock" in name or ".part" in name}
    with pytest.raises(InputError, match=r"step 3 of memory://b/run was not kept"):
        runs.load("memory://b/run@3")


def test_a_kill_between_any_two_changes_of_a_save_leaves_a_sound_checkpoint():
    for step in (0, 3, 6):
        checkpoint.save(folder_of("memory://b/c"), state_of(step))
    before, ended = dict(STORE), False
    for number in range(100):
        STORE.clear()
        STORE.update(before)
        another_process()
        count = iter(range(100))
        killed = failing(Killed(), lambda paths, c=count, n=number: next(c) >= n)
        with contextlib.suppress(Killed), killed:
            checkpoint.save(folder_of("memory://b/c"), state_of(9))
            ended = True
        another_process()
        found, refused = checkpoint.restore(folder_of("memory://b/c"), state_of(0))
        assert not refused and int(found.step) in (6, 9)
        for step in steps(folder_of("memory://b/c")):
            verified_folder.verify(folder_of(f"memory://b/c/{step}"))
        np.testing.assert_array_equal(found.params["w"], np.full(3, int(found.step)))
        if ended:
            break
    assert ended and number > 10 and int(found.step) == 9
    assert {name.split("/")[1] for name in objects()} == {"0", "6", "9"}
    # What a kill left is removed with the next save.
    STORE["/b/c/2/state/array"] = STORE["/b/c/0/digests.json"]
    STORE["/b/c/notes/a"] = STORE["/b/c/0/digests.json"]
    checkpoint.save(folder_of("memory://b/c"), state_of(12))
    assert {name.split("/")[1] for name in objects()} == {"0", "9", "12", "notes"}


def test_arrays_are_fetched_when_they_are_read():
    checkpoint.save(folder_of("memory://b/c"), state_of(3))
    another_process()
    folder = folder_of("memory://b/c")
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [
        "digests.json"
    ]
    checkpoint.restore(folder, state_of(0))
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == {
        name.removeprefix("c/") for name in objects()
    }


def test_traces_of_a_run_stay_in_the_bucket():
    system = fsspec.filesystem("memory")
    for name in ("run/config.json", "run/profile/a/b", "profile/c/config.json"):
        system.pipe_file(f"/b/{name}", b"{}")
    folder = folder_of("memory://b")
    found = [path for path in folder.rglob("*") if path.is_file()]
    names = {str(path.relative_to(folder)) for path in found}
    assert names == {"run/config.json", "profile/c/config.json"}


def test_a_copy_follows_what_others_change_and_remove():
    system = fsspec.filesystem("memory")
    system.pipe({"/b/r/a": b"1", "/b/r/b/c": b"2", "/b/rest": b"", "/b/r/.lock-1": b""})
    folder = folder_of("memory://b/r/")
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*")} == {
        "a", "b", "b/c"
    }  # fmt: skip
    system.pipe_file("/b/r/a", b"3")
    system.rm_file("/b/r/b/c")
    system.rm_file("/b/r/.lock-1")
    # Once, as long as nothing asks for more.
    assert (folder_of("memory://b/r") / "a").read_bytes() == b"1"
    with locks.locked(folder):
        assert [(p.name, p.read_bytes()) for p in folder.iterdir()] == [("a", b"3")]


def test_any_name_is_a_name_and_what_a_console_makes_for_a_folder_is_no_file(
    monkeypatch,
):
    system = fsspec.filesystem("memory")
    system.pipe({"/b/state/lr[1]*?/a": b"1", "/b/state/c/d": b"2"})
    monkeypatch.setattr(transfer, "TOGETHER", 1)
    listed = system.find("/b/state", detail=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            type(system), "find",
            lambda *args, **options: listed | {"/b/state/": {}, "/b/state/c/": {}},
        )  # fmt: skip
        folder = folder_of("memory://b/state")
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*")} == {
        "c", "c/d", "lr[1]*?", "lr[1]*?/a"
    }  # fmt: skip
    with locks.locked(folder / "lr[1]*?") as check:
        check()
