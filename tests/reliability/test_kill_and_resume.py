"""Promises 1, 2 and 6: a stopped run goes on, and ends with the same bits."""

import random
import signal
import time

import pytest

# Many small windows and saves: there is always something under way to be killed in.
SHORT = (
    "train.sparse --method pruning --steps 900 --log-every 30 --save-every 30"
    " --eval-every 90 --prune-every 50 --batch-size 64 --augment --optimizer adamw"
    " --learning-rate 0.003 --model mlp --widths 50 20 --workdir"
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


@pytest.fixture(scope="module")
def whole(finish, final_bytes):
    """The bytes of a run that nothing interrupted."""
    status, _, err = finish(*SHORT, "whole")
    assert status == 0, err
    return final_bytes("whole")


def test_the_same_command_gives_the_same_bits_twice(whole, finish, final_bytes):
    # Compiled anew, not taken from a cache.
    assert finish(*SHORT, "again", JAX_ENABLE_COMPILATION_CACHE="false")[0] == 0
    assert final_bytes("again") == whole


def test_a_run_killed_five_times_ends_with_the_bits_of_an_unbroken_one(
    whole, start, finish, final_bytes, folder
):
    draw = random.Random(0)
    metrics = folder / "killed" / "metrics.jsonl"
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
        if kills == 5:
            break
    assert kills == 5
    status, _, err = finish(*SHORT, "killed")
    assert status == 0, err
    assert "resumes from step" in err
    assert final_bytes("killed") == whole


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_signal_saves_exits_with_its_status_and_the_run_goes_on(
    signum, status, whole, start, finish, final_bytes, folder
):
    # Nothing but the signal saves before the end: what is gone on from is its save.
    name = f"stopped-by-{signum.name}"
    rare = [*SHORT, name, "--save-every", "900"]
    process = start(*rare)
    reached = wait_for(process, folder / name / "metrics.jsonl", 5)
    process.send_signal(signum)
    _, err = process.communicate(timeout=120)
    assert reached, err
    assert process.returncode == status, err
    assert "is saved" in err
    resumed, _, err = finish(*rare)
    assert resumed == 0, err
    assert "resumes from step" in err and "from step 0" not in err
    assert final_bytes(name) == whole


def test_a_finished_run_prints_its_summary_and_is_left_alone(whole, finish, folder):
    def stamps():
        files = (folder / "whole").rglob("*.json*")
        return {path: path.stat().st_mtime_ns for path in files}

    before = stamps()
    status, out, _ = finish(*SHORT, "whole")
    assert status == 0
    assert "95.00 %" in out and "pruning" in out
    assert stamps() == before
