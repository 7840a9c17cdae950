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

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landscape.errors import InputError, check_choice
from landscape.program import main, parse

SCALES = ("digits", "mnist", "cifar10")


@dataclass(frozen=True)
class Config:
    scale: str = "digits"
    """digits, mnist or cifar10."""
    model: str | None = None
    """Another model than the scale's own (lenet300, lenet300, resnet20)."""
    sparsities: tuple[float, ...] = ()
    """Lowest to highest; default: the scale's own."""
    num_seeds: int | None = None
    """Default: 5, on cifar10 1."""
    num_examples: int | None = None
    """Training examples that paths are evaluated on; default: all."""
    data_dir: str | None = None
    """Where tfds keeps its prepared sets."""
    workdir: str = "runs/studies"
    """The folder of the runs and of the results."""
    quick: bool = False
    """A few steps of everything, to see that it works; the verdicts mean nothing."""

    def __post_init__(self):
        check_choice("scale", self.scale, SCALES)
        if any(not 0 < s < 1 for s in self.sparsities) or list(
            self.sparsities
        ) != sorted(set(self.sparsities)):
            raise InputError(
                "--sparsities must increase and lie in (0, 1), not"
                f" {' '.join(map(str, self.sparsities))}."
            )
        for name in ("num_seeds", "num_examples"):
            value = getattr(self, name)
            if value is not None and value < 1:
                flag = "--" + name.replace("_", "-")
                raise InputError(f"{flag} must be at least 1, not {value}.")

    @property
    def folder(self) -> Path:
        """Where the results go."""
        model = f"-{self.model}" if self.model else ""
        quick = "-quick" if self.quick else ""
        return Path(self.workdir) / f"difficulty-{self.scale}{model}{quick}"


def run(config: Config) -> dict[str, Any]:
    """Does it all, writes the folder, and returns the content of result.json.

    Raises:
      InputError: the data set is not there, or a setting does not fit it.
    """
    from analysis.studies import difficulty_claims, difficulty_figures, difficulty_runs
    from analysis.verdicts import verdict, verdict_table

    measured = difficulty_runs.measure(config)
    claims = difficulty_claims.claims(measured)
    table = verdict_table(claims)
    result = {
        **asdict(config),
        "claims": [c._asdict() | {"verdict": verdict(c.holds)} for c in claims],
        **measured._asdict(),
    }
    difficulty_figures.save(config.folder, measured)
    (config.folder / "claims.txt").write_text(table + "\n")
    (config.folder / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    return result | {"table": table}


def main_difficulty(config: Config) -> None:
    """Runs the study; prints the verdicts, where things lie and what to try next."""
    from analysis.studies import difficulty_claims

    result = run(config)
    print(f"{result['table']}\n")
    print(difficulty_claims.NOTES)
    if config.quick:
        print("--quick: the networks are hardly trained, so the verdicts mean nothing.")
    print(f"\nWritten to {config.folder}: figure*.png, claims.txt, result.json")
    high = f"{max(map(float, result['sparsities_used'])):g}"
    run_folder = f"{result['root']}/sparsity-{high}/seed-0"
    runs = " ".join(f"{run_folder}/{name}" for name in ("pruned", "lottery", "scratch"))
    print(f"Next: python -m analysis.surface {runs}")


if __name__ == "__main__":
    main(lambda: main_difficulty(parse(Config, __doc__)))
