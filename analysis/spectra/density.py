"""The spectral density of a symmetric operator by stochastic Lanczos quadrature.

The mean over probes of the quadratures of `quadrature`. Nothing is smoothed: curves
for a figure are made in `smoothing`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from analysis.spectra.eigenpairs import Eigenpairs
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.point_masses import find_point_masses
from analysis.spectra.quadrature import Quadrature, probe_quadratures
from landscape.one_line import one_line


class Density(NamedTuple):
    """A spectral density: one weighted spectrum for each probe, and their mean.

    Attributes:
      nodes: [probes, m], float64, ascending in each probe.
      weights: [probes, m], non-negative, each row of sum 1. Nodes of weight 0 fill the
        row of a probe whose breakdown came early.
      raw: [probes, m], the weights of the plain quadrature.
      isolated: [probes, m], True for nodes that are an isolated eigenvalue of known
        multiplicity r: a point mass of r/n, whatever the probe's overlap was. (Where a
        probe has several nodes within rounding, these have r/n together.)
      size: n.
      products: products with the operator.
      bounds: [probes, m], distance of the node within which an eigenvalue lies; None if
        it is not known.
    """

    nodes: np.ndarray
    weights: np.ndarray
    raw: np.ndarray
    isolated: np.ndarray
    size: int
    products: int
    bounds: np.ndarray | None = None

    __repr__ = one_line


def spectral_density(
    op: LinearOperator,
    *,
    key: jax.Array,
    num_steps: int = 80,
    num_probes: int = 10,
    pairs: Eigenpairs | None = None,
    reorthogonalise: str = "full",
    vmap: bool | None = None,
    exact_weights: bool = True,
) -> Density:
    """The spectral density of `op`, with its spread over probes.

    A Ritz value that its residual bound separates from all others is an eigenvalue. The
    plain quadrature gives one of multiplicity r a random weight of mean r/n and
    relative standard deviation sqrt(2/r). Where all probes resolve it, and there are
    more than r of them, their Ritz vectors tell what r is (see `point_masses`):
    `exact_weights` gives it r/n and rescales the probe's other weights.

    Args:
      op: a symmetric operator.
      key: probe i is a function of it and of i alone: uniform on the sphere.
      num_steps: of Lanczos for each probe, one product each; at most n.
      num_probes: independent random starts; multiplicities take two or more.
      pairs: known eigenpairs: the converged ones are deflated from all probes, and are
        nodes of weight 1/n each. The probes then see the bulk alone.
      reorthogonalise: as in `lanczos.start`; with "none" an eigenvalue's weight is
        divided among its ghosts, and no weight is replaced.
      vmap: vmapped probes take the memory of all bases; default: sequential on a CPU
        and where the operator is not scannable, else vmapped.
      exact_weights: False for the plain quadrature.

    Raises:
      InputError: counts below 1, or pairs without full re-orthogonalisation.
      RunFailure: a product is not finite.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.array([0.0, 0.0, 0.0, 8.0])))
    >>> density = spectral_density(op, key=jax.random.key(0), num_steps=2)
    >>> density.weights[0].round(4).tolist()
    [0.75, 0.25]
    """
    found = probe_quadratures(
        op, key=key, num_steps=num_steps, num_probes=num_probes, pairs=pairs,
        reorthogonalise=reorthogonalise, vmap=vmap,
    )  # fmt: skip
    exact_weights = exact_weights and reorthogonalise == "full"
    return density_from_probes(op, list(found), pairs, exact_weights)


def density_from_probes(
    op: LinearOperator,
    found: Sequence[Quadrature],
    pairs: Eigenpairs | None = None,
    exact_weights: bool = True,
) -> Density:
    """The density of the operator `op` out of the quadratures of its probes.

    Args:
      op: a symmetric operator.
      found: see `quadrature.probe_quadratures`.
      pairs, exact_weights: as in `spectral_density`.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.array([0.0, 4.0])))
    >>> found = probe_quadratures(op, key=jax.random.key(0), num_steps=2, num_probes=3)
    >>> density_from_probes(op, list(found)).weights.tolist()
    [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """
    size = op.size
    known, errors = np.zeros(0), np.zeros(0)
    if pairs is not None:
        known, errors = pairs.values[pairs.converged], pairs.errors[pairs.converged]
    if not found:
        order = np.argsort(known)
        nodes, weights = known[None, order], np.full((1, len(known)), 1 / size)
        bounds = errors[None, order]
        return Density(nodes, weights, weights, weights > 0, size, 0, bounds)
    raw = [each.weights for each in found]
    weights, isolated = raw, [np.zeros(len(w), bool) for w in raw]
    bounds = [each.bounds for each in found]
    if exact_weights:
        eps = float(jax.numpy.finfo(op.dtype).eps)
        noise = 10 * eps
        weights, isolated, bounds = find_point_masses(found, size - len(known), noise)
    products = sum(len(w) for w in raw)
    rest, each = 1 - len(known) / size, np.full(len(known), 1 / size)
    nodes = _rows([each.nodes for each in found], known, mode="edge")
    parts = (
        _rows([rest * w for w in weights], each),
        _rows([rest * w for w in raw], each),
        _rows(isolated, each > 0),
        _rows(bounds, errors),
    )
    order = np.argsort(nodes, axis=1, kind="stable")
    nodes, *parts = (np.take_along_axis(x, order, 1) for x in (nodes, *parts))
    return Density(nodes, *parts[:3], size, products, parts[3])


def _rows(parts, known, **options) -> np.ndarray:
    """Rows of one length, filled up, each with what is `known` after it."""
    length = max(map(len, parts))
    rows = np.stack([np.pad(p, (0, length - len(p)), **options) for p in parts])
    return np.concatenate([rows, np.tile(known, (len(rows), 1))], 1)
