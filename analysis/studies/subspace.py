"""Is a sparse solution a minimum, inside its mask and in the dense space around it?

    python -m analysis.studies.subspace
    python -m analysis.studies.subspace --scale mnist --data-dir D

"The Difficulty of Training Sparse Neural Networks" (arXiv:1906.10732) ends on the
conjecture that sparse training stops at bad local minima, which extra dimensions lead
out of. This looks at the curvature itself: at pruned, lottery and scratch solutions,
gradient, eigenvalues and ways down, within the mask and along the pruned weights; and
again where L-BFGS leads within the mask. In float64, of the objective that was trained
(data loss and L2 term, batch norm with its stored statistics). The runs are those of
analysis.studies.difficulty. Tables, figure and numbers go to WORKDIR/subspace-<scale>/;
what was done before is read back. digits: minutes on 2 cores; mnist: hours.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from landscape.errors import InputError, check_choice
from landscape.program import main, parse

SCALES = ("digits", "mnist")


@dataclass(frozen=True)
class Config:
    scale: str = "digits"
    """digits or mnist (LeNet-300-100)."""
    sparsities: tuple[float, ...] = ()
    """Lowest to highest; default: the scale's own."""
    num_seeds: int = 3
    """Seeds of the solutions."""
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
        if self.num_seeds < 1:
            raise InputError(f"--num-seeds must be at least 1, not {self.num_seeds}.")

    @property
    def model(self) -> None:
        """The scale's own."""
        return None

    @property
    def folder(self) -> Path:
        """Where the results go."""
        quick = "-quick" if self.quick else ""
        return Path(self.workdir) / f"subspace-{self.scale}{quick}"


def run(config: Config) -> dict[str, Any]:
    """Does it all, writes the folder, and returns the content of result.json.

    Raises:
      InputError: the data set is not there.
    """
    from analysis.studies import subspace_claims, subspace_figures, subspace_runs
    from analysis.verdicts import verdict, verdict_table

    measured = subspace_runs.measure(config)
    claims = subspace_claims.claims(measured)
    text = "\n\n".join(
        [
            subspace_claims.table(measured),
            subspace_claims.sentences(measured),
            verdict_table(claims),
        ]
    )
    result = {
        **asdict(config),
        "claims": [c._asdict() | {"verdict": verdict(c.holds)} for c in claims],
        **measured._asdict(),
    }
    subspace_figures.save(config.folder, measured)
    (config.folder / "claims.txt").write_text(text + "\n")
    (config.folder / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    return result | {"text": text}


def main_subspace(config: Config) -> None:
    """Runs the study; prints what it found, where things lie and what to try next."""
    from analysis.studies import subspace_claims

    result = run(config)
    print(f"{result['text']}\n")
    print(subspace_claims.NOTES)
    if config.quick:
        print("--quick: the networks are hardly trained, so the verdicts mean nothing.")
    print(f"\nWritten to {config.folder}: figure.png, claims.txt, result.json")
    high = f"{max(map(float, result['sparsities_used'])):g}"
    folder = f"{result['root']}/sparsity-{high}/seed-0"
    print(f"Next: python -m analysis.spectrum {folder}/scratch --include-l2")


if __name__ == "__main__":
    main(lambda: main_subspace(parse(Config, __doc__)))
