"""Stochastic Lanczos quadrature of each probe; `density` averages over probes.

For a random unit vector z the measure sum_i (v_i . z)^2 delta(eigenvalue_i) has the
spectral density (1/n) sum_i delta(eigenvalue_i) as its mean, and m steps of Lanczos
from z give its Gauss quadrature: m nodes and weights, exact for polynomials up to
degree 2 m - 1 (Golub and Welsch 1969; Lin, Saad and Yang 2016).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from analysis.spectra import lanczos
from analysis.spectra.eigenpairs import Eigenpairs
from analysis.spectra.linear_operator import LinearOperator, check_operator
from landscape.backend import on_cpu
from landscape.errors import InputError

STEPS_PER_CALL = 10
"""Of one compiled loop, between two reports."""


class Quadrature(NamedTuple):
    """The quadrature of one probe's measure; float64.

    Attributes:
      nodes: [m], ascending.
      weights: [m], non-negative, of sum 1.
      bounds: [m], distance of the node within which an eigenvalue lies.
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
    report: Callable[[int], None] = lambda done: None,
) -> Iterator[Quadrature]:
    """The quadratures of the probes `first`, `first` + 1, ..., `num_probes` - 1.

    Probe i is a function of `key` and of i alone, so that an interrupted run can resume
    with the first probe that it lacks.

    Args:
      op, key, num_steps, num_probes, pairs, reorthogonalise, vmap: as in
        `density.spectral_density`, with the same errors.
      first: index of the first probe to run.
      report: is called with the number of steps so far, those before `first` included.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.array([0.0, 4.0])))
    >>> key = jax.random.key(0)
    >>> (found,) = probe_quadratures(op, key=key, num_steps=2, num_probes=1)
    >>> abs(found.nodes.round(3)).tolist()
    [0.0, 4.0]
    """
    check_operator(op)
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

    locked = None if pairs is None else pairs.vectors[np.flatnonzero(pairs.converged)]
    states = tridiagonalise_each(
        op, vectors, steps, vmap=vmap, reorthogonalise=reorthogonalise, locked=locked,
        report=lambda done: report(first * steps + done),
    )  # fmt: skip
    for state in states:
        ritz = lanczos.ritz(state, known)
        yield Quadrature(ritz.values, ritz.vectors[0] ** 2, ritz.bounds)


def tridiagonalise_each(
    op: LinearOperator,
    vectors: Iterable[jax.Array],
    num_steps: int,
    *,
    vmap: bool | None = None,
    reorthogonalise: str = "full",
    locked: ArrayLike | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Iterator[lanczos.State]:
    """The state after `num_steps` steps from each start, without its basis.

    Args:
      op: a symmetric operator.
      vectors: starts [n]; sequential runs take the next one when they need it.
      num_steps: for each start; fewer after a breakdown.
      vmap: all starts in one program, which holds all bases; default: on accelerators,
        if the operator is scannable.
      reorthogonalise, locked: as in `lanczos.start`.
      report: is called with the number of steps so far, of all starts.

    Raises:
      InputError: vmap of an operator that is not scannable, or as in `lanczos.start`.
      RunFailure: a product is not finite.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.arange(4.0)))
    >>> states = tridiagonalise_each(op, jax.numpy.eye(4)[:2] + 1, 2)
    >>> [int(state.step) for state in states]
    [2, 2]
    """
    if vmap is None:
        vmap = op.scannable and not on_cpu()
    options = {"reorthogonalise": reorthogonalise, "locked": locked}
    if not vmap:
        for i, vector in enumerate(vectors):
            state, done = lanczos.start(op, vector, num_steps, **options), 0
            while done < num_steps and not bool(state.breakdown):
                count = min(STEPS_PER_CALL if op.scannable else 1, num_steps - done)
                state = lanczos.advance(op, state, count, overwrite=True)
                if locked is None:
                    lanczos.check_symmetric(state)
                done += count
                report(i * num_steps + done)
            report((i + 1) * num_steps)
            yield state._replace(basis=())
        return
    if not op.scannable:
        raise InputError("this operator is not scannable, which vmap=True needs.")
    states = [lanczos.start(op, vector, num_steps, **options) for vector in vectors]
    first = int(states[0].step)
    states = jax.tree.map(lambda *x: jax.numpy.stack(x), *states)
    states = _vmapped(op, states, first + num_steps)._replace(basis=())
    lanczos.check_finite(states)
    if locked is None:
        lanczos.check_symmetric(states)
    report(len(states.step) * num_steps)
    for i in range(len(states.step)):
        yield jax.tree.map(lambda x, i=i: x[i], states)


@jax.jit
def _vmapped(op, states, until):
    return jax.vmap(lanczos.run_until, (None, 0, None))(op, states, until)
