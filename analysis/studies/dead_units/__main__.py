"""Detecting Dead Weights and Units in Neural Networks, claim by claim.

    python -m analysis.studies.dead_units
    python -m analysis.studies.dead_units --scale mnist --data-dir D
    python -m analysis.studies.dead_units --scale mnist --data-dir D --shrink

Utku Evci's thesis (arXiv:1806.06068). Trains small networks, compares scores of weights
and of units with what their removal does to the loss, counts dead units over training,
replaces units by their means, and makes networks smaller; prints checks C2.1 to C2.10,
and what joins the papers: dead units and the Hessian's mass at zero (U1), in networks
of one mask (U2), and on the paths between them (U3). Figures and the numbers behind
them go to WORKDIR/dead-units-<scale>/. Finished parts are read back. digits: 5 minutes
on 2 cores; mnist: an hour, with --shrink an hour and a half.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

from typing import Any

from analysis.studies import study
from analysis.studies.dead_units.config import Config
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
    from analysis.studies.dead_units import scales, trainings

    scale = scale or scales.of(config)
    trainings.check(config, scale)
    from analysis.studies.claims import verdict_table

    with activity("loading JAX"):
        from analysis.studies.dead_units import claims, figures, runs, text
        from landscape.figures import attempt

    measured = runs.measure(config, scale)
    judged = claims.claims(measured)
    tables = [verdict_table(judged), *text.tables(measured)]
    printed = "\n\n".join(tables)
    result = study.write(config, measured, judged, {"claims.txt": printed})
    with attempt(config.folder / "figures"):
        figures.save(config.folder, measured, config.format)
    return result | {"text": printed}


def main(config: Config) -> None:
    """Runs the study; prints the verdicts, the folder and what to try next."""
    result = run(config)
    from analysis.studies.dead_units import scales, text

    study.report(
        config,
        result["text"],
        text.NOTES,
        ["*.png", "claims.txt"],
        text.following(result["example"]),
        study.differences(scales.full(config), scales.of(config)),
    )


if __name__ == "__main__":
    launch(lambda: main(parse(Config, __doc__)))
