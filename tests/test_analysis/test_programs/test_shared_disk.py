"""What several processes decide together, with the other process played by the test."""

import numpy as np
import pytest

from analysis.programs import results, shared_disk
from landscape.cli import ending_together, host_signals
from landscape.errors import InputError, Interrupted
from landscape.machine import hosts

waited: list[str] = []
"""Where this process has waited for the other."""


@pytest.fixture
def second(monkeypatch):
    """This process is the second of two; gives what it hears from the first."""
    heard = []
    waited.clear()
    monkeypatch.setattr(hosts, "are_several", lambda: True)
    monkeypatch.setattr(hosts, "is_first", lambda: False)
    monkeypatch.setattr(hosts, "from_first", lambda function: heard.pop(0))
    monkeypatch.setattr(hosts, "largest", lambda number: heard.pop(0))
    monkeypatch.setattr(hosts, "wait", lambda where: waited.append(where))
    monkeypatch.setattr(hosts, "CACHED", 0)
    return heard


def test_a_process_that_reads_other_arrays_than_the_first_refuses(tmp_path, second):
    arrays = {"a": np.arange(3), "step": np.array(2)}
    np.savez(tmp_path / results.PARTIAL, **arrays)
    second += [shared_disk.digest(arrays)]
    found = results.kept(tmp_path)
    assert found["a"].tolist() == [0, 1, 2] and found["step"] == 2
    for other in ({}, arrays | {"a": np.arange(3.0)}, arrays | {"a": np.arange(1, 4)}):
        second += [shared_disk.digest(other)]
        with pytest.raises(InputError, match=r"partial.npz is not what process 0 read"):
            results.kept(tmp_path)
    assert waited == ["read"]


def test_the_first_replaces_no_file_that_others_have_not_read(
    tmp_path, second, monkeypatch
):
    monkeypatch.setattr(hosts, "is_first", lambda: True)
    monkeypatch.setattr(hosts, "from_first", lambda function: function())
    assert results.kept(tmp_path) == {} and waited == ["read"]


def test_a_piece_is_saved_by_the_first_and_a_signal_to_it_ends_the_second(
    tmp_path, second
):
    second += [None, 0, None, 15]
    kept = pytest.raises(Interrupted, match=r"kept: 2 of 3 points")
    with kept as caught, ending_together():
        results.keep(tmp_path, {"a": np.zeros(1)}, "1 of 3 points")
        results.keep(tmp_path, {"a": np.zeros(2)}, "2 of 3 points")
        raise AssertionError("it continues")
    assert caught.value.signum == 15 and not second
    assert not list(tmp_path.iterdir())
    # And at the end of what is computed together, but for nothing within it.
    second += [2]
    with pytest.raises(Interrupted), ending_together(), ending_together():
        pass
    host_signals.end_if_signalled()
    assert not second
