"""Makes a trained network smaller: units are removed, and the rest is trained on.

    python -m train.units --from runs/digits/dense --keep-params 0.2 \
--workdir runs/digits/small
    python -m train.units --from runs/digits/dense --keep-flops 0.5 --score norm \
--workdir runs/digits/half
    python -m train.units --from runs/digits/dense --floor-accuracy 0.97 \
--num-validation 200 --workdir runs/digits/smallest

In each round the units of the lowest score are removed, with what they put out on
average moved into the next biases, the arrays shrink, and the network is fine-tuned.
The result is a run like any other, with fewer units; so are the rounds before it, in
WORKDIR-round1 and so on. units.json says which unit is which, units.txt what was won.

The first command takes about 30 s of CPU time for LeNet-300-100 on digits; a fifth of
its parameters read as many test digits right as all do, within 0.4 points (3 seeds).
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

import argparse
from dataclasses import dataclass
from typing import Annotated, Any

import tyro

from landscape.cli import activity, launch, parse
from landscape.config import TrainConfig, UnitsConfig, UnitsRun
from landscape.errors import InputError
from landscape.folders import folder_of

FINE_TUNING = 3
"""The source's steps over those of a round, by default."""


@dataclass(frozen=True)
class Config(UnitsConfig):
    source: Annotated[str, tyro.conf.arg(name="from")] = ""
    """The run whose network is made smaller: RUN, RUN@STEP or RUN@init. Settings that
    are not given are its own, but for --workdir and --steps."""
    workdir: str | None = None
    """The folder of the result; default: that of --from with -small at its end."""


def with_settings_of_source(argv: list[str] | None = None) -> Config | None:
    """The defaults that `--from RUN` brings: RUN's settings but for a few."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    # A value that is missing is told by `parse`.
    parser.add_argument("--from", nargs="?", dest="source")
    parser.add_argument("--workdir", nargs="?")
    given = parser.parse_known_args(argv)[0]
    if given.source is None:
        return None
    from landscape import runs
    from train import mask_source

    # Of the last of the rounds it is the network of all of them.
    name = mask_source.located(given.source, given.workdir, "network")
    if given.workdir and not (runs.parse(name).folder / runs.CONFIG).exists():
        # It is gone: a finished run has the settings of the command that made it.
        from train.shrinking import rounds

        here = folder_of(given.workdir)
        if runs.read_summary(here) and (stored := rounds.stored_in(str(here))):
            return Config.of(stored, source=name, workdir=None)
    return defaults_of(name, runs.read_config(runs.parse(name).folder))


def defaults_of(name: str, theirs: TrainConfig) -> Config:
    """The defaults beside `--from`: the settings of that run but for a few.

    Steps are fewer, as are those of the schedule; of a network that was made smaller
    before they are its own.

    >>> theirs = TrainConfig(steps=90, schedule="step", decay_steps=(30, 60), warmup=9)
    >>> config = defaults_of("runs/dense", theirs)
    >>> config.steps, config.decay_steps, config.warmup
    (30, (10, 20), 3)
    """
    share = 1 if isinstance(theirs, UnitsRun) else FINE_TUNING
    steps = max(2, -(-theirs.steps // share))
    decays = {max(1, step // share) for step in theirs.decay_steps}
    return Config.of(
        theirs,
        source=name,
        steps=steps,
        decay_steps=tuple(sorted(step for step in decays if step < steps)),
        warmup=theirs.warmup // share,
        **dict.fromkeys(("workdir", "keep_params", "keep_flops", "floor_accuracy")),
    )


def run(config: Config) -> list[dict[str, Any]]:
    """Makes the network smaller, prints what came out, and returns the summaries.

    Raises:
      InputError: the run, the budget, the score or the folder cannot serve.
      RunFailure: with a floor, no smaller network reaches it.
    """
    config = _located(config)
    from train.shrinking import rounds

    # What can be known to fail fails before JAX is loaded.
    rounds.check(config)
    with activity("loading JAX"):
        from train.shrinking import descent, report

    descent.walk(config)
    return report.tell(config)


def beside(source: str) -> str:
    """The default of `workdir`: a folder beside that of the source.

    >>> beside("runs/x/dense@30")
    'runs/x/dense-small'
    """
    from landscape import runs

    folder = runs.parse(source).folder
    return str(folder.with_name(f"{folder.name}-small"))


def _located(config: Config) -> Config:
    if not config.source:
        raise InputError("--from RUN names the run whose network is made smaller.")
    from dataclasses import replace

    from train import mask_source

    workdir = str(folder_of(config.workdir or beside(config.source)))
    source = mask_source.located(config.source, workdir, "network")
    return replace(config, workdir=workdir, source=source)


if __name__ == "__main__":
    launch(lambda: run(parse(Config, __doc__, default=with_settings_of_source())))
