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
WORKDIR-round1 and so on. units.json says which unit is which, units.txt what is saved.

The first command takes about 30 s of CPU time for LeNet-300-100 on digits; a fifth of
its parameters read as many test digits right as all do, within 0.4 points (3 seeds).
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

from landscape import buckets
from landscape.cli import Named, Point, activity, launch, parse_sweep
from landscape.config import BUDGETS, TrainConfig, UnitsConfig, UnitsRun
from landscape.disk.folders import folder_of
from landscape.errors import InputError
from train.settings import sweep

FINE_TUNING = 3
"""The source's steps over those of a round, by default."""


@dataclass(frozen=True)
class Config(UnitsConfig):
    source: Annotated[str, Named("from")] = ""
    """Run whose network is made smaller: RUN, RUN@STEP or RUN@init. Settings that are
    not given are its own, except --workdir and --steps."""
    workdir: str | None = None
    """The folder of the result; default: that of --from and "-small"."""


def inherited(said: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that --like RUN and --from RUN bring.

    --from brings all settings but a few; --like those of a command that made a network
    smaller, except --workdir and the network, which is that of --from.

    Args:
      said: what the command line and its file say, by the names of the settings.
    """
    # Not above: --help is quick.
    from landscape import runs
    from train.settings import inheritance, mask_source

    found: dict[str, Any] = {}
    if said.get("like"):
        own = {f.name for f in fields(UnitsRun)} - {f.name for f in fields(Config)}
        network = {"model", "model_args", "widths"}
        found = inheritance.like(said["like"], UnitsRun, own | network)
        if any(said.get(name) for name in BUDGETS):
            found |= dict.fromkeys(BUDGETS)
    source = said.get("source") or found.get("source")
    if not source:
        return found
    workdir = said.get("workdir")
    # Of the last of the rounds it is the network of all of them.
    name = mask_source.located(source, workdir, "network")
    default = None
    if workdir and not (runs.parse(name).folder / runs.CONFIG).exists():
        # It is gone: a finished run has the settings of the command that made it.
        from train.shrinking import rounds

        here = folder_of(workdir)
        if runs.read_summary(here) and (stored := rounds.stored_in(str(here))):
            default = Config.of(stored, source=name, workdir=None)
    if default is None:
        default = defaults_of(name, runs.read_config(runs.parse(name).folder))
    theirs = {f.name: getattr(default, f.name) for f in fields(Config) if f.init}
    return theirs | found | {"source": name}


def defaults_of(name: str, theirs: TrainConfig) -> Config:
    """The defaults beside `--from`: the settings of that run except a few.

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
    return run_sweep([Point(config, {})])


def run_sweep(points: Sequence[Point]) -> list[dict[str, Any]]:
    """As `run`, for each point of a sweep; all are checked before one is made."""
    configs = [_located(point.config, point.folder) for point in points]
    from train.shrinking import rounds

    # What can be known to fail fails before JAX is loaded.
    for config in configs:
        rounds.check(config)
    with activity("loading JAX"):
        from train.jobs import report as table
        from train.shrinking import descent, report

    found, last = [], []
    for config in configs:
        descent.walk(config)
        found += (made := report.tell(config))
        last.append(made[-1])
    if len(points) > 1:
        swept = [point.swept for point in points]
        print(f"\nAll:\n{table.outcome_table(configs, last, swept)}")
    return found


def read(argv: list[str] | None = None) -> list[Point]:
    """The settings of a command line, of each point of a sweep."""
    return parse_sweep(
        Config,
        __doc__,
        inherited=inherited,
        fixed=sweep.FIXED,
        argv=argv,
    )


def beside(source: str) -> str:
    """The default of `workdir`: a folder beside that of the source.

    >>> beside("runs/x/dense@30")
    'runs/x/dense-small'
    """
    from landscape import runs

    folder = runs.parse(source).folder
    return str(folder.with_name(f"{folder.name}-small"))


def _located(config: Config, below: str) -> Config:
    if not config.source:
        raise InputError("--from RUN names the run whose network is made smaller.")
    from train.settings import mask_source

    workdir = str(folder_of(config.workdir or beside(config.source)) / below)
    if buckets.name_of(Path(workdir)):
        raise InputError(
            f"--workdir {buckets.shown(workdir)} is in a bucket: name a folder on this"
            " machine, and copy it there once it is finished."
        )
    source = mask_source.located(config.source, workdir, "network")
    return replace(config, workdir=workdir, source=source)


if __name__ == "__main__":
    launch(lambda: run_sweep(read()))
