"""A table of claims: in words, our number, the paper's, and whether it holds."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from landscape.tables import format_table, spread


class Claim(NamedTuple):
    """One claim of a paper, measured.

    Attributes:
      name: its short name, as C1.1.
      words: the claim in words, with the threshold it is judged by.
      ours: our number for each seed, in the order of the seeds; None where it is not
        known.
      paper: the paper's number or words; "" if it gives none.
      holds: whether it holds; None where it is not decided, or nothing is claimed and
        the number only reported.
      held: for each seed whether it holds there, of a claim judged seed by seed.
      reason: why it is not decided; else "".
    """

    name: str
    words: str
    ours: Sequence[float | None]
    paper: str
    holds: bool | None
    held: Sequence[bool | None] | None = None
    reason: str = ""


def judged(
    name: str,
    words: str,
    paper: str,
    values: Sequence[float | None],
    holds: Callable[[float], bool] | None = None,
    reason: str = "the number is not known for every seed",
) -> Claim:
    """A claim that holds if it holds for every seed; only reported without `holds`.

    A value that is None or NaN is not known: unless the claim fails for another seed,
    it is not decided, for this `reason`.

    >>> judged("C1.7", "no barrier (<= 0.05)", "0", [0.0, 0.1], lambda v: v <= 0.05)[4:]
    (False, [True, False], '')
    >>> judged("C3.1", "k outliers", "", [1.0, None], lambda v: v == 1, "no edge")[4:]
    (None, [True, None], 'no edge')
    """
    if holds is None:
        return Claim(name, words, values, paper, None)
    held = [None if _unknown(value) else bool(holds(value)) for value in values]
    if None in held and False not in held:
        return Claim(name, words, values, paper, None, held, reason)
    return Claim(name, words, values, paper, all(held), held)


def verdict(claim: Claim) -> str:
    """The word for an outcome."""
    if claim.reason:
        return "not decided"
    return {True: "holds", False: "DOES NOT HOLD", None: "reported"}[claim.holds]


def _unknown(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _seeds(claim: Claim) -> str:
    if claim.held is None:
        return str(len(claim.ours))
    return f"{sum(map(bool, claim.held))} of {len(claim.held)}"


def _ours(claim: Claim) -> str:
    known = [value for value in claim.ours if value is not None]
    missing = len(claim.ours) - len(known)
    return spread(known) + (f", {missing} not known" if missing and known else "")


def verdict_table(claims: Sequence[Claim]) -> str:
    """The claims as a table, how many hold, and why the others are not decided."""
    rows = [
        [
            claim.name,
            claim.words,
            _ours(claim),
            _seeds(claim),
            claim.paper or "-",
            verdict(claim),
        ]
        for claim in claims
    ]
    judged = [claim for claim in claims if claim.holds is not None]
    table = format_table(["", "claim", "ours", "seeds", "paper", "verdict"], rows)
    kept = sum(bool(claim.holds) for claim in judged)
    lines = [f"{kept} of {len(judged)} claims hold."]
    lines += [f"{c.name} is not decided: {c.reason}." for c in claims if c.reason]
    return f"{table}\n\n" + "\n".join(lines)
