"""The Difficulty of Training Sparse Neural Networks (arXiv:1906.10732), claim by claim.

    python -m analysis.studies.difficulty
    python -m analysis.studies.difficulty --scale mnist --data-dir D
    python -m analysis.studies.difficulty --scale mnist --data-dir D --model lenet5 \
--num-examples 10000
    python -m analysis.studies.difficulty --scale cifar10 --data-dir D
    python -m analysis.studies.difficulty --scale cifar10-full --data-dir D

Trains pruned, lottery and scratch networks, evaluates the straight lines and trained
Bezier curves between them, trains dense networks from initial weights that are mostly
zero, and prints checks C1.1 to C1.10 with the paper's own numbers beside ours. Figures
1 and 3 to 8 of the paper, with its curves (ResNet-50 on ImageNet) drawn thin, and the
numbers behind them go to WORKDIR/difficulty-<scale>/. Finished runs and paths are read
back, interrupted ones resume. On cifar10 the first seed's lines are compared for the
three kinds of statistics of batch norm. digits: about 5 minutes on 2 cores; mnist:
about an hour; cifar10 (ResNet-8, 10,000 images): about 3 hours, 2 with --num-seeds 2;
cifar10-full (ResNet-20, one seed): days on a CPU, hours on a GPU.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from typing import Any

from analysis.studies import study
from analysis.studies.difficulty.config import Config
from landscape.cli import launch, parse


@study.one_process
def run(config: Config, scale: Any = None) -> dict[str, Any]:
    """Measures and judges, writes the folder, and returns the content of result.json.

    Args:
      config: the command's flags.
      scale: a `scales.Scale`; default: the one that the flags name.

    Raises:
      InputError: the data set is not there, a setting does not fit it, or another
        process runs the study.
    """
    from analysis.studies.difficulty import scales, trainings

    scale = scale or scales.of(config)
    if config.num_examples:
        scale = scale._replace(num_examples=config.num_examples)
    trainings.check(scale, scales.root_of(config, scale), scale.num_examples)
    from analysis.studies.claims import verdict_table
    from analysis.studies.difficulty import claims, figures, runs
    from landscape.figures import attempt

    with study.few_optimisations(config.quick):
        measured = runs.measure(config, scale)
    judged = claims.claims(measured)
    table = verdict_table(judged)
    result = study.write(config, measured, judged, {"claims.txt": table})
    with attempt(config.folder / "figures"):
        figures.save(config.folder, measured, config.format)
    return result | {"table": table}


def main(config: Config) -> None:
    """Runs the study; prints the verdicts, the folder and what to try next."""
    result = run(config)
    from analysis import surface
    from analysis.studies.difficulty import claims, scales

    high = f"{max(map(float, result['sparsities_used'])):g}"
    folder = f"{result['root']}/sparsity-{high}/seed-0"
    runs = tuple(f"{folder}/{name}" for name in ("pruned", "lottery", "scratch"))
    num_examples = config.num_examples or scales.of(config).num_examples
    plane = surface.Config(runs, num_examples=num_examples)
    study.report(
        config,
        result["table"],
        claims.NOTES,
        ["figure*.png", "claims.txt"],
        surface.command_line(plane),
        study.differences(scales.full(config), scales.of(config)),
    )


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
