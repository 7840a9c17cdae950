"""A residual network trained by two processes, one of which is killed on the way."""

import json
import signal
import socket

import numpy as np

from analysis import path
from analysis.programs import results
from landscape.cli import host_failures, parse
from landscape.data import photographs

# Trains a run and a second one of the same settings, and evaluates a line on that. With
# a number of steps, process 1 is killed in the second run when it reads the batch after
# them; it waits for the last checkpoint before, as process 0, which writes it, may be
# slower.
PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
from landscape.cli import watch_signals
watch_signals()
from analysis import path
from landscape.cli import host_failures, launch, parse
from landscape.machine import hosts, joining
from train import sparse
from train.steps import streamed
joining.HEARTBEAT, host_failures.SILENCE = 6, 3
words, line, saved, dies_at = map(json.loads, sys.argv[1:5])
place, read = sys.argv[5:], streamed.Reader.batch

def batch(reader, at):
    if hosts.index() == 1 and at == dies_at:
        until = time.monotonic() + 120
        while not Path(saved).exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return read(reader, at)

def main():
    sparse.run_sweep(sparse.read([*words, "--workdir", "whole", *place]))
    streamed.Reader.batch = batch
    sparse.run_sweep(sparse.read([*words, "--workdir", "killed"]))
    path.main_of_several(parse(path.Flags, argv=line))

launch(main)
"""
WORDS = (
    "--method pruning --model resnet8 --widths 2 2 4 --dataset photographs --data-dir"
    " images --image-size 16 --augment --batch-size 8 --steps 24 --log-every 4"
    " --eval-every 12 --save-every 8 --sparsity 0.5 --prune-start 4 --prune-every 6"
    " --prune-end 20 --global-pruning"
).split()
SAVED, DIES_AT = 8, 13
LINE = (
    "killed@init killed --points 3 --extend 0 --num-examples 41 --batch-size 8 --output"
).split()


def test_a_network_that_lost_a_process_ends_with_the_same_bits_and_is_analysed(
    folder, run_two, final_bytes, monkeypatch
):
    """Batch norm, masks that change, JPEGs of many sizes; two devices a process."""
    monkeypatch.chdir(folder)
    photographs.run(
        photographs.Config("images", 41, 19, smallest=9, largest=40, shards=2)
    )
    settings = {
        "TESTS_DRAW": "no",
        # What the killed processes have compiled the next ones need.
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }

    def run(dies_at):
        given = WORDS, [*LINE, "two"], f"killed/checkpoints/{SAVED}", dies_at
        command = ["-c", PROGRAM, *map(json.dumps, given)]
        return run_two(command, "2", folder, **settings)

    statuses, _, errors = run(DIES_AT)
    assert statuses == [host_failures.STATUS, -signal.SIGKILL], errors
    assert errors[0].splitlines()[-1] == (
        f"stopped: process 1 on {socket.gethostname()} gives no sign of life; step"
        f" {SAVED} of killed is saved, and the same command in all processes resumes"
        " from there."
    )
    statuses, _, errors = run(None)
    assert statuses == [0, 0], errors
    assert f"killed: resumes from step {SAVED}" in errors[0]
    assert final_bytes("killed") == final_bytes("whole")
    path.main_of_several(parse(path.Flags, argv=[*LINE, "one"]))
    found, expected = (
        results.read_arrays(next((folder / name).glob(f"*/{results.ARRAYS}")))
        for name in ("two", "one")
    )
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4)
