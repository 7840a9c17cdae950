"""Empirical Analysis of the Hessian of Over-Parametrized Neural Networks, by claim.

    python -m analysis.studies.hessian
    python -m analysis.studies.hessian --num-seeds 1
    python -m analysis.studies.hessian --scale mnist --data-dir D

Sagun, Evci, Guney, Dauphin and Bottou (arXiv:1706.04454). Trains small networks on
Gaussian blobs and on digits (or on 1,000 images of MNIST), finds the edges of their
Hessians' spectra, all eigenvalues where a claim needs them, the Gauss-Newton part, and
the line from a large-batch to a small-batch solution; prints checks C3.1 to C3.15 with
the paper's own numbers beside ours. Figures 1 to 8 of the paper with its points drawn
thin, the rows of its table 1, and the numbers behind them go to
WORKDIR/hessian-<scale>/. What was trained or measured before is read back. digits:
tens of minutes on 2 cores; mnist: some hours.
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
    """digits or mnist; the blobs are the same in both."""
    num_seeds: int | None = None
    """Default: 3."""
    data_dir: str | None = None
    """Where tfds keeps its prepared sets."""
    workdir: str = "runs/studies"
    """The folder of the runs and of the results."""
    quick: bool = False
    """A few steps of everything, to see that it works; the verdicts mean nothing."""

    def __post_init__(self):
        check_choice("scale", self.scale, SCALES)
        if self.num_seeds is not None and self.num_seeds < 1:
            raise InputError(f"--num-seeds must be at least 1, not {self.num_seeds}.")

    @property
    def folder(self) -> Path:
        """Where the results go."""
        quick = "-quick" if self.quick else ""
        return Path(self.workdir) / f"hessian-{self.scale}{quick}"


def run(config: Config) -> dict[str, Any]:
    """Does it all, writes the folder, and returns the content of result.json.

    Raises:
      InputError: the data set is not there.
    """
    from analysis.studies import hessian_claims, hessian_figures, hessian_runs
    from analysis.verdicts import verdict, verdict_table

    measured = hessian_runs.measure(config)
    claims = hessian_claims.claims(measured)
    table = verdict_table(claims)
    rows = hessian_claims.table_one(measured)
    result = {
        **asdict(config),
        "claims": [c._asdict() | {"verdict": verdict(c.holds)} for c in claims],
        **measured._asdict(),
    }
    hessian_figures.save(config.folder, measured)
    (config.folder / "claims.txt").write_text(table + "\n")
    (config.folder / "table1.txt").write_text(rows + "\n")
    (config.folder / "result.json").write_text(json.dumps(result) + "\n")
    return result | {"table": table}


def main_hessian(config: Config) -> None:
    """Runs the study; prints the verdicts, where things lie and what to try next."""
    from analysis.studies import hessian_claims

    result = run(config)
    print(f"{result['table']}\n")
    print(hessian_claims.NOTES)
    if config.quick:
        print("--quick: the networks are hardly trained, so the verdicts mean nothing.")
    print(
        f"\nWritten to {config.folder}: figure*.png, claims.txt, table1.txt,"
        " result.json"
    )
    print(f"Next: python -m analysis.spectrum {result['example']} --exact")


if __name__ == "__main__":
    main(lambda: main_hessian(parse(Config, __doc__)))
