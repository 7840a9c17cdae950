"""Which rounds there are, each from which run and how small, and where they are kept.

Rounds come from a generator: it yields one, is sent that one's validation accuracy, and
returns the one whose network is the result. What it yields depends on the settings and
on what it was sent alone, so that a command that is repeated finds its rounds again.
"""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from landscape import data, runs
from landscape.config import UnitsConfig, UnitsRun
from landscape.disk import locks
from landscape.errors import InputError, RunFailure
from landscape.users.code import is_user_code
from train.jobs import record

Rounds = Generator["Round", float | str | None, "Round"]
NOTHING_GOES = "nothing goes"
"""Sent instead of an accuracy where a round before was as small already: no run is
made of such a round, and the next one has the same parent."""


class Round(NamedTuple):
    """One removal of units, and the training after it.

    Attributes:
      number: from 1.
      folder: of the run that it makes.
      parent: the name of the run whose units are removed.
      fraction: what is kept at most, as a fraction of the first network.
    """

    number: int
    folder: str
    parent: str
    fraction: float


def rounds_of(config: UnitsConfig) -> Rounds:
    """The rounds of a budget, or those of the search for the smallest network."""
    return _descent(config) if config.floor_accuracy is None else _search(config)


def _descent(config: UnitsConfig) -> Rounds:
    """Equal factors from one round to the next; the last run is in `workdir` itself."""
    last, count = None, config.num_rounds
    budget = _budget(config)
    for number in range(1, count + 1):
        folder = config.workdir if number == count else _folder(config, number)
        parent = last.folder if last else config.source
        made = Round(number, folder, parent, budget ** (number / count))
        if (yield made) != NOTHING_GOES:
            last = made
    return last


def _budget(config: UnitsConfig) -> float:
    return config.keep_params or config.keep_flops


def _search(config: UnitsConfig) -> Rounds:
    """Half of the numbers, then half of those, and so on, as long as the floor holds.

    Where it does not, from the last network that held: 29 % go at once instead of 50,
    then 16, and the search ends where those are too many. Of a round that cannot be
    made, as each layer has one unit, it is sent no accuracy; nor does one help from
    which nothing goes.
    """
    best, halvings, tried = None, 0, []
    for number in range(1, config.num_rounds + 1):
        parent = best.folder if best else config.source
        fraction = 0.5 ** (0.5**halvings) * (best.fraction if best else 1.0)
        made = Round(number, _folder(config, number), parent, fraction)
        accuracy = yield made
        if accuracy == NOTHING_GOES:
            accuracy = None
        if accuracy is not None and accuracy >= config.floor_accuracy:
            best = made
        elif halvings < 2:
            halvings += 1
        else:
            break
        tried += [] if accuracy is None else [f"{accuracy:.4f} at {fraction:.3g}"]
    if best is None:
        raise RunFailure(
            f"no smaller network stays at a validation accuracy of"
            f" {config.floor_accuracy} (found: {', '.join(tried) or 'none'} of the"
            " parameters): try more --steps, or a lower --floor-accuracy."
        )
    return best


def _folder(config: UnitsConfig, number: int) -> str:
    return f"{config.workdir}-round{number}"


def settings_of(config: UnitsConfig, made: Round) -> UnitsRun:
    """The settings of a round: of its network, if its folder knows it already."""
    settings = UnitsRun.of(
        config,
        workdir=made.folder,
        parent=made.parent,
        round=made.number,
        fraction=made.fraction,
    )
    stored = stored_in(made.folder)
    return with_network_of(stored, settings) if stored else settings


def of_result(config: UnitsConfig, made: Round) -> UnitsRun:
    """The settings of the copy of a round's run in the folder of the result.

    With a budget it is the last round, though nothing went in it.
    """
    settings = replace(stored_in(made.folder), workdir=config.workdir)
    if config.floor_accuracy is not None:
        return settings
    return replace(settings, round=config.num_rounds, fraction=_budget(config))


def with_network_of(stored: UnitsRun, settings: UnitsRun) -> UnitsRun:
    """`settings` with the network that another has."""
    return replace(
        settings, model=stored.model, widths=stored.widths, masked=stored.masked
    )


def stored_in(folder: str) -> UnitsRun | None:
    """The settings in a folder, if it is that of a network made smaller."""
    if not (Path(folder) / runs.CONFIG).exists():
        return None
    found = runs.read_config(Path(folder))
    # The folder may have moved.
    return replace(found, workdir=folder) if isinstance(found, UnitsRun) else None


def validation_accuracy(settings: UnitsRun) -> float | None:
    """Of a finished run; None without a validation split."""
    for line in reversed(runs.read_metrics(Path(settings.workdir))):
        if line["split"] == "validation" and line["step"] == settings.steps:
            return line["accuracy"]
    return None


def is_finished(config: UnitsConfig) -> bool:
    """Whether the folder of the result is that of a finished run."""
    return runs.read_summary(Path(config.workdir)) is not None


def check(config: UnitsConfig) -> None:
    """Refuses a source, a budget, data or folders that cannot serve; no JAX.

    Raises:
      InputError: one sentence, with the value seen.
    """
    config.check_budget()
    source = runs.parse(config.source)
    if is_finished(config) and not (source.folder / runs.CONFIG).exists():
        # What came of a network that is gone can still be told.
        _check_folder(_of_result(config))
        _check_search(config)
        return
    theirs = runs.read_config(source.folder)
    if is_user_code(theirs.model):
        raise InputError(
            f"{config.source} cannot be made smaller: a network is built with fewer"
            f" units, and {theirs.model} alone knows its widths."
        )
    for name in ("model", "widths", "activation"):
        seen, wanted = getattr(config, name), getattr(theirs, name)
        if seen != wanted:
            raise InputError(
                f"--{name} {seen} is not that of {config.source}, {wanted}, whose"
                " network is made smaller."
            )
    _check_folder(_of_result(config))
    _check_search(config)
    if is_finished(config):
        return
    runs.step_of(source, theirs)
    data.check(config)
    rounds = rounds_of(config)
    made = next(rounds)
    try:
        while True:
            settings = settings_of(config, made)
            _check_folder(settings)
            if runs.read_summary(Path(made.folder)) is None:
                return
            made = rounds.send(validation_accuracy(settings))
    except StopIteration:
        return


def _of_result(config: UnitsConfig) -> UnitsRun:
    """The settings of the result; of a search its folder tells which round it is."""
    stored = stored_in(config.workdir)
    parent = stored.parent if stored else config.source
    number, fraction = (stored.round, stored.fraction) if stored else (1, 1.0)
    if config.floor_accuracy is None:
        # The folder of an earlier round is none of the result.
        number, fraction = config.num_rounds, _budget(config)
    return settings_of(config, Round(number, config.workdir, parent, fraction))


def _check_search(config: UnitsConfig) -> None:
    """Refuses a round of a search as its result, which is a copy of a round."""
    if config.floor_accuracy is None or (stored := stored_in(config.workdir)) is None:
        return
    accuracy = validation_accuracy(stored) if is_finished(config) else None
    # The result of a search lies beside the round that it is a copy of.
    is_round = config.workdir.endswith(f"-round{stored.round}")
    is_round &= not Path(_folder(config, stored.round)).exists()
    if is_round or accuracy is None or accuracy < config.floor_accuracy:
        raise InputError(
            f"{config.workdir} is a round of a search, not its result: choose another"
            " --workdir."
        )


def _check_folder(settings: UnitsRun) -> None:
    record.check_same(Path(settings.workdir), settings)
    locks.check_free(Path(settings.workdir))
