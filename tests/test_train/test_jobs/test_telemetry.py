"""What other tools read of a training."""

import importlib.util
import struct
from types import SimpleNamespace

import jax
import pytest

from landscape import runs
from landscape.config import DenseRun
from landscape.errors import InputError
from landscape.machine import hosts
from train.jobs import job, telemetry, training


def events(folder):
    """The scalars in the event files: (tag, step) -> value."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in folder.iterdir():
        data, at = path.read_bytes(), 0
        while at < len(data):
            # TFRecord: length, its CRC, the bytes, their CRC.
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            at += 16 + length
            for value in event.summary.value:
                found[value.tag, event.step] = value.simple_value
    return found


def test_event_files_hold_the_metrics_and_a_trace_is_written(tmp_path):
    config = DenseRun(
        model="mlp", widths=(4,), num_train=200, batch_size=20, steps=30, log_every=10,
        eval_every=30, workdir=str(tmp_path / "run"), tensorboard=True, profile=5,
    )  # fmt: skip
    job.run_training(config)
    lines = runs.read_metrics(tmp_path / "run")
    expected = {
        (f"{line['split']}/{name}", line["step"]): value
        for line in lines
        for name, value in line.items()
        if name not in ("step", "split")
    }
    assert events(tmp_path / "run" / telemetry.EVENTS) == pytest.approx(expected)
    traces = list((tmp_path / "run" / telemetry.PROFILE).rglob("*perfetto_trace*"))
    assert len(traces) == 1


def test_without_the_library_event_files_are_refused(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[tensorboard\]'"):
        telemetry.check(DenseRun(tensorboard=True))
    telemetry.check(DenseRun())


def test_a_trace_of_nothing_is_told(tmp_path, monkeypatch, capsys):
    began = []
    monkeypatch.setattr(jax.profiler, "start_trace", lambda *a, **k: began.append(a))
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: None)
    for steps, told in (([0], True), ([0, 10], True), ([0, 10, 20], False)):
        with telemetry.tracer(DenseRun(profile=5), tmp_path) as trace:
            for step in steps:
                trace(step)
        assert ("--profile traced nothing" in capsys.readouterr().err) == told
    assert len(began) == 2


def test_of_several_processes_the_first_one_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(hosts, "is_first", lambda: False)
    config = DenseRun(tensorboard=True, profile=1)
    assert telemetry.events(config, tmp_path, 0) == telemetry.Events()
    with telemetry.tracer(config, tmp_path) as trace:
        for step in range(4):
            trace(step)
    assert not list(tmp_path.iterdir()) and not capsys.readouterr().err


def test_event_files_are_closed_where_a_training_fails(monkeypatch):
    closed = []
    monkeypatch.setattr(
        telemetry,
        "events",
        lambda config, folder, at: telemetry.Events(close=lambda: closed.append(at)),
    )

    def fails(opened, recorders):
        raise RuntimeError

    monkeypatch.setattr(training, "_train", fails)
    opened = [
        SimpleNamespace(folder=None, config=DenseRun(), state=SimpleNamespace(step=at))
        for at in (3, 4)
    ]
    with pytest.raises(RuntimeError):
        training.train(opened, [None, None])
    assert closed == [4, 3]
