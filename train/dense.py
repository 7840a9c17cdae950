"""Trains a dense network and leaves a run folder.

    python -m train.dense --dataset mnist --data-dir D --model lenet300

Handwritten digits with the default settings take about 12 s of CPU time and end near
97 % test accuracy.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from dataclasses import dataclass
from typing import Any, ClassVar

from landscape.cli import activity, launch, parse
from landscape.config import DenseRun
from landscape.data_names import short
from landscape.folders import folder_of


@dataclass(frozen=True)
class Config(DenseRun):
    GROUPS: ClassVar[dict[str, str]] = {"num_seeds": "randomness"}

    num_seeds: int = 1
    """Train this many networks, from consecutive seeds, one folder each."""

    def __post_init__(self):
        super().__post_init__()
        self._require("num_seeds", lambda v: v >= 1, "at least 1")


def expand(config: Config) -> list[DenseRun]:
    """The runs that a command stands for."""
    workdir = str(folder_of(config.workdir or f"runs/{short(config.dataset)}/dense"))
    if config.num_seeds == 1:
        return [DenseRun.of(config, workdir=workdir)]
    return [
        DenseRun.of(config, seed=seed, workdir=str(folder_of(f"{workdir}-seed{seed}")))
        for seed in range(config.seed, config.seed + config.num_seeds)
    ]


def run(config: Config) -> list[dict[str, Any]]:
    """Trains, prints what came out, and returns the summaries."""
    from train import checks

    settings = expand(config)
    # What can be known to fail fails before JAX is loaded.
    checks.check(settings)
    with activity("loading JAX"):
        from train import job, report

    summaries = job.run_all(settings)
    report.print_outcome(settings, summaries)
    return summaries


if __name__ == "__main__":
    launch(lambda: run(parse(Config, __doc__)))
