"""Table 1 of paper 3: outliers by each counter."""

from analysis import spectra
from analysis.studies.hessian.claims import count
from analysis.studies.hessian.measurements import known
from analysis.studies.hessian.runs import Measured
from landscape.tables import format_table


def table_one(measured: Measured) -> str:
    """The rows of table 1: of the first seed, the mean eigenvalue and the counts."""
    rows = []
    for group, networks in measured.blobs.items():
        for k, seeds in networks.items():
            found, many = seeds[0], int(k)
            top = found["largest"]
            # A count among what has not converged is none.
            converged = known(found, "largest")
            gap = spectra.largest_gap(top)[0] if converged else "-"
            elbow = spectra.elbow(top)[0] if converged else "-"
            ratio = count(found, many)
            rows.append([
                group, f"{found['size']}", k, f"{found['mean']:.3g}",
                f"{gap}", "-" if ratio is None else f"{ratio}", f"{elbow}",
                f"{top[0]:.3g}",
                f"{found['train_loss']:.2g}",
            ])  # fmt: skip
    header = ["training", "parameters", "k", "mean", "gap", "ratio", "elbow", "l1"]
    return format_table([*header, "training loss"], rows)
