"""Stochastic Lanczos quadrature of each probe; `density` averages over probes.

For a random unit vector z the measure sum_i (v_i . z)^2 delta(eigenvalue_i) has the
spectral density (1/n) sum_i delta(eigenvalue_i) as its mean, and m steps of Lanczos
from z give its Gauss quadrature: m nodes and weights, exact for polynomials up to
degree 2 m - 1 (Golub and Welsch 1969; Lin, Saad and Yang 2016).
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import jax
import numpy as np
from jax.typing import ArrayLike

from analysis.spectra import lanczos, storage
from analysis.spectra.basis import dot
from analysis.spectra.eigenpairs import Eigenpairs
from analysis.spectra.linear_operator import LinearOperator, check_operator
from analysis.spectra.recurrence import State, run_until
from analysis.spectra.ritz_values import ritz
from landscape import rng
from landscape.arrays import check_integer, check_key
from landscape.errors import InputError
from landscape.machine.backend import on_cpu
from landscape.one_line import one_line

STEPS_PER_CALL = 10
"""Of one compiled loop, between two reports."""

SKETCH = 32
"""Numbers that stand for a Ritz vector: its inner products with random signs."""


class Quadrature(NamedTuple):
    """The quadrature of one probe's measure; float64.

    Attributes:
      nodes: [m], ascending.
      weights: [m], non-negative, of sum 1.
      bounds: [m], distance of the node within which an eigenvalue lies.
      sketches: [m, SKETCH], float64: random projections of the unit Ritz vectors, the
        same ones for all probes, so that their angles remain; zeros for one probe and
        without re-orthogonalisation. They tell how many dimensions the vectors of
        several probes span, which is the multiplicity of an eigenvalue.
    """

    nodes: np.ndarray
    weights: np.ndarray
    bounds: np.ndarray
    sketches: np.ndarray

    __repr__ = one_line


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
    check_key(key)
    check_integer(num_steps, "num_steps")
    check_integer(num_probes, "num_probes")
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
        rng.normal(jax.random.fold_in(key, i), (op.size,), op.dtype)
        for i in range(first, num_probes)
    )

    locked = None if pairs is None else pairs.vectors[np.flatnonzero(pairs.converged)]
    # One probe alone has nothing to compare its Ritz vectors with.
    sketch_key = jax.random.fold_in(key, zlib.crc32(b"sketches of Ritz vectors"))
    states = tridiagonalise_each(
        op, vectors, steps, vmap=vmap, reorthogonalise=reorthogonalise, locked=locked,
        report=lambda done: report(first * steps + done),
        sketch_key=sketch_key if num_probes > 1 else None,
    )  # fmt: skip
    for state, sketch in states:
        found = ritz(state, known)
        rows = np.asarray(sketch, np.float64)[known : known + len(found.values)]
        sketches = found.vectors.T @ rows
        yield Quadrature(found.values, found.vectors[0] ** 2, found.bounds, sketches)


def tridiagonalise_each(
    op: LinearOperator,
    vectors: Iterable[jax.Array],
    num_steps: int,
    *,
    vmap: bool | None = None,
    reorthogonalise: str = "full",
    locked: ArrayLike | None = None,
    report: Callable[[int], None] = lambda done: None,
    sketch_key: jax.Array | None = None,
) -> Iterator[tuple[State, jax.Array]]:
    """The state after `num_steps` steps from each start, with a sketch for its basis.

    The sketch is [rows, SKETCH], the inner products of the basis' rows with random
    signs over sqrt(SKETCH); zeros without a basis or a key.

    Args:
      op: a symmetric operator.
      vectors: starts [n]; sequential runs take the next one when they need it.
      num_steps: for each start; fewer after a breakdown.
      vmap: all starts in one program, which holds all bases; default: on accelerators,
        if the operator is scannable and its vectors are whole on each device.
      reorthogonalise, locked: as in `lanczos.start`.
      report: is called with the number of steps so far, of all starts.
      sketch_key: of the signs; None for no sketch.

    Raises:
      InputError: vmap of an operator that is not scannable, or as in `lanczos.start`.
      RunFailure: a product is not finite.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.arange(4.0)))
    >>> states = tridiagonalise_each(op, jax.numpy.eye(4)[:2] + 1, 2)
    >>> [int(state.step) for state, _ in states]
    [2, 2]
    """
    if vmap is None:
        vmap = op.scannable and not on_cpu() and not storage.is_apart(op)
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
            sketch = _sketch(state, sketch_key)
            yield state._replace(basis=()), sketch
        return
    if not op.scannable:
        raise InputError("this operator is not scannable, which vmap=True needs.")
    states = [lanczos.start(op, vector, num_steps, **options) for vector in vectors]
    first = int(states[0].step)
    states = jax.tree.map(lambda *x: jax.numpy.stack(x), *states)
    found = _vmapped(op, states, first + num_steps, sketch_key)
    lanczos.check_finite(found[0])
    if locked is None:
        lanczos.check_symmetric(found[0])
    report(len(found[0].step) * num_steps)
    for i in range(len(found[0].step)):
        yield jax.tree.map(lambda x, i=i: x[i], found)


@jax.jit
def _vmapped(op, states, until, key):
    states = jax.vmap(run_until, (None, 0, None))(op, states, until)
    sketches = jax.vmap(_sketch, (0, None))(states, key)
    return states._replace(basis=()), sketches


@jax.jit
def _sketch(state: State, key: jax.Array | None) -> jax.Array:
    """The basis' rows times random signs: see `tridiagonalise_each`."""
    if not state.basis or key is None:
        return jax.numpy.zeros((len(state.alphas), SKETCH))
    bits = rng.bits(key, state.current.shape)

    # A few at a time: all the signs would take as much memory as that many vectors.
    def some(shifts):
        signs = 2 * (bits >> shifts[:, None] & 1).astype(state.current.dtype) - 1
        return jax.numpy.concatenate([dot(rows, signs.T) for rows in state.basis])

    shifts = jax.numpy.arange(SKETCH, dtype="uint32").reshape(-1, SKETCH // 4)
    parts = jax.lax.map(some, shifts)
    return jax.numpy.concatenate(list(parts), 1) / SKETCH**0.5
