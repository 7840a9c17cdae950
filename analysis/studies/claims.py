"""A table of claims: in words, our number, the paper's, and whether it holds."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from landscape.tables import format_table, spread


class Claim(NamedTuple):
    """One claim of a paper, measured.

    Attributes:
      name: its short name, as C1.1.
      words: the claim in words, with the threshold it is judged by.
      ours: our number for each seed, in the order of the seeds.
      paper: the paper's number or words; "" if it gives none.
      holds: whether it holds; None where nothing is claimed, only reported.
      held: for each seed whether it holds there, of a claim judged seed by seed.
    """

    name: str
    words: str
    ours: Sequence[float]
    paper: str
    holds: bool | None
    held: Sequence[bool] | None = None


def judged(
    name: str,
    words: str,
    paper: str,
    values: Sequence[float],
    holds: Callable[[float], bool] | None = None,
) -> Claim:
    """A claim that holds if it holds for every seed; only reported without `holds`.

    >>> judged("C1.7", "no barrier (<= 0.05)", "0", [0.0, 0.1], lambda v: v <= 0.05)[4:]
    (False, [True, False])
    """
    if holds is None:
        return Claim(name, words, values, paper, None)
    held = [bool(holds(value)) for value in values]
    return Claim(name, words, values, paper, all(held), held)


def verdict(holds: bool | None) -> str:
    """The word for an outcome."""
    return {True: "holds", False: "DOES NOT HOLD", None: "reported"}[holds]


def _seeds(claim: Claim) -> str:
    if claim.held is None:
        return str(len(claim.ours))
    return f"{sum(claim.held)} of {len(claim.held)}"


def verdict_table(claims: Sequence[Claim]) -> str:
    """The claims as a table, and in one line how many of them hold."""
    rows = [
        [
            claim.name,
            claim.words,
            spread(claim.ours),
            _seeds(claim),
            claim.paper or "-",
            verdict(claim.holds),
        ]
        for claim in claims
    ]
    judged = [claim for claim in claims if claim.holds is not None]
    table = format_table(["", "claim", "ours", "seeds", "paper", "verdict"], rows)
    kept = sum(bool(claim.holds) for claim in judged)
    return f"{table}\n\n{kept} of {len(judged)} claims hold."
