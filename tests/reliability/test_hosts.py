"""Several processes that train one network, as several hosts do."""

import json
import re
import signal
import socket
import time
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from analysis.studies.plateau.config import Config
from landscape import checkpoint, data, runs
from landscape.cli import host_failures, host_flags, launch, parse
from landscape.config import DenseRun, SparseRun
from landscape.data import photographs
from landscape.disk import units_json
from landscape.disk.files import check_writable
from landscape.errors import InputError, RunFailure
from landscape.machine import devices, hosts, joining
from landscape.recipes.state import TrainState
from train import sparse, units
from train.jobs import agreement, job, opening
from train.shrinking import report

ROOT = Path(__file__).parents[2]
HOST = socket.gethostname()
SETTINGS = {
    "dataset": "photographs", "model": "mlp", "widths": (8,), "image_size": 8,
    "batch_size": 8, "log_every": 10, "save_every": 600, "eval_every": 20,
    "sparsity": 0.5, "steps": 600, "prune_start": 5, "prune_every": 5, "prune_end": 30,
}  # fmt: skip


@pytest.fixture
def start(start_program):
    """Starts one of two processes: start(command, index, port, num_devices)."""

    def start(command, index, port, num_devices):
        place = ["--coordinator", f"127.0.0.1:{port}", "--num-processes", "2"]
        words = [*map(str, command), *place, "--process-id", str(index)]
        settings = {"JAX_NUM_CPU_DEVICES": num_devices, "JAX_PLATFORMS": "cpu"}
        return start_program(words, ROOT, settings)

    return start


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_signal_to_one_process_saves_the_step_of_all_and_one_process_goes_on(
    tmp_path, start
):
    """What two processes of four devices log is what one logs, and is written once.

    Each reads its rows of the batches, of array_record files, by itself.
    """
    photographs.run(
        photographs.Config(str(tmp_path), 41, 19, smallest=9, largest=20, shards=2)
    )
    settings = SETTINGS | {"data_dir": str(tmp_path)}
    port, folder = free_port(), tmp_path / "both"
    words = ["-m", "train.sparse", "--method", "pruning", "--workdir", folder]
    for name, value in settings.items():
        values = value if isinstance(value, tuple) else (value,)
        words += ["--" + name.replace("_", "-"), *values]
    both = [start(words, index, port, "4") for index in (0, 1)]
    metrics = folder / runs.METRICS
    try:
        while not (metrics.exists() and metrics.read_text().count("\n") >= 6):
            if any(process.poll() is not None for process in both):
                break
            time.sleep(0.05)
        both[1].send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=300) for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [143, 143], said
    found = [json.loads(line) for line in metrics.read_text().splitlines()]
    saved = found[-1]["step"]
    assert 20 <= saved < SETTINGS["steps"]
    assert f"step {saved} is saved" in said[0][1]
    alone = tmp_path / "alone"
    job.run_training(SparseRun(**settings, workdir=str(alone)))
    expected = runs.read_metrics(alone)[: len(found)]
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            # Sums in another order; what is compared is early enough not to grow.
            close = value == other[name] or np.isclose(value, other[name], rtol=1e-3)
            assert close or one["step"] > 30, (one, other)
    summary = job.run_training(SparseRun(**settings, workdir=str(folder)))
    assert summary["sparsity"] == 0.5
    steps = [line["step"] for line in runs.read_metrics(folder)]
    assert steps == [line["step"] for line in runs.read_metrics(alone)]


def test_two_processes_remove_the_units_that_one_removes(tmp_path, run_two):
    dense = tmp_path / "dense"
    small = {"model": "mlp", "widths": (6, 5), "steps": 20, "batch_size": 32}
    job.run_training(DenseRun(**small, workdir=str(dense)))
    words = ["--from", dense, "--keep-params", "0.5", "--steps", "2", "--rounds", "2"]
    command = ["-m", "train.units", *words, "--workdir", tmp_path / "both"]
    statuses, out, errors = run_two(command, "2")
    assert statuses == [0, 0], errors
    assert "Table: " in out[0] and "Table: " not in out[1]
    (point,) = units.read([*map(str, words), "--workdir", str(tmp_path / "alone")])
    units.run(point.config)
    for name in ("", "-round1"):
        found, expected = (tmp_path / f"{way}{name}" for way in ("both", "alone"))
        left = json.loads((found / units_json.UNITS).read_text())
        assert left == json.loads((expected / units_json.UNITS).read_text())
        ours, theirs = (runs.load(folder).state.params for folder in (found, expected))
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3), ours, theirs)
    assert (tmp_path / "both" / report.TABLE).exists()


