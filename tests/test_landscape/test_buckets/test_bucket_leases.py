"""One process writes a folder in a bucket: leases that are objects."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pytest

from landscape.buckets import processes
from landscape.buckets.leases import _Lease
from landscape.disk import locks
from landscape.disk.folders import folder_of
from landscape.errors import InputError, RunFailure

SYSTEM = fsspec.filesystem("memory")
OTHER = b'{"process": 7, "host": "elsewhere", "taken": 0}'


@pytest.fixture
def folder(monkeypatch):
    monkeypatch.setattr(locks, "DURATION", 0.3)
    SYSTEM.store.clear()
    yield folder_of("memory://leases/run")
    SYSTEM.store.clear()


def test_a_folder_is_refused_while_its_lease_is_renewed(folder):
    with locks.locked(folder) as check:
        (lease,) = SYSTEM.store
        assert lease.startswith("/leases/run/.lock-")
        for ask in (locks.check_free, lambda where: locks.locked(where).__enter__()):
            with pytest.raises(
                InputError, match=r"memory://leases/run is being.* wait"
            ):
                ask(folder)
        check()
    assert not SYSTEM.store


def test_a_lease_that_nothing_renews_is_taken_over_once(folder, monkeypatch, capsys):
    SYSTEM.pipe_file("/leases/run/.lock-4", OTHER)
    locks.check_free(folder)
    assert not SYSTEM.store
    assert "sign of life of process 7 on elsewhere" in capsys.readouterr().err
    monkeypatch.setattr(_Lease, "_renew_in_time", lambda lease: None)
    with locks.locked(folder) as check:
        with locks.locked(folder) as check_other:
            assert list(SYSTEM.store) == ["/leases/run/.lock-2"]
            check_other()
            with pytest.raises(RunFailure, match=r"taken over by process .*: nothing"):
                check()
        # The other's lease is not this process's to renew or to remove.
        with pytest.raises(RunFailure, match="taken over"):
            check()


def test_who_lost_the_lease_writes_no_more(folder, monkeypatch):
    with locks.locked(folder) as check:
        SYSTEM.store.clear()
        time.sleep(0.2)
        with pytest.raises(RunFailure, match=r"the lease of memory://.* was removed"):
            check()
    with locks.locked(folder) as check:
        monkeypatch.setattr(SYSTEM.__class__, "ls", lambda *args, **options: 1 / 0)
        time.sleep(0.4)
        with pytest.raises(RunFailure, match="does not answer, for 0 s now"):
            check()
        monkeypatch.undo()


@pytest.mark.parametrize("in_silence", [True, False])
def test_of_two_that_come_at_once_one_is_refused(folder, in_silence, monkeypatch):
    really = SYSTEM.__class__.pipe_file

    def other_comes(system, path, value, mode="overwrite"):
        really(system, path, OTHER)
        # Servers that simulate a bucket replace an object in silence.
        if not in_silence:
            really(system, path, value, mode=mode)

    monkeypatch.setattr(SYSTEM.__class__, "pipe_file", other_comes)
    with pytest.raises(InputError, match="being written by process 7 on elsewhere"):
        locks.locked(folder).__enter__()
    assert SYSTEM.cat("/leases/run/.lock-1") == OTHER


def test_of_two_that_take_over_one_is_refused(folder, monkeypatch):
    """The other does so just after this one has seen that the old lease is dead."""
    really, after = _Lease._read, iter([False, True])
    SYSTEM.pipe_file("/leases/run/.lock-4", b"{}")

    def other_comes(lease):
        found = really(lease)
        if lease.watched and next(after, False):
            SYSTEM.pipe_file("/leases/run/.lock-5", OTHER)
        return found

    monkeypatch.setattr(_Lease, "watched", False, raising=False)
    monkeypatch.setattr(_Lease, "_read", other_comes)
    monkeypatch.setattr(
        _Lease, "_watch", lambda lease, living: setattr(lease, "watched", True)
    )
    with pytest.raises(InputError, match="being written by process 7 on elsewhere"):
        locks.locked(folder).__enter__()
    assert SYSTEM.cat("/leases/run/.lock-5") == OTHER


@pytest.mark.parametrize("what", ["pipe_file", "cat"])
def test_a_network_that_fails_for_a_moment_loses_no_lease(folder, what, monkeypatch):
    def fail(system, paths, *args, **options):
        if what == "pipe_file":
            raise ConnectionError("reset")
        return {path: ConnectionError("reset") for path in paths}

    monkeypatch.setattr(_Lease, "_renew_in_time", lambda lease: None)
    lease = _Lease("memory://leases/run", 10)
    with lease:
        with monkeypatch.context() as patched:
            patched.setattr(SYSTEM.__class__, what, fail)
            with pytest.raises(ConnectionError):
                lease._renew()
        lease._renew()
        lease.check()
    assert not SYSTEM.store


def test_a_renewal_that_comes_too_late_takes_nothing_back(folder, monkeypatch):
    """The process sleeps after it has read its lease, and another takes over."""
    monkeypatch.setattr(_Lease, "_renew_in_time", lambda lease: None)
    really = _Lease._make
    lease, other = (_Lease("memory://leases/run", 0.3) for _ in range(2))

    def sleeps(self, number):
        monkeypatch.setattr(_Lease, "_make", really)
        other.__enter__()
        self._make(number)

    with lease:
        monkeypatch.setattr(_Lease, "_make", sleeps)
        with pytest.raises(FileExistsError):
            lease._renew()
        assert list(SYSTEM.store) == ["/leases/run/.lock-2"]
        with pytest.raises(RunFailure, match="taken over by process"):
            lease.check()
    other.check()
    other.__exit__()
    assert not SYSTEM.store


def test_a_renewal_by_the_thread_and_one_by_check_do_not_meet(folder, monkeypatch):
    """Both come when a process has slept: each makes the number after the last."""
    monkeypatch.setattr(_Lease, "_renew_in_time", lambda lease: None)
    really = _Lease._read

    def read(lease):
        found = really(lease)
        time.sleep(0.05)
        return found

    lease = _Lease("memory://leases/run", 10)
    with lease:
        monkeypatch.setattr(_Lease, "_read", read)
        with ThreadPoolExecutor(2) as pool:
            for each in [pool.submit(lease._renew) for _ in range(2)]:
                each.result()
        assert list(SYSTEM.store) == ["/leases/run/.lock-3"]
        lease.check()


def test_a_holder_that_has_ended_on_this_machine_is_not_waited_for(
    folder, capsys, monkeypatch
):
    mine = processes.own()
    if not mine:
        pytest.skip("only Linux tells which processes there are")
    ended = {"process": os.getpid(), "host": "here", "taken": 0}
    text = json.dumps(ended | mine | {"began": mine["began"] - 1})
    SYSTEM.pipe_file("/leases/run/.lock-4", text.encode())
    locks.check_free(folder)
    assert not SYSTEM.store and not capsys.readouterr().err
    for living in (mine, mine | {"place": "elsewhere", "began": 0}):
        assert not processes.has_ended(json.dumps(ended | living).encode())
    # Linux has no process of a number above 2^22.
    other = json.dumps(ended | mine | {"process": 2**22 + 1}).encode()
    assert processes.has_ended(other)

    def of_another_user(number, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", of_another_user)
    assert not processes.has_ended(other)
