"""From round to round: units are scored and removed, and the rest is trained."""

import contextlib
from pathlib import Path

from landscape import runs
from landscape.cli import activity, ending_together, limit_compiled_programs
from landscape.config import UnitsConfig, UnitsRun
from landscape.disk import units_json
from landscape.errors import InputError, RunFailure
from landscape.machine import hosts
from landscape.units import Plan, budget
from landscape.units import record as units_record
from train.jobs import agreement, job, record
from train.settings import mask_source
from train.shrinking import copying, rounds
from train.shrinking.first import First, open_first
from train.shrinking.rounds import Round
from train.shrinking.selection import cost_of_run, digests, smaller


def walk(config: UnitsConfig) -> None:
    """Makes the rounds that are not there yet, and with them the run in `workdir`.

    Raises:
      InputError: as in `first.open_first` and `selection.smaller`.
      RunFailure: no network reaches the floor; or as in `train.jobs.job.run_training`.
    """
    if hosts.from_first(lambda: rounds.is_finished(config)):
        return
    with activity("reading the network and the data"):
        first = open_first(config)
    series = rounds.rounds_of(config)
    made = next(series)
    while True:
        accuracy = _make(config, first, made)
        limit_compiled_programs()
        try:
            made = series.send(accuracy)
        except StopIteration as stop:
            result = stop.value
            break
    if result.folder != config.workdir:
        there, here = Path(result.folder), Path(config.workdir)
        hosts.from_first(
            lambda: copying.copy_run(there, here, rounds.of_result(config, result))
        )
        hosts.await_file(here / runs.SUMMARY)


def _make(config: UnitsConfig, first: First, made: Round) -> float | str | None:
    """A round from its parent to its end; returns its validation accuracy, if any.

    None also where a search has come to the smallest network there is; NOTHING_GOES
    where the parent is small enough for this round.
    """
    folder = Path(made.folder)
    target = budget.share(made.fraction, first.cost)
    # Of several processes the first alone asks the disk: the others may see it later.
    settings, finished = hosts.from_first(
        lambda: (rounds.settings_of(config, made), runs.read_summary(folder))
    )
    if finished:
        print(f"Round {made.number}, {folder}: finished before.")
        return hosts.from_first(lambda: rounds.validation_accuracy(settings))
    if target < first.smallest:
        return None
    if cost_of_run(config, made.parent, first.dataset) <= target:
        print(f"Round {made.number}: {made.parent} is as small already.")
        return rounds.NOTHING_GOES
    found = None

    def find():
        agreement.check(settings, first.dataset)
        with activity(f"scoring the units of {made.parent}"), ending_together():
            return smaller(settings, first.dataset, target)

    if hosts.from_first(lambda: rounds.stored_in(made.folder)) is None:
        found = find()
        settings = found.settings

    def start(like):
        # A run that was stopped before its first checkpoint finds it again.
        here = found or find()
        if here.settings != settings:
            raise InputError(
                f"{folder} was begun with a network that its units do not give here:"
                " remove it, and the same command makes it again."
            )
        hosts.check_equal("units to remove", digests(here))
        print(here.text)
        record.open_folder(folder, settings)
        _write_units(folder, made.parent, here.plan)
        return here.network.params, here.network.batch_stats, here.network.masks

    job.run_training(settings, start)
    return hosts.from_first(lambda: rounds.validation_accuracy(settings))


def _write_units(folder: Path, parent: str, plan: Plan) -> None:
    """Which units are left: in the network they went from, and in the first of all."""
    units = units_record.units_of(plan)
    content = units_json.content(runs.parse(parent).folder, units)
    record.write_text(folder / units_json.UNITS, content)


def tried(config: UnitsConfig) -> list[UnitsRun]:
    """The finished rounds of a command, in their order: of a search also those that
    did not hold."""
    found, series = [], rounds.rounds_of(config)
    with contextlib.suppress(StopIteration, RunFailure):
        made = next(series)
        while True:
            stored = rounds.stored_in(made.folder)
            finished = stored and runs.read_summary(Path(made.folder))
            found += [stored] if finished else []
            accuracy = rounds.validation_accuracy(stored) if finished else None
            made = series.send(accuracy)
    return found


def way(config: UnitsConfig) -> list[UnitsRun]:
    """The runs from the first removal to the result, those whose folders are there."""
    found, folder = [], config.workdir
    while folder != config.source and (stored := rounds.stored_in(folder)):
        found.append(stored)
        if stored.round == 1:
            break
        parent = mask_source.located(stored.parent, folder, "parent network")
        folder = _as_named(parent, config)
    return found[::-1]


def _as_named(parent: str, config: UnitsConfig) -> str:
    """A folder beside the result, in the way in which the command names that one."""
    beside = Path(config.workdir).with_name(Path(parent).name)
    same = beside.exists() and Path(parent).exists() and beside.samefile(parent)
    return str(beside) if same else parent
