"""The Difficulty of Training Sparse Neural Networks (arXiv:1906.10732), claim by claim.

    python -m analysis.studies.difficulty
    python -m analysis.studies.difficulty --scale mnist --data-dir D
    python -m analysis.studies.difficulty --scale mnist --data-dir D --model lenet5 \
--num-examples 10000
    python -m analysis.studies.difficulty --scale cifar10 --data-dir D

Trains pruned, lottery and scratch networks, walks the straight lines and trained Bezier
curves between them, trains dense networks from initial weights that are mostly zero,
and prints checks C1.1 to C1.10 with the paper's own numbers beside ours. Figures 1 and
3 to 8 of the paper, with its curves (ResNet-50 on ImageNet) drawn thin, and the numbers
behind them go to WORKDIR/difficulty-<scale>/. What was trained or walked before is read
back, and what was interrupted goes on. digits: about 5 minutes on 2 cores; mnist: about
an hour; cifar10 (ResNet-20, one seed): days on a CPU, hours on a GPU.
"""

from dataclasses import dataclass
from typing import Any

from analysis.studies import study
from landscape.errors import require
from landscape.program import main, parse


@dataclass(frozen=True)
class Config(study.SparseStudyOptions):
    NAME = "difficulty"
    SCALES = ("digits", "mnist", "cifar10")

    scale: str = "digits"
    """digits, mnist or cifar10."""
    model: str | None = None
    """Another model than the scale's own (lenet300, lenet300, resnet20)."""
    num_seeds: int | None = None
    """Default: 5, on cifar10 1."""
    num_examples: int | None = None
    """Training examples that paths are evaluated on; default: all."""

    def __post_init__(self):
        super().__post_init__()
        require(
            self, "num_examples", self.num_examples is None or self.num_examples > 0
        )


def run(config: Config) -> dict[str, Any]:
    """Does it all, writes the folder, and returns the content of result.json.

    Raises:
      InputError: the data set is not there, or a setting does not fit it.
    """
    from analysis.studies import difficulty_claims, difficulty_figures, difficulty_runs
    from analysis.verdicts import verdict_table

    measured = difficulty_runs.measure(config)
    claims = difficulty_claims.claims(measured)
    table = verdict_table(claims)
    difficulty_figures.save(config.folder, measured)
    result = study.write(config, measured, claims, {"claims.txt": table})
    return result | {"table": table}


def main_difficulty(config: Config) -> None:
    """Runs the study; prints the verdicts, where things lie and what to try next."""
    from analysis.studies import difficulty_claims

    result = run(config)
    high = f"{max(map(float, result['sparsities_used'])):g}"
    folder = f"{result['root']}/sparsity-{high}/seed-0"
    runs = " ".join(f"{folder}/{name}" for name in ("pruned", "lottery", "scratch"))
    study.report(
        config,
        result["table"],
        difficulty_claims.NOTES,
        ["figure*.png", "claims.txt"],
        f"python -m analysis.surface {runs}",
    )


if __name__ == "__main__":
    main(lambda: main_difficulty(parse(Config, __doc__)))
