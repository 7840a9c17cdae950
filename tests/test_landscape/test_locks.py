"""One process writes a folder; one that died does not hold it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landscape import locks
from landscape.errors import InputError, RunFailure

HOLD = """
import sys, time
from pathlib import Path
from landscape import locks
with locks.locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of tmp_path / "run"."""
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        env=os.environ | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def files(folder):
    return {p: p.stat().st_mtime_ns for p in folder.rglob("*")}


def test_the_holder_is_named_and_once_killed_holds_no_longer(holder, tmp_path):
    before = files(tmp_path)
    message = rf"process {holder.pid} on .*, for \d+ s now"
    for refused in (locks.check_free, lambda folder: locks.locked(folder).__enter__()):
        with pytest.raises(InputError, match=message):
            refused(tmp_path / "run")
    assert files(tmp_path).keys() == before.keys()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locks.locked(tmp_path / "run") as check:
        check()
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def lease_of_another_host(folder, seconds_ago):
    folder.mkdir(exist_ok=True)
    lease = folder / locks.LEASE
    lease.unlink(missing_ok=True)
    lease.write_text(
        "filelock/2\npid=7\nhost=elsewhere\nmode=lease\ntoken=0a\n"
        f"duration={locks.DURATION!r}\n"
    )
    os.utime(lease, (time.time() - seconds_ago,) * 2)


def test_a_holder_on_another_host_is_believed_while_its_lease_is_touched(tmp_path):
    lease_of_another_host(tmp_path, 0)
    with pytest.raises(InputError, match="by process 7 on elsewhere: wait"):
        locks.check_free(tmp_path)


def test_a_holder_on_another_host_is_dead_when_nothing_touches_its_lease(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(locks, "DURATION", 0.3)
    lease_of_another_host(tmp_path, 60)
    with locks.locked(tmp_path) as check:
        check()
    assert "a sign of life of process 7 on elsewhere" in capsys.readouterr().err


def test_who_was_taken_over_writes_no_more(tmp_path):
    with locks.locked(tmp_path) as check:
        lease_of_another_host(tmp_path, 0)
        with pytest.raises(RunFailure, match="taken over by process 7 on elsewhere"):
            check()
    # The other's lease is not this process's to remove.
    assert (tmp_path / locks.LEASE).exists()


def test_folders_that_a_lock_made_go_with_it_unless_they_are_used(tmp_path):
    with pytest.raises(InputError, match="bad"), locks.locked(tmp_path / "a" / "b"):
        raise InputError("bad")
    assert not any(tmp_path.iterdir())
    with locks.locked(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").write_text("")
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("file/run", "n" * 256):
        with (
            pytest.raises(InputError, match="cannot be written"),
            locks.locked(tmp_path / name),
        ):
            pass
