"""Checks C3.1 to C3.15 of paper 3, each as a claim that holds or does not.

A claim about networks holds if it holds for every seed; the table says for how many.
The thresholds were set before anything was measured here.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analysis import outliers
from analysis.studies.hessian_runs import JUDGED, Measured
from analysis.verdicts import Claim

NOTES = """\
Numbers are mean +- standard deviation over seeds; l1 >= l2 >= ... are eigenvalues of
the Hessian of the cross-entropy over all training examples. H = G + R, G the
Gauss-Newton part. Near zero: below 1e-3 l1 in magnitude; negative: below -1e-5 l1.
Large and small batch (LB, SB): equal rates, equal numbers of steps. C3.5 to C3.7 and
C3.15 are computed in float64."""


def claims(measured: Measured) -> list[Claim]:
    """All of them, in the order of the checks; see the module."""
    return [
        *_outlier_counts(measured),
        *_bulk(measured),
        *_parts(measured),
        *_widths(measured),
        *_batches(measured),
        *_phases(measured),
        *_planar(measured),
        judged(
            "C3.15",
            "H by products is jax.hessian's, entry by entry (difference < 1e-8)",
            "",
            measured.products,
            lambda value: value < 1e-8,
        ),
        Claim(
            "-",
            "largest training loss of the networks that are judged",
            [_worst_loss(measured)],
            "",
            None,
        ),
    ]


def judged(name, words, paper, values: Sequence[float], holds: Callable) -> Claim:
    """A claim that is judged seed by seed."""
    held = [bool(holds(value)) for value in values]
    return Claim(name, words, values, paper, all(held), held)


def by_ratio(largest: Sequence[float], k: int) -> int:
    """The count with the largest quotient of neighbours, from k/2 to 3k.

    >>> by_ratio([5.0, 4.0, 3.0, 0.1, 0.05, 0.04], 2)
    3
    """
    return outliers.largest_ratio(largest, (math.ceil(k / 2), 3 * k))[0]


def _hits(group: dict[str, list[dict[str, Any]]], seed: int, keys) -> int:
    counts = [by_ratio(group[k][seed]["largest"], int(k)) - int(k) for k in keys]
    return sum(abs(count) <= 1 for count in counts)


def _outlier_counts(measured: Measured) -> list[Claim]:
    separable, wide = (measured.blobs[name] for name in JUDGED)
    keys = list(measured.near_zero)
    seeds = range(len(separable[keys[0]]))
    enough = 0.75 * len(keys)
    words = f"as many outliers as classes, +- 1 (number of k in {', '.join(keys)})"
    ratios = [
        min(
            wide[k][seed]["largest"][0] / separable[k][seed]["largest"][0] for k in keys
        )
        for seed in seeds
    ]
    tanh = measured.blobs["GD tanh, covariance 1"]
    return [
        judged(
            "C3.1",
            f"blobs, ReLU: {words}",
            "4",
            [_hits(separable, seed, keys) for seed in seeds],
            lambda value: value >= enough,
        ),
        judged(
            "C3.2",
            f"the same with covariance 10: {words}",
            "4",
            [_hits(wide, seed, keys) for seed in seeds],
            lambda value: value >= enough,
        ),
        judged(
            "C3.2l",
            "and there eigenvalues are larger: l1 at least 3 times (least over k)",
            "about 10",
            ratios,
            lambda value: value >= 3,
        ),
        Claim(
            "C3.3",
            "tanh shows no clean gap (number of k counted right)",
            [_hits(tanh, 0, keys)],
            "1",
            None,
        ),
    ]


def _bulk(measured: Measured) -> list[Claim]:
    """C3.4 and C3.10."""
    group = measured.blobs[JUDGED[0]]
    keys = list(measured.near_zero)
    seeds = range(len(group[keys[0]]))

    def edge(seed: int, prefix: str, choose) -> float:
        return choose(
            -group[k][seed][f"{prefix}smallest"][0]
            / group[k][seed][f"{prefix}largest"][0]
            for k in keys
        )

    return [
        judged(
            "C3.4",
            "most eigenvalues are near zero (>= 75 %; least over k)",
            "0.98",
            [min(measured.near_zero.values())],
            lambda value: value >= 0.75,
        ),
        judged(
            "C3.10",
            "negative ones are small: |min| <= 0.05 l1 (largest over k)",
            "0.0015",
            [edge(seed, "", max) for seed in seeds],
            lambda value: value <= 0.05,
        ),
        judged(
            "C3.10i",
            "but not at the start: |min| >= 0.2 l1 (least over k)",
            "0.55",
            [edge(seed, "initial_", min) for seed in seeds],
            lambda value: value >= 0.2,
        ),
    ]


def _parts(measured: Measured) -> list[Claim]:
    """C3.5 to C3.7."""
    networks = measured.small
    seeds = range(len(next(iter(networks.values()))))

    def each(choose, number) -> list[float]:
        return [choose(number(found[seed]) for found in networks.values())
                for seed in seeds]  # fmt: skip

    rows = [
        ("C3.5", "G dominates at the end: |H - G| <= 0.1 |H|", "residual_end",
         max, lambda value: value <= 0.1),
        ("C3.5i", "but not at the start: |H - G| >= 0.3 |H|", "residual_start",
         min, lambda value: value >= 0.3),
        ("C3.6", "top-k eigenspaces of H and G coincide (squared cosine >= 0.95)",
         "overlap_end", min, lambda value: value >= 0.95),
        ("C3.6i", "but not at the start (squared cosine < 0.7)", "overlap_start",
         max, lambda value: value < 0.7),
    ]  # fmt: skip
    return [
        *(
            judged(name, words, "", each(choose, lambda f, k=key: f[k]), holds)
            for name, words, key, choose, holds in rows
        ),
        judged(
            "C3.7",
            "rank of G <= N (k - 1) (quotient, largest over k)",
            "<= 1",
            each(max, lambda found: found["rank"] / found["bound"]),
            lambda value: value <= 1,
        ),
    ]


def _widths(measured: Measured) -> list[Claim]:
    """C3.8 over 30 hidden units and more, C3.9 over 20 and more."""
    wide = [found for h, found in measured.widths.items() if int(h) >= 30]
    counted = [
        [found["negative"] for found in seeds]
        for h, seeds in measured.widths.items()
        if int(h) >= 20 and all("negative" in found for found in seeds)
    ]
    if len(wide) < 2 or len(counted) < 2:
        return []
    tops = np.array([[found["largest"][:10] for found in seeds] for seeds in wide])
    off = np.abs(tops / tops.mean(0) - 1).max((0, 2))
    above = np.array(
        [[np.sum(np.array(f["largest"]) > 0.1 * f["largest"][0]) for f in seeds]
         for seeds in wide]
    )  # fmt: skip
    shares = np.array(counted)
    return [
        judged(
            "C3.8",
            "the right edge keeps its place with width: l1 ... l10 within 35 % of mean",
            "0.13",
            off.tolist(),
            lambda value: value <= 0.35,
        ),
        judged(
            "C3.8n",
            "and its shape: number above 0.1 l1 changes by at most 2",
            "1",
            np.ptp(above, axis=0).tolist(),
            lambda value: value <= 2,
        ),
        judged(
            "C3.9",
            "the share of negative eigenvalues keeps (range <= 20 % of the mean)",
            "0.09",
            (np.ptp(shares, axis=0) / shares.mean(0)).tolist(),
            lambda value: value <= 0.2,
        ),
        Claim(
            "-",
            "that share (widest network counted)",
            shares[-1].tolist(),
            "0.012",
            None,
        ),
    ]


def _batches(measured: Measured) -> list[Claim]:
    """C3.11 and C3.12, at each learning rate."""
    found = []
    for rate, sizes in measured.batches.items():
        small, large = (sizes[size] for size in sorted(sizes, key=int))
        pairs = list(zip(small, large, strict=True))
        tops = [lb["largest"][0] / sb["largest"][0] for sb, lb in pairs]
        ends = [sb["smallest"][0] / lb["smallest"][0] for sb, lb in pairs]
        words = f"LB ends sharper at rate {rate}: mean of l1(LB) / l1(SB) > 1"
        found += [
            Claim("C3.11", words, tops, "4.0", bool(np.mean(tops) > 1)),
            judged(
                "C3.12",
                f"SB's edge is more negative at rate {rate} (min SB / min LB >= 1.5)",
                "4.9",
                ends,
                lambda value: value >= 1.5,
            ),
        ]
    return found


def _phases(measured: Measured) -> list[Claim]:
    """C3.13."""
    phases = measured.phases
    jumps = [found["peak"] / found["before"] for found in phases]
    over, outside = [], []
    for found in phases:
        ts, loss = np.array(found["ts"]), np.array(found["train_loss"])
        ends = [float(loss[np.isclose(ts, end)][0]) for end in (0, 1)]
        inside = loss[(ts > -1e-9) & (ts < 1 + 1e-9)].max()
        over.append(float(inside - 1.05 * max(ends)))
        outside.append(float(loss[0] / loss[-1]))
    return [
        judged(
            "C3.13",
            "from large to small batches the training loss jumps (at least 10 times)",
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
    ]


def _planar(measured: Measured) -> list[Claim]:
    """C3.14."""
    values = {
        std: [found["values"] for found in seeds]
        for std, seeds in measured.planar.items()
    }
    growth = [
        wide[0] / narrow[0]
        for wide, narrow in zip(values["1"], values["0.2"], strict=True)
    ]
    return [
        judged(
            "C3.14",
            "two clusters in the plane: two outliers at deviation 0.2 (l2 / l3 >= 3)",
            "2 outliers",
            [found[1] / max(found[2], 1e-12) for found in values["0.2"]],
            lambda value: value >= 3,
        ),
        judged(
            "C3.14s",
            "l1 grows with the deviation, 0.2 to 1 (at least 10 times)",
            "77",
            growth,
            lambda value: value >= 10,
        ),
    ]


def _worst_loss(measured: Measured) -> float:
    keys = measured.near_zero
    blobs = [measured.blobs[name][k] for name in JUDGED for k in keys]
    rates = [f for sizes in measured.batches.values() for f in sizes.values()]
    every = [*blobs, *measured.widths.values(), *rates, *measured.small.values()]
    return max(found["train_loss"] for seeds in every for found in seeds)