# Joins, compares settings, and then one of the two fails in the way that is named.
PROGRAM = """
import os, sys
from landscape.cli import watch_signals
watch_signals()
from landscape.machine import hosts, joining
from landscape.cli import host_failures, host_flags, launch, say_saved
from landscape.config import DenseRun
from landscape.errors import InputError, RunFailure
joining.HEARTBEAT, host_failures.SILENCE = 6, 3
how, place = sys.argv[1], {w[2:]: v for w, v in zip(sys.argv[2::2], sys.argv[3::2])}
index = int(place["process-id"])

def refused():
    raise RunFailure("no step of two seeds")

def run():
    count = int(place["num-processes"])
    host_flags.join(place | {"num-processes": count, "process-id": index})
    import jax
    # Of devices the first process asks alone: the others have made theirs.
    found = hosts.from_first(lambda: ["read once", index, jax.device_count()])
    for function in (
        lambda: host_flags.check_same([DenseRun(steps=9), DenseRun(steps=7 + index)]),
        lambda: hosts.from_first(refused),
    ):
        try:
            function()
        except (InputError, RunFailure) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
    print(found, file=sys.stderr)
    say_saved("step 20 is saved")
    hosts.wait("both have said so")
    if index == 1 and how == "raise":
        raise InputError("shard 3 is missing.")
    if how == f"kill {index}":
        os.kill(os.getpid(), 9)
    hosts.wait("for ever")

launch(run)
"""


@pytest.fixture
def outcome(run_two):
    """Statuses and lines of stderr of two processes: outcome(how)."""

    def outcome(how):
        statuses, _, said = run_two(["-c", PROGRAM, how], "1")
        return statuses, [text.splitlines() for text in said]

    return outcome


def test_a_process_that_fails_ends_the_other_which_says_its_sentence(outcome):
    statuses, said = outcome("raise")
    for lines in said:
        assert lines[:3] == [
            f"InputError: process 1 on {HOST} has other settings than process 0 on"
            f" {HOST}: --steps 9 8 instead of 9 7.",
            "RunFailure: no step of two seeds",
            "['read once', 0, 2]",
        ]
    why = "error: shard 3 is missing."
    assert said[1][3:] == [why]
    assert said[0][3:] == [f"ends with process 1 on {HOST}, which said: {why}"]
    assert statuses == [2, 2]


@pytest.mark.parametrize("index", [0, 1])
def test_a_process_that_is_killed_ends_the_other_with_a_sentence(index, outcome):
    statuses, said = outcome(f"kill {index}")
    left = 1 - index
    assert statuses[index] == -signal.SIGKILL, said
    assert statuses[left] == host_failures.STATUS, said
    assert said[left][-1] == (
        f"stopped: process {index} on {HOST} gives no sign of life; step 20 is saved,"
        " and the same command in all processes resumes from there."
    )


def write_images(folder):
    """A folder of two classes, each with two images to train on and one to test."""
    for name in (
        "train/a/0",
        "train/a/1",
        "train/b/0",
        "train/b/1",
        "val/a/0",
        "val/b/0",
    ):
        path = folder / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 9, 3), 60, np.uint8)).save(path)


@pytest.mark.parametrize(
    ("side", "flags", "message"),
    [
        pytest.param(
            12, "",
            rf"error: process 1 on {HOST} has other data than process 0 on {HOST}:"
            r" other train files\.",
            id="data",
        ),
        pytest.param(
            9, "--num-devices 1",
            r"error: --num-devices 1 leaves process 1 without a device: each of the 2"
            r" processes needs one\.",
            id="devices",
        ),
    ],
)  # fmt: skip
def test_what_two_processes_cannot_train_ends_both_before_anything_is_written(
    side, flags, message, tmp_path, run_two
):
    """An image of another size on one host; a host without a device."""
    folders = tmp_path / "one", tmp_path / "other"
    for folder in folders:
        write_images(folder)
    image = Image.fromarray(np.full((9, side, 3), 60, np.uint8))
    image.save(folders[1] / "images/train/b/1.png")
    words = "--dataset images/ --image-size 8 --model mlp --widths 4 --batch-size 4"
    command = ["-m", "train.dense", *words.split(), "--steps", "4", *flags.split()]
    run = tmp_path / "run"
    statuses, _, said = run_two([*command, "--workdir", run], "1", *folders)
    assert statuses == [2, 2], said
    for text in said:
        assert re.fullmatch(message, text.splitlines()[-1]), text
    assert not run.exists()


def test_a_coordinator_that_does_not_answer_is_named(monkeypatch, capsys):
    monkeypatch.setattr(joining, "PATIENCE", 0.6)
    place = f"127.0.0.1:{free_port()}"
    with pytest.raises(InputError, match=f"cannot join the coordinator {place}"):
        joining.wait_for_coordinator(place, 3)
    assert f"process 3 waits for the coordinator {place} (" in capsys.readouterr().err
    # A typo is told early.
    monkeypatch.setattr(joining, "PATIENCE", 10)
    with pytest.raises(
        InputError, match=r"process 3 cannot join the coordinator x\.inv"
    ):
        joining.wait_for_coordinator("x.invalid:1", 3)


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("settings", "steps"), ("versions", "jax"), ("versions", "JAX_ENABLE_X64"),
        ("code", "train/steps/loop.py"), ("data", "train examples"),
    ],
)  # fmt: skip
def test_what_a_process_has_otherwise_is_named(what, name, monkeypatch):
    """Settings of one process alone, such as its folder of data, may differ."""
    config = SparseRun(steps=9)
    compared = []

    def gathered(mine):
        compared.append(mine)
        theirs = json.loads(json.dumps(mine, default=str))
        if len(compared) == ["settings", "versions", "code", "data"].index(what) + 1:
            inner, _, last = name.rpartition(" ")
            (theirs[inner] if inner else theirs)[last] = "other"
        return [json.loads(json.dumps(mine, default=str)), theirs]

    monkeypatch.setattr(hosts, "_count", 2)
    monkeypatch.setattr(hosts, "_names", ["a", "b"])
    monkeypatch.setattr(hosts, "gathered", gathered)
    said = rf"^process 1 on b has other {what} than process 0 on a: {name} other instea"
    with pytest.raises(InputError, match=said):
        agreement.check(config, data.load(config))
    assert not compared[0].keys() & {"data_dir", "workdir"}


