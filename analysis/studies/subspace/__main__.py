"""Is a sparse solution a minimum, inside its mask and in the dense space around it?

    python -m analysis.studies.subspace
    python -m analysis.studies.subspace --scale mnist --data-dir D

"The Difficulty of Training Sparse Neural Networks" (arXiv:1906.10732) ends on the
conjecture that sparse training stops at bad local minima, which extra dimensions allow
to escape. This measures the curvature itself: at pruned, lottery and scratch solutions,
the gradient, the eigenvalues and directions of descent, within the mask and along the
pruned weights; and again at the point that L-BFGS reaches within the mask. In float64,
of the objective that was trained (data loss and L2 term, batch norm with its stored
statistics). The runs are those of analysis.studies.difficulty. Tables, figure and
numbers go to WORKDIR/subspace-<scale>/; finished parts are read back. digits: 12
minutes of CPU time; mnist: hours.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from typing import Any

from analysis.studies import study
from analysis.studies.subspace.config import Config
from landscape.cli import launch, parse


@study.one_process
def run(config: Config, scale: Any = None) -> dict[str, Any]:
    """Measures and judges, writes the folder, and returns the content of result.json.

    Args:
      config: the command's flags.
      scale: a `scales.Scale`; default: the one that the flags name.

    Raises:
      InputError: the data set is not there, or another process runs the study.
    """
    from analysis.studies.difficulty import trainings
    from analysis.studies.difficulty.scales import root_of
    from analysis.studies.subspace import scales

    scale = scale or scales.of(config)
    solutions = scale.solutions
    trainings.check(solutions, root_of(config, solutions), zeros=False)
    from analysis.studies.claims import verdict_table
    from analysis.studies.subspace import claims, figures, runs, text
    from landscape.figures import attempt

    measured = runs.measure(config, scale)
    judged = claims.claims(measured)
    parts = text.table(measured), text.sentences(measured), verdict_table(judged)
    printed = "\n\n".join(parts)
    result = study.write(config, measured, judged, {"claims.txt": printed})
    with attempt(config.folder / "figures"):
        figures.save(config.folder, measured, config.format)
    return result | {"text": printed}


def main(config: Config) -> None:
    """Runs the study; prints the result, the folder and what to try next."""
    result = run(config)
    from analysis import spectrum
    from analysis.programs.spectrum.text import command_line
    from analysis.studies.subspace import scales, text

    high = f"{max(map(float, result['sparsities_used'])):g}"
    folder = f"{result['root']}/sparsity-{high}/seed-0"
    study.report(
        config,
        result["text"],
        text.NOTES,
        ["figure.png", "claims.txt"],
        command_line(spectrum.Config(f"{folder}/scratch", include_l2=True)),
        study.differences(scales.full(config), scales.of(config)),
    )


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
