"""Empirical Analysis of the Hessian of Over-Parametrized Neural Networks, by claim.

    python -m analysis.studies.hessian
    python -m analysis.studies.hessian --num-seeds 1
    python -m analysis.studies.hessian --scale mnist --data-dir D

Sagun, Evci, Guney, Dauphin and Bottou (arXiv:1706.04454). Trains small networks on
Gaussian blobs and on digits (or on 1,000 images of MNIST), finds the edges of their
Hessians' spectra, all eigenvalues where a claim needs them, the Gauss-Newton part, and
the line from a large-batch to a small-batch solution (with --scale mnist also of
AlexNet on 2,000 images of CIFAR-10); prints checks C3.1 to C3.15 with the paper's own
numbers beside ours, and those of Sagun, Bottou and LeCun (arXiv:1611.07476). Figures 1
to 9 with the paper's points drawn thin, three of 2016, the rows of table 1, and the
numbers behind them go to WORKDIR/hessian-<scale>/. Finished parts are read back.
digits: 10 minutes on 2 cores; mnist: an hour or two a seed.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from typing import Any

from analysis.studies import study
from analysis.studies.hessian.config import Config
from landscape.cli import activity, launch, parse


@study.one_process
def run(config: Config, scale: Any = None) -> dict[str, Any]:
    """Measures and judges, writes the folder, and returns the content of result.json.

    Args:
      config: the command's flags.
      scale: a `scales.Scale`; default: the one that the flags name.

    Raises:
      InputError: the data set is not there, or another process runs the study.
    """
    from analysis.studies.hessian import scales

    scale = scale or scales.of(config)
    if not (config.folder / study.RESULT).exists():
        scales.check(scale)
    from analysis.studies.claims import verdict_table

    with activity("loading JAX"):
        from analysis.studies.hessian import claims, figures, runs, table
        from landscape.figures import attempt

    measured = runs.measure(config, scale)
    judged = claims.claims(measured)
    verdicts = verdict_table(judged)
    texts = {"claims.txt": verdicts, "table1.txt": table.table_one(measured)}
    result = study.write(config, measured, judged, texts)
    with attempt(config.folder / "figures"):
        figures.save(config.folder, measured, config.format)
    return result | {"table": verdicts}


def main(config: Config) -> None:
    """Runs the study; prints the verdicts, the folder and what to try next."""
    result = run(config)
    from analysis import spectrum
    from analysis.programs.spectrum.text import command_line
    from analysis.studies.hessian import claims, scales

    study.report(
        config,
        result["table"],
        claims.NOTES,
        ["*.png", "claims.txt", "table1.txt"],
        command_line(spectrum.Config(result["example"], exact=True)),
        study.differences(scales.full(config), scales.of(config)),
    )


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
