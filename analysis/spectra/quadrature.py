"""Stochastic Lanczos quadrature, probe by probe; `density` joins the probes.

For a random unit vector z the measure sum_i (v_i . z)^2 delta(eigenvalue_i) has the
spectral density (1/n) sum_i delta(eigenvalue_i) as its mean, and m steps of Lanczos
from z give its Gauss quadrature: m nodes and weights, exact for polynomials up to
degree 2 m - 1 (Golub and Welsch 1969; Lin, Saad and Yang 2016).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.stats import chi2

from analysis.spectra import lanczos
from analysis.spectra.eigenpairs import Eigenpairs
from analysis.spectra.linear_operator import LinearOperator
from landscape.backend import on_cpu
from landscape.errors import InputError

AT_ONCE = 10
"""Steps of one compiled loop between two reports."""


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


def probe_quadratures(
    op: LinearOperator,
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

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.array([0.0, 4.0])))
    >>> key = jax.random.key(0)
    >>> (found,) = probe_quadratures(op, key=key, num_steps=2, num_probes=1)
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
    if not steps or first >= num_probes:
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
    states = tridiagonalise_each(
        op, vectors, steps, vmap=vmap, report=so_far, **options
    )
    for state in states:
        ritz = lanczos.ritz(state, known)
        yield Quadrature(ritz.values, ritz.vectors[0] ** 2, ritz.bounds)


def tridiagonalise_each(
    op: LinearOperator,
    vectors: Iterable[jax.Array],
    num_steps: int,
    *,
    vmap: bool | None = None,
    report: Callable[[int], None] = lambda done: None,
    **options: Any,
) -> Iterator[lanczos.State]:
    """One finished state for each start, without its basis.

    Args:
      vectors: starts; taken one by one when they are run in turn.
      vmap: together, in one program that holds all bases; default: on accelerators,
        where products loop well.
      report: is told of the steps done so far, all starts together.
      options: as in `lanczos.start`.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.arange(4.0)))
    >>> states = tridiagonalise_each(op, jax.numpy.eye(4)[:2] + 1, 2)
    >>> [int(state.step) for state in states]
    [2, 2]
    """
    if vmap is None:
        vmap = op.scannable and not on_cpu()
    if not vmap:
        for i, vector in enumerate(vectors):
            state, done = lanczos.start(op, vector, num_steps, **options), 0
            while done < num_steps and not bool(state.broken):
                count = min(AT_ONCE if op.scannable else 1, num_steps - done)
                state = lanczos.advance(op, state, count, overwrite=True)
                done += count
                report(i * num_steps + done)
            report((i + 1) * num_steps)
            yield state._replace(basis=())
        return
    if not op.scannable:
        raise InputError("products of this operator do not run together: vmap=False.")
    states = [lanczos.start(op, vector, num_steps, **options) for vector in vectors]
    first = int(states[0].step)
    states = jax.tree.map(lambda *x: jax.numpy.stack(x), *states)
    states = _together(op, states, first + num_steps)._replace(basis=())
    lanczos.check_finite(states)
    report(len(states.step) * num_steps)
    for i in range(len(states.step)):
        yield jax.tree.map(lambda x, i=i: x[i], states)


@jax.jit
def _together(op, states, until):
    return jax.vmap(lanczos.run_until, (None, 0, None))(op, states, until)


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
