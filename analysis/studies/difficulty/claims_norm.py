"""What is reported of batch norm's statistics on lines of paper 1."""

import numpy as np

from analysis.studies.claims import Claim, judged
from analysis.studies.difficulty.path_numbers import half, total
from analysis.studies.difficulty.runs import Measured


def norm_modes(measured: Measured) -> list[Claim]:
    """Of the first seed at the highest sparsity; none without batch norm.

    The paper's are statistics of the batch.
    """
    high = measured.sparsities_used[-1]
    found = []
    for mode, lines in measured.norm_modes.items():
        what = f"{mode} statistics (first seed, at {high})"
        for name, start in (("ID-1", "dense"), ("IS-1", "lottery")):
            finite = np.isfinite(total(lines[name])).all()
            at = half(lines[name]) if finite else None
            words = f"{what}: half is lost from the {start} initialisation at t"
            found.append(judged("C1.8n", words, "", [at]))
        words = f"{what}: line from pruned to scratch, barrier"
        found.append(judged("C1.4n", words, "", [lines["linear"]["barrier"]]))
    return found
