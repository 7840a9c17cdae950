"""Promise 4: a full disk loses at most the save in hand, and says so at once."""

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from landscape.checkpoint import checkpoints
from landscape.errors import RunFailure
from landscape.recipes.state import TrainState

ROOT = Path(__file__).parents[2]


def make_state(step: int, size: int = 200) -> TrainState:
    """A state that the step alone decides; it does not compress."""
    weights = np.random.default_rng(step).normal(size=(size, size))
    return TrainState(np.int32(step), {"w": weights}, {}, {}, (), ())


def assert_newest_is(folder: Path, step: int):
    state, refused = checkpoints.restore(folder, make_state(0))
    assert not refused
    assert state.step == step
    assert np.array_equal(state.params["w"], make_state(step).params["w"])


@pytest.fixture
def folder(tmp_path):
    for step in (0, 10, 20):
        checkpoints.save(tmp_path / "checkpoints", make_state(step))
    return tmp_path / "checkpoints"


def content(folder: Path) -> dict:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_disk_full_at_any_call_loses_only_the_save_in_hand(
    folder, tmp_path, monkeypatch
):
    """No space at the first call to the disk, at the second, and so on to the last."""
    calls = [(os, "fsync"), (Path, "write_text"), (Path, "mkdir"), (os, "mkdir")]
    real = {call: getattr(*call) for call in calls}
    before = content(folder)
    left = 0

    def counted(call):
        def stand_in(*args, **kwargs):
            nonlocal left
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real[call](*args, **kwargs)

        return stand_in

    for last in range(100):
        left = last
        with monkeypatch.context() as patch:
            for call in calls:
                patch.setattr(*call, counted(call))
            try:
                checkpoints.save(folder, make_state(30))
                break
            except checkpoints.CheckpointError as error:
                said = str(error)
        assert "checkpoint of step 30 could not be saved" in said
        assert "No space left on device (only this save is lost" in said
        assert "\n" not in said
        if (folder / "30").exists():
            # Whole, but not known to be durable: the older ones must stay.
            assert "that of step 30" in said
            assert before.items() <= content(folder).items()
            assert_newest_is(folder, 30)
            shutil.rmtree(folder / "30")
        else:
            assert "newest sound one is that of step 20" in said
            assert content(folder) == before
    assert last > 10
    assert checkpoints.steps(folder) == [0, 20, 30]


def test_a_write_refused_by_the_system_loses_only_the_save_in_hand(folder, capfd):
    """A limit on the size of files stands for the disk; TensorStore meets it."""
    before = content(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(
            RunFailure, match=r"File too large \(only this save .* 20\)"
        ):
            checkpoints.save(folder, make_state(30))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert capfd.readouterr().err == ""
    assert content(folder) == before
    assert not list(folder.glob("30*"))
    assert_newest_is(folder, 20)
    checkpoints.save(folder, make_state(30))
    assert_newest_is(folder, 30)


def test_a_first_save_without_space_says_that_nothing_is_there_yet(tmp_path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(RunFailure, match="no sound one is there yet"):
        checkpoints.save(tmp_path / "checkpoints", make_state(0))


ON_A_SMALL_DISK = """
import sys
from test_full_disk import *
folder = Path(sys.argv[1]) / "checkpoints"
for step in (0, 10, 20):
    checkpoints.save(folder, make_state(step))
# Hardly any space at first, then more and more: the save fails in ever later places.
free = shutil.disk_usage(folder).free
failures = 0
for room in (0, 8_192, 40_000, 200_000, free):
    (folder.parent / "junk").write_bytes(bytes(free - room))
    try:
        checkpoints.save(folder, make_state(30))
    except checkpoints.CheckpointError as error:
        failures += 1
        assert "No space left on device" in str(error), str(error)
        assert "newest sound one is that of step 20" in str(error), str(error)
        assert_newest_is(folder, 20)
        assert sorted(p.name for p in folder.iterdir()) == ["0", "10", "20"]
    (folder.parent / "junk").unlink()
assert failures == 4, failures
assert_newest_is(folder, 30)
assert checkpoints.steps(folder) == [0, 20, 30]
"""


def test_a_small_disk_that_is_full_loses_only_the_save_in_hand(tmp_path):
    # A mount of the child's own: it needs no rights where user namespaces are allowed,
    # and goes with the child.
    unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec"]
    mount = f"mount -t tmpfs -o size=2m tmpfs {tmp_path}"
    try:
        subprocess.run([*unshare, mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    program = [sys.executable, "-c", ON_A_SMALL_DISK, str(tmp_path)]
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    child = subprocess.run(
        [*unshare, f'{mount}; exec "$@"', "sh", *program],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")
