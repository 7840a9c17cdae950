"""What other tools read of a training: TensorBoard's event files, traces of steps."""

import contextlib
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from landscape import buckets
from landscape.config import TrainConfig
from landscape.errors import InputError
from landscape.machine import hosts

EVENTS, PROFILE = "tensorboard", "profile"
"""Folders in that of a run."""


def check(config: TrainConfig) -> None:
    """Raises InputError if event files are asked for, and cannot be written here."""
    if config.tensorboard and importlib.util.find_spec("tensorboardX") is None:
        raise InputError(
            "--tensorboard needs tensorboardX: pip install -e '.[tensorboard]' installs"
            " it."
        )


class Events(NamedTuple):
    """An event file: adds the lines of metrics.jsonl of a step, and is closed."""

    write: Callable[[int, Sequence[dict[str, Any]]], None] = lambda step, lines: None
    close: Callable[[], None] = lambda: None


def events(config: TrainConfig, folder: Path, start: int) -> Events:
    """The event file of a run; one that does nothing if none is asked for.

    A number of a line is the scalar SPLIT/NAME. Of a run that resumes from `start`
    TensorBoard drops what came after that.
    """
    if not (config.tensorboard and hosts.is_first()):
        return Events()
    # Not its SummaryWriter, whose thread may not have written all when a run ends.
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.summary import scalar

    (folder / EVENTS).mkdir(parents=True, exist_ok=True)
    writer = EventsWriter(str(folder / EVENTS / "events"))

    def add(step, **content):
        writer.write_event(Event(wall_time=time.time(), step=step, **content))

    if start:
        add(start + 1, session_log=SessionLog(status=SessionLog.START))

    def write(step, lines):
        for line in lines:
            for name, value in line.items():
                if name not in ("step", "split"):
                    add(step, summary=scalar(f"{line['split']}/{name}", value))
        writer.flush()

    return Events(write, writer.close)


@contextlib.contextmanager
def tracer(config: TrainConfig, folder: Path) -> Iterator[Callable[[int], None]]:
    """Traces --profile steps, once those that compile are over.

    Yields:
      A function to call at each boundary of windows, with the step: the trace begins at
      the second one and ends at the first that is as many steps behind it. Of a run
      that ends before there is anything to trace, a sentence on stderr says so.
    """
    if config.profile is None or not hosts.is_first():
        yield lambda step: None
        return
    import jax

    seen: list[int] = []
    began: list[int] = []

    def at(step):
        seen.append(step)
        if len(seen) == 2:
            jax.profiler.start_trace(str(folder / PROFILE), create_perfetto_trace=True)
            began.append(step)
        elif began and step - began[0] >= config.profile:
            stop()

    def stop():
        began.clear()
        jax.profiler.stop_trace()
        buckets.send(folder / PROFILE)

    try:
        yield at
        if len(seen) < 2 or began == [seen[-1]]:
            print(
                f"{folder}: --profile traced nothing: a trace begins after the first"
                f" window of steps (--log-every {config.log_interval}), and no step"
                " came after it.",
                file=sys.stderr,
            )
    finally:
        if began:
            stop()
