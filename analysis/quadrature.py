"""Stochastic Lanczos quadrature, probe by probe; `analysis.density` joins the probes.

For a random unit vector z the measure sum_i (v_i . z)^2 delta(eigenvalue_i) has the
spectral density (1/n) sum_i delta(eigenvalue_i) as its mean, and m steps of Lanczos
from z give its Gauss quadrature: m nodes and weights, exact for polynomials up to
degree 2 m - 1 (Golub and Welsch 1969; Lin, Saad and Yang 2016).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.stats import chi2

from analysis import lanczos
from analysis.eigenpairs import Eigenpairs
from landscape.errors import InputError


class Quadrature(NamedTuple):
    """The quadrature of one probe's measure; float64.

    Attributes:
      nodes: [m], ascending.
      weights: [m], non-negative, of sum 1.
      bounds: [m], an eigenvalue is within this distance of the node.
    """

    nodes: np.ndarray
    weights: np.ndarray
    bounds: np.ndarray


def probes(
    op: Any,
    *,
    key: jax.Array,
    num_steps: int = 80,
    num_probes: int = 10,
    pairs: Eigenpairs | None = None,
    reorthogonalise: str = "full",
    vmap: bool | None = None,
    first: int = 0,
    report: Callable[[int], None] | None = None,
) -> Iterator[Quadrature]:
    """The quadratures of the probes `first`, `first` + 1, ..., `num_probes` - 1.

    Probe i is a function of `key` and of i alone, so that probes found before a long
    run was cut short need not be found again.

    Args:
      op, key, num_steps, num_probes, pairs, reorthogonalise, vmap: as in
        `density.spectral_density`, with the same errors.
      first: the first probe wanted.
      report: is told of the steps of Lanczos done so far, those before `first` counted.

    >>> from analysis.symmetric import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.array([0.0, 4.0])))
    >>> (found,) = probes(op, key=jax.random.key(0), num_steps=2, num_probes=1)
    >>> abs(found.nodes.round(3)).tolist()
    [0.0, 4.0]
    """
    if num_probes < 1 or num_steps < 1:
        raise InputError(
            "num_steps and num_probes must be at least 1, not"
            f" {num_steps} and {num_probes}."
        )
    known = 0 if pairs is None else int(pairs.converged.sum())
    steps = min(num_steps, op.size - known)
    if not steps:
        return
    vectors = (
        jax.random.normal(jax.random.fold_in(key, i), (op.size,), op.dtype)
        for i in range(first, num_probes)
    )

    def so_far(done: int) -> None:
        if report is not None:
            report(first * steps + done)

    locked = None if pairs is None else pairs.vectors[np.flatnonzero(pairs.converged)]
    options = {"reorthogonalise": reorthogonalise, "locked": locked}
    states = lanczos.tridiagonalise_each(
        op, vectors, steps, vmap=vmap, report=so_far, **options
    )
    for state in states:
        ritz = lanczos.ritz(state, known)
        yield Quadrature(ritz.values, ritz.vectors[0] ** 2, ritz.bounds)


def sharpened(
    found: Sequence[Quadrature], size: int, noise: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights with those of single eigenvalues replaced by 1/size, and which these are.

    Args:
      found: of each probe.
      size: the number of eigenvalues that the probes stand for.
      noise: two nodes that differ by less of the largest are not told apart.
    """
    values = np.concatenate([each.nodes for each in found])
    bounds = np.concatenate([each.bounds for each in found])
    overlaps = size * np.concatenate([each.weights for each in found])
    bounds = bounds + noise * max(np.abs(values).max(), np.finfo(float).tiny)
    isolated = np.concatenate([_isolated(each) for each in found])
    single = np.zeros(len(values), bool)
    order = np.flatnonzero(isolated)[np.argsort(values[isolated], kind="stable")]
    # One eigenvalue as several probes see it: neighbours within their error bounds.
    apart = np.diff(values[order]) > bounds[order][1:] + bounds[order][:-1]
    for group in np.split(order, np.flatnonzero(apart) + 1):
        if len(group):
            limit = chi2.ppf(0.999, len(group))
            single[group] = overlaps[group].sum() <= limit
    ends = np.cumsum([len(each.nodes) for each in found])[:-1]
    flags = np.split(single, ends)
    pairs = zip(found, flags, strict=True)
    return [_replaced(each.weights, flag, size) for each, flag in pairs], flags


def _isolated(found: Quadrature) -> np.ndarray:
    """Whether each node's bound is a hundredth of its distance to the others."""
    distance = np.diff(found.nodes, prepend=-np.inf, append=np.inf)
    nearest = np.minimum(distance[1:], distance[:-1])
    return found.bounds <= 0.01 * nearest


def _replaced(weights, single, size) -> np.ndarray:
    rest = weights[~single].sum()
    left = 1 - single.sum() / size
    if single.all() and len(single) == size:
        return np.full(size, 1 / size)
    if not (rest > 0 and left > 0):
        return weights
    return np.where(single, 1 / size, weights * (left / rest))
