"""Leases of other hosts, and what a lock leaves behind."""

import os
import shutil
import time

import pytest

from landscape.disk import locks
from landscape.errors import InputError, RunFailure


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


def test_a_lease_that_names_nobody_is_shown_to_the_user(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "DURATION", 0.1)
    (tmp_path / locks.LEASE).write_text("")
    with pytest.raises(InputError, match=r"\.lock does not say which .* remove it"):
        locks.check_free(tmp_path)


def test_who_lost_folder_and_lease_writes_no_more(tmp_path):
    with locks.locked(tmp_path / "run") as check:
        shutil.rmtree(tmp_path / "run")
        with pytest.raises(RunFailure, match=r"\.lock was removed while this process"):
            check()
    assert not any(tmp_path.iterdir())


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