def test_what_several_processes_cannot_do_is_refused(monkeypatch, tmp_path):
    with pytest.raises(InputError, match=r"no --distributed: .* in one process"):
        parse(Config, argv=["--distributed"])
    monkeypatch.setattr(hosts, "_count", 2)
    monkeypatch.setattr(hosts, "CACHED", 0)
    with pytest.raises(InputError, match=rf"does not see {tmp_path}/60, which process"):
        hosts.await_file(tmp_path / "60")
    hosts.await_file(tmp_path)
    monkeypatch.setattr(hosts, "_index", 1)
    # It writes nothing there.
    check_writable(Path("/dev/null/new"), "choose another")
    gpus = [[("a", "all", 0)], [("b", "all", 0)], [("b", "all", 1), ("b", "all", 0)]]
    with pytest.raises(InputError, match="processes 1 and 2 both use GPU 0 of b"):
        devices.check_apart(gpus)


def test_a_checkpoint_that_one_process_finds_damaged_ends_it(monkeypatch, tmp_path):
    """It takes no other one instead: the first process continues with this one."""
    folder = tmp_path / "checkpoints"
    state = TrainState(np.int32(3), {"w": np.ones(2)}, {}, {}, (), ())
    checkpoint.save(folder, state)
    monkeypatch.setattr(hosts, "_index", 1)
    monkeypatch.setattr(hosts, "_count", 2)
    monkeypatch.setattr(hosts, "_names", ["a", "b"])
    monkeypatch.setattr(hosts, "from_first", lambda function: 3)
    assert opening._restored(folder, state, None)[0].step == 3
    (folder / "3" / "digests.json").write_text("{")
    with pytest.raises(RunFailure, match=r"^process 1 on b: the check") as told:
        opening._restored(folder, state, None)
    assert not isinstance(told.value, checkpoint.CheckpointError)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--coordinator a:1", "go together: name --num-processes, --process-id, too"),
        ("--num-processes 2 --process-id 2 --coordinator a:1", "must be in 0 ..."),
        ("--num-processes 0 --process-id 0 --coordinator a:1", "must be at least 1"),
        ("--num-processes 2 --process-id 0 --coordinator a", "must be HOST:PORT, with"),
        ("--num-processes 2 --process-id 1 --coordinator a:99999", "up to 65535, not"),
        ("--num-processes two", "--num-processes must be an integer, not 'two'"),
    ],
)
def test_a_place_among_processes_that_cannot_be_is_refused(words, message):
    with pytest.raises(InputError, match=message):
        sparse.read(words.split())


def test_one_process_is_the_first_and_waits_for_nobody():
    host_flags.join({"distributed": False, "coordinator": None})
    assert hosts.is_first()
    assert not hosts.are_several()
    assert hosts.largest(7) == 7
    hosts.wait("here")
    hosts.check_equal("settings", {"a": 1})
    hosts.await_file(Path("nowhere"))


class Unreliable:
    """A connection that fails twice before it tells that process 1 has failed."""

    def __init__(self):
        self.errors = ["UNAVAILABLE: connection reset", "INTERNAL: a broken answer"]

    def key_value_set(self, *args, **kwargs):
        pass

    def blocking_key_value_get(self, key, timeout):
        if self.errors:
            raise RuntimeError(self.errors.pop())
        return json.dumps({"index": 1, "status": 2, "said": "error: no shard"})


def test_a_process_still_hears_of_a_failure_after_errors_of_the_connection(monkeypatch):
    ended = []
    monkeypatch.setattr(hosts, "client", Unreliable)
    monkeypatch.setattr(hosts, "_names", ["a", "b"])
    monkeypatch.setattr(host_failures, "BEAT", 0)
    monkeypatch.setattr(host_failures, "fail", lambda *args: ended.append(args))
    host_failures._listen()
    assert ended == [(2, "ends with process 1 on b, which said: error: no shard")]


def test_a_reader_that_closes_the_pipe_of_one_process_ends_all(monkeypatch):
    ended = []

    def fail(*args):
        ended.append(args)
        raise SystemExit(args[0])

    def closed():
        raise BrokenPipeError

    monkeypatch.setattr(hosts, "are_several", lambda: True)
    monkeypatch.setattr(host_failures, "fail", fail)
    with pytest.raises(SystemExit):
        launch(closed)
    (end,) = ended
    assert end == (1, "stopped: the reader of what is printed has closed the pipe.")
