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

from typing import Any

from analysis.studies import study
from analysis.studies.subspace.config import Config
from landscape.cli import launch, parse


def run(config: Config) -> dict[str, Any]:
    """Does it all, writes the folder, and returns the content of result.json.

    Raises:
      InputError: the data set is not there.
    """
    from analysis.studies.claims import verdict_table
    from analysis.studies.subspace import claims, figures, runs

    measured = runs.measure(config)
    judged = claims.claims(measured)
    text = "\n\n".join(
        [
            claims.table(measured),
            claims.sentences(measured),
            verdict_table(judged),
        ]
    )
    figures.save(config.folder, measured)
    return study.write(config, measured, judged, {"claims.txt": text}) | {"text": text}


def main(config: Config) -> None:
    """Runs the study; prints what it found, where things lie and what to try next."""
    from analysis.studies.subspace import claims

    result = run(config)
    high = f"{max(map(float, result['sparsities_used'])):g}"
    folder = f"{result['root']}/sparsity-{high}/seed-0"
    study.report(
        config,
        result["text"],
        claims.NOTES,
        ["figure.png", "claims.txt"],
        f"python -m analysis.spectrum {folder}/scratch --include-l2",
    )


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
