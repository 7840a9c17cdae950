"""Which part of a network makes the plateau of paper 1's straight lines.

    python -m analysis.studies.plateau
    python -m analysis.studies.plateau --scale blobs
    python -m analysis.studies.plateau --scale cifar10 --data-dir D

On the line from the initial to the trained weights of the ResNet-50 of
arXiv:1906.10732 the loss hardly changes until t = 0.65; a perceptron of three layers
loses half of it by t = 0.2. This trains a network with depth, residual sums, batch
norm, many classes and weight decay, the same network without one of them, and a plain
one, and measures the t at which half of the cross-entropy's fall has happened. Layers
are dense, on cifar10 convolutions. The table of expectations (set before anything was
measured), a figure and the numbers go to WORKDIR/plateau-<scale>/; finished runs are
read back, interrupted ones resume. CPU time: digits and blobs 3 minutes each, cifar10
half an hour.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from typing import Any

from analysis.studies import study
from analysis.studies.plateau.config import Config
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
    from analysis.studies.plateau import scales
    from train.jobs import checks

    scale = scale or scales.of(config)
    root = scales.root_of(config)
    seeds = range(scale.num_seeds)
    checks.check(
        [scales.settings(scale, root, n, s) for n in scales.NETWORKS for s in seeds]
    )
    from analysis.studies.claims import verdict_table
    from analysis.studies.plateau import claims, figures, runs
    from landscape.figures import attempt

    measured = runs.measure(config, scale)
    judged = claims.claims(measured)
    text = f"{verdict_table(judged)}\n{claims.sentence(measured)}"
    result = study.write(config, measured, judged, {"claims.txt": text})
    with attempt(config.folder / "figures"):
        figures.save(config.folder, measured, config.format)
    return result | {"text": text}


def main(config: Config) -> None:
    """Runs the study; prints the verdicts, the folder and what to try next."""
    result = run(config)
    from analysis import path
    from analysis.studies.plateau import claims, scales

    name = f"{result['root']}/{scales.WHOLE}/seed-0"
    study.report(
        config,
        result["text"],
        claims.NOTES,
        ["figure.png", "claims.txt"],
        path.command_line(path.Config(f"{name}@init", name)),
        study.differences(scales.full(config), scales.of(config)),
    )


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
