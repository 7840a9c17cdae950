"""Eigenvalues that a search has missed: copies of multiple ones, near neighbours.

A Krylov space holds one vector of each eigenspace, and a Ritz value may stay between
two near eigenvalues. After convergence a new random start, orthogonal to the pairs
found, looks for values beyond the last of them; what it finds joins.
"""

from typing import NamedTuple

import jax
import numpy as np

from analysis.spectra import lanczos
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.rayleigh_ritz import Goal, Search, rayleigh_ritz
from analysis.spectra.ritz_values import ritz
from analysis.spectra.thick_restart import continued, locked, random_vector

LOOK = 25
"""Most products of one look."""

STRIDE = 5
"""Products between two glances at what a look has found."""

ENOUGH = 1e-4
"""A look ends early once it has missed something with this probability at most."""


class Ends(NamedTuple):
    """The open interval between the values sought: what lies outside is missed."""

    low: float
    high: float


def completed(
    op: LinearOperator,
    found: Search,
    goal: Goal,
    max_products: int,
    key: jax.Array,
    *,
    verify: bool,
) -> tuple[Search, float]:
    """The search with what it had missed, and the probability that it misses more.

    Args:
      op: a symmetric operator.
      found: the search so far.
      goal: what is sought.
      max_products: of the search; those of looks, at most `LOOK` each, are not counted.
      key: of the random starts.
      verify: False: only after a breakdown, in which copies are certain to be hidden,
        is there a look.
    """
    looks = 0
    while True:
        if int(found.state.step) >= op.size:
            return found, 0.0
        broken = bool(found.state.breakdown)
        short = len(found.selected) < goal.num_pairs
        done = broken or (not short and found.converged(goal.tol).all())
        if not done or not (verify or broken or looks):
            return found, 1.0
        before = found.products
        found, probability = _look(op, found, goal, jax.random.fold_in(key, looks))
        looks += 1
        max_products += found.products - before
        limit = max_products
        if probability is not None:
            # A value may have been seen that is nearer than it seemed.
            limit = min(limit, found.products + LOOK)
        if probability is None or not found.converged(goal.tol).all():
            found = continued(
                op, goal, (found.state, found.head), found.others, found.products,
                limit,
            )  # fmt: skip
        if probability is not None:
            return found, probability


def _look(op, found, goal, key) -> tuple[Search, float | None]:
    """The search with a new start, and None as soon as something joins."""
    ends = _ends(found, goal)
    before = _beyond(found.values[found.selected], ends)
    short = len(found.selected) < goal.num_pairs
    rest = np.setdiff1d(np.arange(len(found.values)), found.selected)
    others = np.stack([found.values[rest], found.bounds[rest]])
    others = np.concatenate([found.others, others], axis=1)
    lowest, highest = found.values[[0, -1]]
    products = found.products
    state, head = locked(op, found, goal, random_vector(op, key))
    first = int(state.step)
    limit = min(goal.max_basis, op.size, first + LOOK)
    while True:
        step = int(state.step)
        count = min(STRIDE, limit - step)
        state = lanczos.advance(op, state, count, overwrite=True)
        products += int(state.step) - step
        found = rayleigh_ritz(state, head, goal, others, products)
        goal.report(int(found.converged(goal.tol).sum()), products)
        if short or _beyond(found.values, ends) > before:
            return found, None
        seen = ritz(state, first)
        lowest = min(lowest, seen.values[0] - seen.bounds[0])
        highest = max(highest, seen.values[-1] + seen.bounds[-1])
        steps, size = int(state.step) - first, op.size - first
        if bool(state.breakdown) or steps == size:
            # The start has a part along every eigenvalue, and all of them are seen.
            return found, 0.0
        missed = miss_probability(seen.values, ends, (lowest, highest), size, steps)
        if missed <= ENOUGH or int(state.step) >= limit:
            return found, missed


def _ends(found: Search, goal: Goal) -> Ends:
    """Between the last values sought of each end, except what tol lets pass."""
    values = found.values[found.selected]
    margin = np.maximum(goal.tol * np.abs(values), 100 * found.rounding())
    above, below = values + margin, values - margin
    if goal.which == "largest":
        return Ends(-np.inf, above[-1])
    if goal.which == "smallest":
        return Ends(below[0], np.inf)
    if goal.which == "both":
        half = -(-len(values) // 2)
        return Ends(below[min(half, len(values) - 1)], above[half - 1])
    edge = (np.abs(values) + margin).min()
    return Ends(-edge, edge)


def _beyond(values: np.ndarray, ends: Ends) -> int:
    return int(((values > ends.high) | (values < ends.low)).sum())


def miss_probability(
    seen: np.ndarray, ends: Ends, extent: tuple[float, float], size: int, steps: int
) -> float:
    """The probability that an eigenvalue outside of `ends` has not been seen.

    Of a random start in dimension n, the largest Ritz value after m steps is below the
    largest eigenvalue by more than the fraction e of the extent of the spectrum with
    probability at most 1.648 sqrt(n) exp(-(2 m - 1) sqrt(e)) (Kuczynski and
    Wozniakowski 1992). In a spectrum without a gap beyond the ends this is 1: nothing
    is known.

    Args:
      seen: the Ritz values of the start, ascending.
      ends: what is sought lies outside of this interval.
      extent: lowest and highest eigenvalue, about.
      size, steps: n and m.

    >>> seen, ends = np.array([0.0, 0.5]), Ends(-np.inf, 1.0)
    >>> round(miss_probability(seen, ends, (0, 1), 100, 9), 6)
    9.9e-05
    """
    lowest, highest = extent
    total = 0.0
    for gap, length in (
        (ends.high - seen[-1], ends.high - lowest),
        (seen[0] - ends.low, highest - ends.low),
    ):
        fraction = np.clip(gap / length, 0, 1) if np.isfinite(gap) else np.inf
        total += 1.648 * np.sqrt(size) * np.exp(-(2 * steps - 1) * np.sqrt(fraction))
    return float(min(total, 1.0))
