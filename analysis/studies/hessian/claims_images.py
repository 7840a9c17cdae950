"""Checks C3.8 to C3.13 of paper 3: networks on images."""

import numpy as np

from analysis.studies.claims import Claim, judged
from analysis.studies.hessian.measurements import known
from analysis.studies.hessian.runs import Measured

NOT_CONVERGED = "a largest eigenvalue has not converged"


def on_images(measured: Measured) -> list[Claim]:
    """Of the width, the size of batches, and the two phases; see `claims`."""
    return [*_widths(measured), *_batches(measured), *_phases(measured)]


def _widths(measured: Measured) -> list[Claim]:
    """C3.8 over 30 hidden units and more, C3.9 over 20 and more."""
    wide = [found for h, found in measured.widths.items() if int(h) >= 30]
    claims = []
    if len(wide) > 1:
        tops = np.array([[found["largest"][:10] for found in seeds] for seeds in wide])
        off = np.abs(tops / tops.mean(0) - 1).max((0, 2)).tolist()
        above = np.array(
            [[np.sum(np.array(f["largest"]) > 0.1 * f["largest"][0]) for f in seeds]
             for seeds in wide]
        )  # fmt: skip
        changes = np.ptp(above, axis=0).tolist()
        # Of one seed in all widths.
        for i, seeds in enumerate(zip(*wide, strict=True)):
            if not all(known(found, "largest") for found in seeds):
                off[i] = changes[i] = None
        claims += [
            judged(
                "C3.8",
                "the right edge does not move with width: l1 ... l10 within 35 % of"
                " their mean",
                "0.13",
                off,
                lambda value: value <= 0.35,
                NOT_CONVERGED,
            ),
            judged(
                "C3.8n",
                "and its shape: number above 0.1 l1 changes by at most 2",
                "1",
                changes,
                lambda value: value <= 2,
                NOT_CONVERGED,
            ),
        ]
    counted = {
        h: [found["negative"] for found in seeds if "negative" in found]
        for h, seeds in measured.widths.items()
        if int(h) >= 20
    }
    counted = {h: found for h, found in counted.items() if found}
    if len(counted) > 1:
        # Large ones are counted for the first seed alone.
        seeds = min(map(len, counted.values()))
        fractions = np.array([each[:seeds] for each in counted.values()])
        claims += [
            judged(
                "C3.9",
                "the fraction of negative eigenvalues is constant (range <= 20 % of the"
                f" mean; {', '.join(counted)} units)",
                "0.09",
                (np.ptp(fractions, axis=0) / fractions.mean(0)).tolist(),
                lambda value: value <= 0.2,
            ),
            judged(
                "-", "that fraction (widest counted)", "0.012", fractions[-1].tolist()
            ),
        ]
    return claims


def _batches(measured: Measured) -> list[Claim]:
    """C3.11 and C3.12, at each learning rate."""
    found = []
    for rate, sizes in measured.batches.items():
        small, large = (sizes[size] for size in sorted(sizes, key=int))
        pairs = list(zip(small, large, strict=True))
        tops = [lb["largest"][0] / sb["largest"][0] for sb, lb in pairs]
        ends = [_quotient(sb, lb) for sb, lb in pairs]
        words = f"LB ends sharper at rate {rate}: mean of l1(LB) / l1(SB) > 1"
        found += [
            Claim("C3.11", words, tops, "4.0", bool(np.mean(tops) > 1)),
            judged(
                "C3.12",
                f"SB's edge is more negative at rate {rate} (min SB / min LB >= 1.5)",
                "4.9",
                ends,
                lambda value: value >= 1.5,
                "a smallest eigenvalue has not converged, or is zero within its error",
            ),
        ]
    return found


def _quotient(small: dict, large: dict) -> float | None:
    """Of the smallest eigenvalues; None unless both are known, and not zero."""
    for found in (small, large):
        error = found.get("smallest_errors", [0.0])[0]
        if not known(found, "smallest", 1) or abs(found["smallest"][0]) <= error:
            return None
    return small["smallest"][0] / large["smallest"][0]


def _phases(measured: Measured) -> list[Claim]:
    """C3.13, on each data set."""
    return [
        claim
        for name, seeds in measured.phases.items()
        for claim in _two_phases(name, seeds)
    ]


def _two_phases(name: str, seeds: list[dict]) -> list[Claim]:
    jumps = [found["peak"] / found["before"] for found in seeds]
    over, outside = [], []
    for found in seeds:
        ts, loss = np.array(found["ts"]), np.array(found["train_loss"])
        ends = [float(loss[np.isclose(ts, end)][0]) for end in (0, 1)]
        inside = loss[(ts > -1e-9) & (ts < 1 + 1e-9)].max()
        over.append(float(inside - 1.05 * max(ends)))
        outside.append(float(loss[0] / loss[-1]))
    return [
        judged(
            "C3.13",
            f"{name}, large to small batches: the training loss jumps (>= 10 times)",
            "86",
            jumps,
            lambda value: value >= 10,
        ),
        judged(
            "C3.13b",
            "the line has no barrier (its highest - 1.05 x the higher end <= 1e-3)",
            "<= 0",
            over,
            lambda value: value <= 1e-3,
        ),
        judged(
            "C3.13s",
            "and rises more beyond LB than beyond SB (loss at -1 / loss at 2 > 1)",
            "1800",
            outside,
            lambda value: value > 1,
        ),
        judged(
            "-",
            "and test accuracy changes by (points)",
            "+1.2",
            [100 * (_at(found, 1) - _at(found, 0)) for found in seeds],
        ),
    ]


def _at(found: dict, t: float) -> float:
    """The test accuracy on the line at t."""
    return float(np.array(found["test_accuracy"])[np.isclose(found["ts"], t)][0])
