"""Sparse training by every method, and the published LeNet-5 table, claim by claim.

    python -m analysis.studies.gradient_flow
    python -m analysis.studies.gradient_flow --scale mnist --data-dir D --published
    python -m analysis.studies.gradient_flow --scale mnist --data-dir D
    python -m analysis.studies.gradient_flow --scale mnist --data-dir D --sweep

Gradient Flow in Sparse Neural Networks (Evci et al. 2020, arXiv:2010.03533), with RigL
(arXiv:1911.11134). Trains five networks of every row of the table: accuracy, accuracy
of the five together, how far they disagree with each other and with the pruned network
whose mask they have, the published numbers beside ours; the gradient at initialisation,
the Hessian around a mask update, another training from a static solution; with --sweep
all methods at 80 to 99 %. Prints checks C4.1 to C4.17; tables, figures and the numbers
behind them go to WORKDIR/gradient-flow-<scale>/, and table.txt there grows with every
row. What is finished is read back, what is interrupted resumes. mnist: 90 seconds of
CPU a network, 26 networks with --published, 66 without, and half an hour for Hessians.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from typing import Any

from analysis.studies import study
from analysis.studies.gradient_flow.config import Config
from landscape.cli import activity, launch, parse


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
    from analysis.studies.gradient_flow import scales, trainings

    scale = scale or scales.of(config)
    trainings.check(config, scale)
    from analysis.studies.claims import verdict_table

    with activity("loading JAX"):
        from analysis.studies.gradient_flow import claims, figures, runs, text
        from landscape.figures import attempt

    measured = runs.measure(config, scale)
    judged = claims.claims(measured)
    printed = "\n\n".join([verdict_table(judged), *text.tables(measured)])
    result = study.write(config, measured, judged, {"claims.txt": printed})
    with attempt(config.folder / "figures"):
        figures.save(config.folder, measured, config.scale, config.format)
    return result | {"text": printed}


def main(config: Config) -> None:
    """Runs the study; prints the verdicts, the folder and what to try next."""
    result = run(config)
    from analysis.studies.gradient_flow import scales, text

    study.report(
        config,
        result["text"],
        text.notes(result),
        ["*.png", "claims.txt"],
        text.following(result["compared"]),
        study.differences(scales.full(config), scales.of(config)),
    )


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
