"""From the first step to the last, of one run or of several seeds side by side."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from landscape import checkpoint, runs
from landscape.cli import Progress, activity, noted_signals, say_saved
from landscape.config import RunConfig
from landscape.errors import InputError, Interrupted, RunFailure
from landscape.machine import hosts
from landscape.recipes import order
from landscape.recipes.state import TrainState
from train.jobs import damage, measure, record, scoring, telemetry
from train.jobs.opening import Opened
from train.steps import loop, step, streamed, together
from train.steps.step import Metrics


def train(
    opened: Sequence[Opened], check_locks: Sequence[Callable[[], None]]
) -> list[TrainState | RunFailure]:
    """From boundary to boundary: steps, checks, lines of metrics, checkpoints.

    Of one run, or of several that differ by their seeds and are at the same step. One
    of several that fails makes its steps with the others, and nothing of it is kept.

    Returns:
      The last state of each, or why it failed.
    """
    with contextlib.ExitStack() as files:
        recorders = []
        for each, check_lock in zip(opened, check_locks, strict=True):
            at = int(each.state.step)
            events = telemetry.events(each.config, each.folder, at)
            files.callback(events.close)
            recorders.append(
                record.Recorder(each.folder, each.config.keep_every, check_lock, events)
            )
        return _train(opened, recorders)


def _train(
    opened: Sequence[Opened], recorders: Sequence[record.Recorder]
) -> list[TrainState | RunFailure]:
    folder, config, components, _, _, splits, mesh, _ = opened[0]
    states = [each.state for each in opened]
    at = int(states[0].step)
    for each, recorder in zip(opened, recorders, strict=True):
        if not each.resumes:
            with activity("compiling the evaluation"):
                lines = measure.held_out(components, each.state, splits, mesh)
            recorder.log(0, *lines)
            recorder.save(each.state)
    examples, size = splits["train"], len(splits["train"]["label"])
    steps = components.updater.steps
    # Each is a window of its own, with a program that knows how to change masks.
    updates = None if steps is None else frozenset(steps(states[0].params))
    in_one_call = not streamed.is_streamed(examples) and loop.scannable(
        components, states[0], examples, config.batch_size
    )
    reading: contextlib.AbstractContextManager = contextlib.nullcontext()
    if streamed.is_streamed(examples):
        examples = streamed.Reader(mesh, examples, config)
        reading = contextlib.closing(examples)
    ordinary = _segment(opened, in_one_call, ordinary=True)
    changing = _segment(opened, in_one_call and updates is None, ordinary=False)
    rescoring = [
        scoring.make(each.config, components, each.state, splits, mesh)
        for each in opened
    ]
    longest = loop.longest_window(config)
    alone = {step - before for step in updates or () for before in (0, 1)}
    stops = alone | rescoring[0].steps
    failed: dict[int, RunFailure] = {}
    more = f" and {len(opened) - 1} more" if opened[1:] else ""
    bar = Progress(f"{folder}{more}", config.steps, at)
    with (
        reading,
        contextlib.closing(bar),
        telemetry.tracer(config, folder) as trace,
        noted_signals() as signal_that_came,
    ):
        trace(at)
        for boundary in loop.boundaries(at, config):
            parts: list[list[Metrics]] = []
            for stop in loop.parts(at, boundary, stops):
                segment = changing if updates is None or stop in updates else ordinary
                # A reader knows which examples it reads.
                indices = [
                    None
                    if streamed.is_streamed(splits["train"])
                    else order.batches(
                        each.config.order,
                        size,
                        config.batch_size,
                        at,
                        longest,
                    )
                    for each in opened
                ]
                states, new = segment(states, examples, indices, stop - at)
                at, parts = stop, [*parts, new]
                metrics = [loop.joined(own) for own in zip(*parts, strict=True)]
                for i, recorder in _left(recorders, failed):
                    if bad := measure.non_finite(states[i], metrics[i]):
                        recorder.log_end(at, f"the {bad} is not finite")
                        failed[i] = RunFailure(_not_finite(bad, opened[i].config))
                rescored = _left(recorders, failed) if at in rescoring[0].steps else []
                for i, recorder in rescored:
                    try:
                        states[i] = rescoring[i].update(states[i])
                    except InputError as error:
                        recorder.log_end(at, str(error))
                        text = f"{recorder.folder}: at step {at} {error}"
                        failed[i] = RunFailure(text)
                if len(failed) == len(opened):
                    return list(failed.values())
            last = at == config.steps
            shown: list[dict[str, Any]] = []
            for i, recorder in _left(recorders, failed):
                lines = [measure.window(components, states[i], metrics[i])]
                if last or at % config.eval_interval == 0:
                    lines += measure.held_out(components, states[i], splits, mesh)
                recorder.log(at, *lines)
                shown = shown or lines
            bar.update(at, shown)
            trace(at)
            signum = hosts.largest(signal_that_came() or 0)
            due = (config.save_every, config.keep_every or config.save_every)
            if last or signum or any(at % every == 0 for every in due):
                for i, recorder in _left(recorders, failed):
                    recorder.save(states[i])
                say_saved(f"step {at} of {folder}{more} is saved")
                damage.share(folder, splits)
                # Or while it was saved.
                signum = hosts.largest(signal_that_came() or 0)
            if signum:
                raise Interrupted(
                    signum,
                    f"{folder}{more}: interrupted; step {at} is saved, and the same"
                    " command resumes from there.",
                )
    return [failed.get(i, state) for i, state in enumerate(states)]


def _left(
    recorders: Sequence[record.Recorder], failed: dict[int, RunFailure]
) -> list[tuple[int, record.Recorder]]:
    """The runs that have not failed, by their number."""
    return [pair for pair in enumerate(recorders) if pair[0] not in failed]


def _segment(
    opened: Sequence[Opened], in_one_call: bool, ordinary: bool
) -> together.Segments:
    """What makes the steps of all; a single run has a program without a seed axis."""
    first = opened[0]
    steps = [
        step.make(
            each.components,
            seed=each.config.seed,
            order_seed=each.config.order,
            # Images that are read in time are cropped as they are decoded.
            augmented=each.config.augment and each.config.image_size is None,
            ordinary=ordinary,
            parts=each.config.accumulate,
        )
        for each in opened
    ]
    if len(opened) > 1:
        return together.make_segments(steps, first.mesh, in_one_call)
    if streamed.is_streamed(first.splits["train"]):
        segment = streamed.make_segment(steps[0])
    else:
        segment = loop.make_segment(steps[0], first.mesh, in_one_call)

    def alone(states, split, indices, count):
        state, metrics = segment(*states, split, *indices, count)
        return [state], [metrics]

    return alone


def _not_finite(what: str, config: RunConfig) -> str:
    kept = checkpoint.steps(Path(config.workdir) / runs.CHECKPOINTS)
    return (
        f"{config.workdir}: the {what} is not finite; the checkpoint of step"
        f" {max(kept)} is untouched. Try a --learning-rate below"
        f" {config.learning_rate} in another --workdir."
    )
