"""What other tools read of a training."""

import importlib.util
import struct

import pytest

from landscape import runs
from landscape.config import DenseRun
from landscape.errors import InputError
from train import job, telemetry


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
