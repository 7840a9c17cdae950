"""Promise 3, and what promise 1 asks of checkpoints.

What is damaged is never loaded, what is sound is, and a kill at any moment leaves
something sound behind.
"""

import contextlib
import errno
import os
import random
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from landscape.checkpoint import checkpoints, digests, verified_folder
from landscape.disk import checkpoint_tables
from landscape.errors import InputError, RunFailure
from landscape.recipes.state import TrainState

ROOT = Path(__file__).parents[2]


def make_state(step: int, size: int = 40) -> TrainState:
    """A state that the step alone decides."""
    rng = np.random.default_rng(step)
    kernel = rng.normal(size=(size, size)).astype(np.float32)
    masks = {"kernel": rng.random((size, size)) < 0.1, "bias": np.bool_(True)}
    params = {"kernel": kernel * masks["kernel"], "bias": np.zeros(size)}
    return TrainState(np.int32(step), params, {}, masks, (params, None), {})


def assert_is(state: TrainState, step: int, size: int = 40):
    expected = digests.named_arrays(make_state(step, size))
    assert digests.leaf_digests(digests.named_arrays(state)) == digests.leaf_digests(
        expected
    )


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """Checkpoints of steps 0, 10 and 20."""
    folder = tmp_path_factory.mktemp("pristine")
    for step in (0, 10, 20):
        checkpoints.save(folder, make_state(step), keep_every=10)
    return folder


@pytest.fixture
def folder(pristine, tmp_path):
    shutil.copytree(pristine, tmp_path / "checkpoints")
    return tmp_path / "checkpoints"


def files_of(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file())


