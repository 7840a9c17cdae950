"""Promises 1, 2, 6 and 19: a stopped run resumes, and ends with the same bits; two
processes do not train one run."""

import random
import signal
import time

import pytest

# Many small windows and saves: there is always something under way to be killed in.
SHORT = (
    "train.sparse --method pruning --steps 300 --log-every 10 --save-every 10"
    " --eval-every 30 --prune-every 20 --batch-size 32 --augment --optimizer adamw"
    " --learning-rate 0.003 --model mlp --widths 20 --workdir"
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


def test_the_same_command_gives_the_same_bits_twice(
    whole, finish, final_bytes, start_process
):
    # By another process of Python, and compiled again, not taken from a cache.
    compiling = {"JAX_ENABLE_COMPILATION_CACHE": "false"}
    assert finish(*SHORT, "again", by=start_process, **compiling)[0] == 0
    assert final_bytes("again") == whole


def test_a_run_killed_five_times_ends_with_the_bits_of_an_uninterrupted_one(
    whole, start, finish, final_bytes, folder
):
    draw = random.Random(0)
    kills, names = 0, ["killed"]
    while kills < 5:
        process = start(*SHORT, names[-1])
        metrics = folder / names[-1] / "metrics.jsonl"
        # The first kills may come before anything is saved.
        target = lines_of(metrics) + draw.randint(0, 4)
        if wait_for(process, metrics, target):
            time.sleep(draw.uniform(0, 0.05))
        if process.poll() is None:
            process.kill()
            kills += 1
        elif len(names) < 5:
            # On a busy machine a run may end first: the next one is killed.
            names.append(f"killed-{len(names)}")
        else:
            pytest.fail(f"of {len(names)} runs too many ended before a kill")
        process.communicate()
    status, _, err = finish(*SHORT, names[-1])
    assert status == 0, err
    for name in names:
        assert final_bytes(name) == whole


def interrupted(start, folder, name, signum):
    """Starts a run and stops it within its steps; False if it ended before that."""
    # Nothing but the signal saves before the end: its save is what is resumed from.
    process = start(*SHORT, name, "--save-every", "300")
    metrics = folder / name / "metrics.jsonl"
    reached = wait_for(process, metrics, lines_of(metrics) + 3)
    process.send_signal(signum)
    _, err = process.communicate(timeout=120)
    if process.returncode == 0:
        return False
    assert reached, err
    assert process.returncode == 128 + signum, err
    assert "is saved" in err
    return True


def test_signals_save_exit_with_their_status_and_the_run_resumes(
    whole, start, finish, final_bytes, folder
):
    for name in ("stopped", "stopped-again", "stopped-once-more"):
        # A busy machine may let a run end before the signal comes.
        if all(
            interrupted(start, folder, name, signum)
            for signum in (signal.SIGTERM, signal.SIGINT)
        ):
            break
    else:
        pytest.fail("three runs ended before a signal came")
    resumed, _, err = finish(*SHORT, name, "--save-every", "300")
    assert resumed == 0, err
    assert "resumes from step" in err and "from step 0" not in err
    assert final_bytes(name) == whole


def test_of_two_processes_at_once_one_is_refused_and_one_trains(
    whole, start, final_bytes
):
    for name in ("shared", "shared-again", "shared-once-more"):
        both = [start(*SHORT, name) for _ in range(2)]
        errors = [process.communicate(timeout=300)[1] for process in both]
        statuses = [process.returncode for process in both]
        assert final_bytes(name) == whole
        # On a busy machine one may start when the other has ended.
        if statuses != [0, 0]:
            break
    assert sorted(statuses) == [0, 2], errors
    refused = statuses.index(2)
    message = f"{name} is being written by process {both[1 - refused].pid} on"
    assert message in errors[refused] and errors[refused].count("\n") == 1


def test_a_finished_run_prints_its_summary_and_is_left_alone(whole, folder, finish):
    def stamps():
        files = (folder / "whole").rglob("*.json*")
        return {path: path.stat().st_mtime_ns for path in files}

    before = stamps()
    status, out, err = finish(*SHORT, "whole")
    assert status == 0, err
    assert "95.00 %" in out and "pruning" in out
    assert stamps() == before
