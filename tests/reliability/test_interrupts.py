"""Promise 2 at any moment: Ctrl-C and SIGTERM end with 130 and 143 and one sentence."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from landscape.cli import noted_signals

ROOT = Path(__file__).parents[2]

PROGRAM = """
import ctypes, os, hashlib, signal, sys, threading, time
from landscape.cli import if_interrupted, launch, noted_signals, watch_signals
watch_signals()
def come(number={number}):
    os.kill(os.getpid(), number)
def work():
    for _ in range(1000):
        time.sleep(0.01)
def compile():  # Minutes in C, which looks at no signal.
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
def later(seconds):
    threading.Timer(seconds, come).start()
def run():
    print("printed before")
{body}
launch(run)
"""

MOMENTS = {
    "a callback that lets no exception out": """
    while True:
        ctypes.CFUNCTYPE(None)(lambda: (come(), work()))()
""",
    "an import that takes every exception for another": """
    try:
        come(), work()
    except BaseException:
        raise ImportError("not a package") from None
""",
    "a call that returns to Python minutes later": """
    later(0.1)
    compile()
""",
    "an exit": """
    import atexit
    atexit.register(lambda: (come(), work()))
""",
    "a second one while the first is noted": """
    with noted_signals():
        come(), later(0.1)
        compile()
""",
    "one that was noted and that nobody looked for": """
    with noted_signals():
        come()
        time.sleep(0.1)
    work()
""",
    "a text of its own": """
    with if_interrupted("kept: the text"):
        come(), work()
""",
}


IGNORING = "sh", "-c", 'trap "" INT; exec "$@"', "sh"


def started(*arguments, before=(), **options):
    return subprocess.Popen(
        [*before, sys.executable, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def ended(body, number=signal.SIGINT, **options):
    code = PROGRAM.format(body=body, number=int(number))
    process = started("-c", code, **options)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_ends_the_program_at_any_moment_and_is_never_lost(moment):
    number = random.Random(moment).choice([signal.SIGINT, signal.SIGTERM])
    status, out, err = ended(MOMENTS[moment], number)
    assert (status, out) == (128 + number, "printed before\n"), err
    *_, sentence = err.splitlines()
    assert "kept" in sentence and "Traceback" not in err and "Error" not in err


def test_a_signal_that_the_process_was_started_to_ignore_stays_ignored():
    body = "    come()\n    with noted_signals() as came:\n        come()\n"
    body += "        assert came() is None\n"
    assert ended(body, before=IGNORING) == (0, "printed before\n", "")


def test_a_forked_process_ends_by_its_own_signals_and_not_its_parent():
    body = """
    import warnings
    warnings.simplefilter("ignore")  # Newer Pythons advise against forking at all.
    sys.stdout.flush()
    with noted_signals() as came:
        child = os.fork()
        if not child:
            come(signal.SIGTERM), work()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
        time.sleep(0.1)
        assert came() is None
"""
    assert ended(body) == (0, "printed before\n", "")


def watches(process):
    """Whether a process has got as far as its first lines: SIGTERM has a handler."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(x.split()[1] for x in status.splitlines() if x[:7] == "SigCgt:")
    return int(caught, 16) >> (signal.SIGTERM - 1) & 1


SETTINGS = "--model mlp --widths 4 --steps 40 --num-train 100 --batch-size 20".split()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_training_is_interrupted_from_its_first_lines_to_its_last(tmp_path):
    draw = random.Random(1)
    # Importing, opening, compiling, drawing: whatever the machine is at by then.
    for seconds in (0, draw.uniform(0, 1), draw.uniform(1, 2), draw.uniform(2, 4)):
        number = draw.choice([signal.SIGINT, signal.SIGTERM])
        process = started(
            "-m", "train.dense", *SETTINGS, "--workdir", "run", cwd=tmp_path
        )
        while process.poll() is None and not watches(process):
            time.sleep(0.005)
        time.sleep(seconds)
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
        assert "Traceback" not in err
        if process.returncode == -number:
            # As it ends, Python gives signals their usual effect: all is written then.
            assert (tmp_path / "run/summary.json").exists(), err
            continue
        assert process.returncode in (128 + number, 0), err
        if process.returncode:
            *_, sentence = err.splitlines()
            assert "kept" in sentence or "is saved" in sentence


def test_without_a_program_signals_act_as_usual():
    came = []
    previous = signal.signal(signal.SIGINT, lambda *_: came.append("usual"))
    try:
        with noted_signals() as signal_that_came:
            assert signal_that_came() is None
            signal.raise_signal(signal.SIGINT)
            assert signal_that_came() == signal.SIGINT
            assert not came
            signal.raise_signal(signal.SIGINT)
            assert came == ["usual"]
        with noted_signals():
            signal.raise_signal(signal.SIGINT)
        assert came == ["usual", "usual"]
    finally:
        signal.signal(signal.SIGINT, previous)
