"""Trains a dense network and leaves a run folder.

    python -m train.dense --dataset mnist --data-dir D --model lenet300
    python -m train.dense --preset cifar10-resnet20 --data-dir D

Handwritten digits with the default settings take about 12 s of CPU time and end near
97 % test accuracy. The second command is a published recipe, for a GPU.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from landscape.cli import Point, activity, launch, parse_sweep
from landscape.config import DenseRun
from landscape.disk.folders import folder_of
from landscape.errors import InputError
from train.settings import presets, sweep


@dataclass(frozen=True)
class Config(DenseRun):
    GROUPS: ClassVar[dict[str, str]] = {"num_seeds": "seeds"}

    num_seeds: int = 1
    """Train this many networks, from consecutive seeds, one folder each."""

    def __post_init__(self):
        super().__post_init__()
        self._require("num_seeds", lambda v: v >= 1, "at least 1")


def expand(config: Config, below: str = "") -> list[DenseRun]:
    """The runs that a command stands for.

    Args:
      config: its settings.
      below: the folder of a point of a sweep, in that of all.
    """
    root = sweep.root_of(config, below)
    workdir = str(root if config.workdir else root / "dense")
    if config.num_seeds == 1:
        return [DenseRun.of(config, workdir=workdir)]
    return [
        DenseRun.of(config, seed=seed, workdir=str(folder_of(f"{workdir}-seed{seed}")))
        for seed in range(config.seed, config.seed + config.num_seeds)
    ]


def inherited(said: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that --preset NAME or --like RUN brings; not its --workdir.

    Args:
      said: what the command line and its file say, by the names of the settings.
    """
    if said.get("preset"):
        if said.get("like"):
            raise InputError(
                "--preset and --like each bring all settings: name one of them."
            )
        return presets.of_dense(said["preset"])
    if not said.get("like"):
        return {}
    # Not above: --help is quick.
    from train.settings import inheritance

    return inheritance.fitting(
        inheritance.like(said["like"], DenseRun, {"method"}), said
    )


def run(config: Config) -> list[dict[str, Any]]:
    """Trains, prints what came out, and returns the summaries."""
    return run_sweep([Point(config, {})])


def run_sweep(points: Sequence[Point]) -> list[dict[str, Any]]:
    """As `run`, for each point of a sweep; all are checked before one is trained."""
    from train.jobs import checks

    settings, swept = [], []
    for point in points:
        made = expand(point.config, point.folder)
        settings += made
        swept += [point.swept] * len(made)
    # What can be known to fail fails before JAX is loaded.
    checks.check(settings)
    with activity("loading JAX"):
        from train.jobs import job, report

    summaries = job.run_all(settings)
    report.print_outcome(settings, summaries, swept)
    return summaries


def read(argv: list[str] | None = None) -> list[Point]:
    """The settings of a command line, of each point of a sweep."""
    return parse_sweep(
        Config,
        __doc__,
        inherited=inherited,
        fixed=sweep.FIXED,
        presets=presets.DENSE_PRESETS,
        argv=argv,
    )


if __name__ == "__main__":
    launch(lambda: run_sweep(read()))
