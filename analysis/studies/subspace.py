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

from dataclasses import dataclass
from typing import Any

from analysis.studies import study
from landscape.program import main, parse


@dataclass(frozen=True)
class Config(study.SparseStudyOptions):
    NAME = "subspace"
    SCALES = ("digits", "mnist")

    scale: str = "digits"
    """digits or mnist (LeNet-300-100)."""
    num_seeds: int | None = 3
    """Seeds of the solutions."""


def run(config: Config) -> dict[str, Any]:
    """Does it all, writes the folder, and returns the content of result.json.

    Raises:
      InputError: the data set is not there.
    """
    from analysis.studies import subspace_claims, subspace_figures, subspace_runs
    from analysis.verdicts import verdict_table

    measured = subspace_runs.measure(config)
    claims = subspace_claims.claims(measured)
    text = "\n\n".join(
        [
            subspace_claims.table(measured),
            subspace_claims.sentences(measured),
            verdict_table(claims),
        ]
    )
    subspace_figures.save(config.folder, measured)
    return study.write(config, measured, claims, {"claims.txt": text}) | {"text": text}


def main_subspace(config: Config) -> None:
    """Runs the study; prints what it found, where things lie and what to try next."""
    from analysis.studies import subspace_claims

    result = run(config)
    high = f"{max(map(float, result['sparsities_used'])):g}"
    folder = f"{result['root']}/sparsity-{high}/seed-0"
    study.report(
        config,
        result["text"],
        subspace_claims.NOTES,
        ["figure.png", "claims.txt"],
        f"python -m analysis.spectrum {folder}/scratch --include-l2",
    )


if __name__ == "__main__":
    main(lambda: main_subspace(parse(Config, __doc__)))
