"""Promises 1, 2 and 6: a stopped run goes on, and ends with the same bits."""

import random
import signal
import time

import pytest

# Many small windows and saves: there is always something under way to be killed in.
SHORT = (
    "train.sparse --method pruning --steps 900 --log-every 30 --save-every 30"
    " --eval-every 90 --prune-every 50 --batch-size 64 --augment --optimizer adamw"
    " --learning-rate 0.003 --workdir"
).split()


def lines_of(path):
    return path.read_text().count("\n") if path.exists() else 0


def wait_for(process, path, lines):
    """Waits until metrics.jsonl has so many lines; False if the run ended first."""
    while process.poll() is None:
        if lines_of(path) >= lines:
            return True
        time.sleep(0.003)
    return False


def test_a_run_killed_five_times_ends_with_the_bits_of_an_unbroken_one(
    start, finish, final_bytes, tmp_path
):
    assert finish(*SHORT, "whole")[0] == 0
    assert finish(*SHORT, "again")[0] == 0
    assert final_bytes("whole") == final_bytes("again")

    draw = random.Random(0)
    metrics = tmp_path / "killed" / "metrics.jsonl"
    kills = 0
    for _ in range(12):
        process = start(*SHORT, "killed")
        # The first kills may come before anything is saved.
        target = lines_of(metrics) + draw.randint(0, 6)
        if wait_for(process, metrics, target):
            time.sleep(draw.uniform(0, 0.1))
        if process.poll() is None:
            process.kill()
            kills += 1
        process.communicate()
        if kills == 6:
            break
    assert kills >= 5
    status, _, err = finish(*SHORT, "killed")
    assert status == 0
    assert "goes on from step" in err
    assert final_bytes("killed") == final_bytes("whole")


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_signal_saves_exits_with_its_status_and_the_run_goes_on(
    signum, status, start, finish, final_bytes, tmp_path
):
    rare = [*SHORT[:-1], "--save-every", "900", "--workdir"]
    process = start(*rare, "stopped")
    assert wait_for(process, tmp_path / "stopped" / "metrics.jsonl", 5)
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status
    assert "is saved" in err
    assert finish(*rare, "stopped")[0] == 0
    assert finish(*rare, "whole")[0] == 0
    assert final_bytes("stopped") == final_bytes("whole")


def test_a_finished_run_prints_its_summary_and_is_left_alone(finish, tmp_path):
    first = finish(*SHORT, "done")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "done").rglob("*.json*")}
    second = finish(*SHORT, "done")
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "done").rglob("*.json*")}
    assert first[:2] == second[:2]
    assert before == after
