"""Checks C3.1 to C3.15 of paper 3, each as a claim that holds or does not.

A claim about networks holds if it holds for every seed; the table says for how many.
The thresholds were set before anything was measured here.
"""

import math
from collections.abc import Sequence
from typing import Any

from analysis import spectra
from analysis.studies.claims import Claim, judged
from analysis.studies.hessian.claims_2016 import in_the_plane, of_2016
from analysis.studies.hessian.claims_images import on_images
from analysis.studies.hessian.measurements import known
from analysis.studies.hessian.runs import Measured
from analysis.studies.hessian.scales import JUDGED

NOTES = """\
Numbers are mean +- standard deviation over seeds; l1 >= l2 >= ... are eigenvalues of
the Hessian of the cross-entropy over all training examples. H = G + R, G the
Gauss-Newton part. Near zero: below 1e-3 l1 in magnitude; negative: below -1e-5 l1.
Large and small batch (LB, SB): equal rates, equal numbers of steps. C3.5 to C3.7 and
C3.15 are computed in float64. S2, S4, S6: figures of Sagun, Bottou and LeCun (2016);
S2's patterns are Gaussian noise with random labels. F9: figure 9, N = 1,000 examples,
parameters over examples 0.2 and 1, and 1, 2 and 0.02."""


def claims(measured: Measured) -> list[Claim]:
    """All of them, in the order of the checks; see the module."""
    return [
        *_outlier_counts(measured),
        *_bulk(measured),
        *_parts(measured),
        *on_images(measured),
        *in_the_plane(measured),
        judged(
            "C3.15",
            "H by products is jax.hessian's, entry by entry (difference < 1e-8)",
            "",
            measured.products,
            lambda value: value < 1e-8,
        ),
        *of_2016(measured),
        Claim(
            "-",
            "largest training loss of the networks that are judged",
            [_worst_loss(measured)],
            "",
            None,
        ),
        *_unconverged(measured),
    ]


def by_ratio(largest: Sequence[float], k: int) -> int:
    """The count with the largest quotient of neighbours, from k/2 to 3k.

    >>> by_ratio([5.0, 4.0, 3.0, 0.1, 0.05, 0.04], 2)
    3
    """
    return spectra.largest_ratio(largest, (math.ceil(k / 2), 3 * k))[0]


def count(found: dict[str, Any], k: int) -> int | None:
    """The same of a network; None if one of the eigenvalues has not converged."""
    if not known(found, "largest", 3 * k + 1):
        return None
    return by_ratio(found["largest"], k)


NO_COUNT = "eigenvalues that are compared have not converged, so there is no count"


def _hits(group: dict[str, list[dict[str, Any]]], seed: int, keys) -> int | None:
    counts = {int(k): count(group[k][seed], int(k)) for k in keys}
    if None in counts.values():
        return None
    return sum(abs(found - k) <= 1 for k, found in counts.items())


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
            NO_COUNT,
        ),
        judged(
            "C3.2",
            f"the same with covariance 10: {words}",
            "4",
            [_hits(wide, seed, keys) for seed in seeds],
            lambda value: value >= enough,
            NO_COUNT,
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
            "but not at initialisation: |min| >= 0.2 l1 (least over k)",
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
        ("C3.5i", "but not at initialisation: |H - G| >= 0.3 |H|", "residual_start",
         min, lambda value: value >= 0.3),
        ("C3.6", "top-k eigenspaces of H and G coincide (squared cosine >= 0.95)",
         "overlap_end", min, lambda value: value >= 0.95),
        ("C3.6i", "but not at initialisation (squared cosine < 0.7)", "overlap_start",
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


def _unconverged(measured: Measured) -> list[Claim]:
    """The number of eigenvalues that figures and counts leave out, if there are any."""
    groups = (measured.blobs | measured.batches).values()
    every = [seeds for group in groups for seeds in group.values()]
    every += measured.widths.values()
    flags = [
        found.get(f"{end}_converged", [])
        for seeds in every
        for found in seeds
        for end in ("largest", "smallest")
    ]
    left_out = sum(not flag for each in flags for flag in each)
    words = "eigenvalues at the edges that have not converged: left out of the figures"
    return [Claim("-", words, [left_out], "", None)] if left_out else []


def _worst_loss(measured: Measured) -> float:
    keys = measured.near_zero
    blobs = [measured.blobs[name][k] for name in JUDGED for k in keys]
    rates = [f for sizes in measured.batches.values() for f in sizes.values()]
    every = [*blobs, *measured.widths.values(), *rates, *measured.small.values()]
    return max(found["train_loss"] for seeds in every for found in seeds)