def flip(path: Path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1 << 3
    path.write_bytes(data)


def halve(path: Path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path):
    os.truncate(path, 0)


def lengthen(path: Path):
    path.write_bytes(path.read_bytes() + b"\0")


def blank(path: Path):
    """The right size and nothing but zeros: what a crash of the machine leaves."""
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("harm", [flip, halve, empty, lengthen, blank, Path.unlink])
def test_harm_to_any_file_makes_the_checkpoint_before_it_the_newest(harm, folder):
    files = files_of(folder / "20")
    kinds = {path.name for path in files}
    assert {"digests.json", "_METADATA", "manifest.ocdbt"} <= kinds
    assert any(path.parent.name == "d" for path in files)
    for path in files:
        if not path.stat().st_size and harm is not lengthen and harm is not Path.unlink:
            continue
        sound = path.read_bytes()
        harm(path)
        state, refused = checkpoints.restore(folder, make_state(0))
        assert_is(state, 10)
        (why,) = refused
        assert why.startswith("step 20: ")
        assert path.relative_to(folder / "20").as_posix() in why
        with pytest.raises((checkpoints.CheckpointError, InputError), match="step 20"):
            checkpoints.restore(folder, make_state(0), step=20)
        path.write_bytes(sound)
    state, refused = checkpoints.restore(folder, make_state(0))
    assert_is(state, 20)
    assert not refused


def test_the_walk_back_goes_as_far_as_it_must_and_names_every_step(folder):
    flip(folder / "20" / "digests.json")
    shutil.rmtree(folder / "10" / "state")
    state, refused = checkpoints.restore(folder, make_state(0))
    assert_is(state, 0)
    assert refused == [
        "step 20: file digests.json does not match its own digest",
        "step 10: file state/_CHECKPOINT_METADATA cannot be read"
        " (No such file or directory)",
    ]


@pytest.mark.parametrize("lost", ["digests.json", "state/_METADATA"])
def test_with_none_sound_there_is_an_error_and_no_fresh_start(lost, folder):
    for step in (0, 10, 20):
        (folder / str(step) / lost).unlink()
    with pytest.raises(
        checkpoints.CheckpointError, match=r"no checkpoint in .* step 20.* step 10.* st"
    ):
        checkpoints.restore(folder, make_state(0))


def test_a_leaf_other_than_the_one_saved_is_refused(folder):
    """Damage that no file shows: what orbax made of it is not what was meant."""
    table_path = folder / "20" / verified_folder.TABLE
    table = checkpoint_tables.unseal(table_path.read_bytes())
    table["leaves"]["params/kernel"]["crc32"] ^= 1
    table_path.write_text(checkpoint_tables.seal(table))
    _, refused = checkpoints.restore(folder, make_state(0))
    assert refused == ["step 20: leaf params/kernel does not match its digest"]


def test_what_orbax_cannot_read_or_reads_wrong_is_refused(folder):
    """Harm that the seal vouches for, as if it were done before sealing."""
    table_path = folder / "20" / verified_folder.TABLE
    reasons = []
    for path in files_of(folder / "20" / "state"):
        sound = path.read_bytes()
        blank(path)
        table = checkpoint_tables.unseal(table_path.read_bytes())
        name = path.relative_to(folder / "20").as_posix()
        table["files"][name] = zlib.crc32(path.read_bytes())
        table_path.write_text(checkpoint_tables.seal(table))
        state, refused = checkpoints.restore(folder, make_state(0))
        # Some files matter to nobody: then every leaf is what was saved.
        assert_is(state, 10 if refused else 20)
        reasons += refused
        path.write_bytes(sound)
        table["files"][name] = zlib.crc32(sound)
        table_path.write_text(checkpoint_tables.seal(table))
    assert any(why.startswith("step 20: orbax cannot read it") for why in reasons)


@pytest.mark.parametrize(
    "error",
    [PermissionError(errno.EACCES, "Permission denied"),
     OSError(errno.EMFILE, "Too many open files")],
    ids=["rights", "handles"],
)  # fmt: skip
def test_a_file_that_may_not_be_read_is_not_damaged_and_no_older_one_is_taken(
    error, folder, monkeypatch
):
    before = {path: path.read_bytes() for path in files_of(folder)}
    read_bytes = Path.read_bytes

    def refused(path):
        if "20" in path.parts:
            raise error
        return read_bytes(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refused)
        for step in (None, 20):
            with pytest.raises(RunFailure, match=error.strerror) as caught:
                checkpoints.restore(folder, make_state(0), step)
            assert "sound" not in str(caught.value)
        with pytest.raises(RunFailure, match=error.strerror):
            checkpoint_tables.digest(folder, 20)
    assert before == {path: path.read_bytes() for path in files_of(folder)}


@pytest.mark.parametrize(
    "error",
    [MemoryError(), ImportError("no module named zarr"),
     ValueError("opening [os_error_code='24' os_error_name='EMFILE']"),
     ValueError("RESOURCE_EXHAUSTED: out of memory")],
    ids=["memory", "package", "handles", "tensorstore"],
)  # fmt: skip
def test_sound_files_that_orbax_has_not_the_means_to_read_are_not_damaged(
    error, folder, monkeypatch
):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(ocp.Checkpointer, "restore", fails)
    with pytest.raises(
        RunFailure, match=r"cannot be read: .* files are sound"
    ) as caught:
        checkpoints.restore(folder, make_state(0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("no cuda")])
def test_without_a_device_nothing_is_called_damaged(error, folder, monkeypatch):
    def fails():
        raise error

    monkeypatch.setattr(jax, "devices", fails)
    with pytest.raises(InputError, match="JAX finds no device") as caught:
        checkpoints.restore(folder, make_state(0))
    assert "cpu" in str(caught.value) and str(error) in str(caught.value)


STRAYS = {
    "an empty folder": lambda path: path.mkdir(),
    "a folder of orbax": lambda path: shutil.copytree(
        path.parent / "20", path, ignore=shutil.ignore_patterns("digests.json")
    ),
    "a renamed checkpoint": lambda path: shutil.copytree(path.parent / "20", path),
    "a file": lambda path: path.write_text("99"),
}


@pytest.mark.parametrize("kind", STRAYS)
def test_a_stray_99_is_never_taken_for_the_newest(kind, folder):
    STRAYS[kind](folder / "99")
    state, refused = checkpoints.restore(folder, make_state(0))
    assert_is(state, 20)
    assert len(refused) == 1
    assert refused[0].startswith("step 99: ")
    checkpoints.save(folder, make_state(30), keep_every=10)
    assert_is(checkpoints.restore(folder, make_state(0))[0], 30)
    assert (folder / "99").exists()


def test_what_is_not_named_like_a_checkpoint_is_ignored(folder):
    for name in ("tmp", "030", "-1", "30.0", "latest", "٣٠", "30.bak"):
        shutil.copytree(folder / "20", folder / name)
    (folder / "notes.txt").write_text("")
    state, refused = checkpoints.restore(folder, make_state(0))
    assert_is(state, 20)
    assert not refused
    assert checkpoints.steps(folder) == [0, 10, 20]


def test_a_first_save_that_was_killed_is_a_fresh_start(folder, tmp_path):
    shutil.move(folder / "20", tmp_path / "20.orbax-checkpoint-tmp")
    for step in (0, 10):
        shutil.rmtree(folder / str(step))
    shutil.move(tmp_path / "20.orbax-checkpoint-tmp", folder)
    assert checkpoints.restore(folder, make_state(0)) is None


class Killed(BaseException):
    """Nothing in the code under test may catch it, as nothing catches SIGKILL."""


def test_a_kill_at_any_call_to_the_disk_leaves_the_old_or_the_new(
    tmp_path, monkeypatch
):
    """Dies at the first call to the disk, at the second, and so on to the last."""
    calls = [(os, "fsync"), (os, "mkdir"), (os, "unlink"), (os, "rmdir")]
    calls += [(Path, "rename"), (Path, "write_text"), (Path, "mkdir")]
    real = {call: getattr(*call) for call in calls}
    seen = set()
    left = 0

    def counted(call):
        def stand_in(*args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return real[call](*args, **kwargs)

        return stand_in

    def tiny(step):
        return TrainState(np.int32(step), {"w": np.full(3, step)}, {}, {}, (), ())

    for step in (0, 10, 20):
        checkpoints.save(tmp_path / "before", tiny(step))
    for last in range(100):
        trial = tmp_path / str(last)
        shutil.copytree(tmp_path / "before", trial)
        left = last
        ended = False
        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            for call in calls:
                patch.setattr(*call, counted(call))
            checkpoints.save(trial, tiny(30))
            ended = True
        state, refused = checkpoints.restore(trial, tiny(0))
        assert not refused
        assert state.params["w"].tolist() == [int(state.step)] * 3
        seen.add((int(state.step), ended))
        if ended:
            break
        # The next try succeeds and clears up, whatever was left.
        checkpoints.save(trial, tiny(30))
        assert {path.name for path in trial.iterdir()} == {"0", "20", "30"}
    assert seen == {(20, False), (30, False), (30, True)}


CHILD = """
import sys
from pathlib import Path
from test_damaged_checkpoints import *
folder, size = Path(sys.argv[1]), int(sys.argv[2])
found = checkpoints.restore(folder, make_state(0, size))
step = -1 if found is None else int(found[0].step)
if found is not None:
    assert not found[1], found[1]
    assert_is(found[0], step, size)
while True:
    step += 1
    checkpoints.save(folder, make_state(step, size))
    print(step, flush=True)
"""


def test_a_run_killed_in_the_middle_of_saving_resumes_each_time(tmp_path):
    folder, size = tmp_path / "checkpoints", 300
    draw = random.Random(0)
    newest = -1
    for _ in range(3):
        path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(folder), str(size)],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        first = process.stdout.readline()
        time.sleep(draw.uniform(0, 0.3))
        process.kill()
        out, err = process.communicate()
        assert first, err
        assert process.returncode == -9, err
        assert int(first) > newest
        newest = int((first + out).split()[-1])
        # What was reported as saved is there, or the next one that was under way.
        state, refused = checkpoints.restore(folder, make_state(0, size))
        assert_is(state, int(state.step), size)
        assert int(state.step) in (newest, newest + 1)
        assert not refused
        newest = int(state.step)
