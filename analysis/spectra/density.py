"""The spectral density of a symmetric operator by stochastic Lanczos quadrature.

The mean over probes of the quadratures of `quadrature`. Nothing is smoothed: curves
for a figure are made in `smoothing`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from analysis.spectra.eigenpairs import Eigenpairs
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.point_masses import find_point_masses
from analysis.spectra.quadrature import Quadrature, probe_quadratures


class Density(NamedTuple):
    """A spectral density: one weighted spectrum for each probe, and their mean.

    Attributes:
      nodes: [probes, m], float64, ascending in each probe.
      weights: [probes, m], non-negative, each row of sum 1. Nodes of weight 0 fill the
        row of a probe whose breakdown came early.
      raw: [probes, m], the weights of the plain quadrature.
      isolated: [probes, m], True for nodes that are one isolated eigenvalue each, a
        point mass of weight 1/n, whatever the probe's overlap was.
      size: n.
      products: products with the operator.
    """

    nodes: np.ndarray
    weights: np.ndarray
    raw: np.ndarray
    isolated: np.ndarray
    size: int
    products: int


class Estimate(NamedTuple):
    """A mean over probes.

    Attributes:
      value: the mean.
      error: its standard error over probes; NaN for one probe.
      samples: [probes], each probe's own.
    """

    value: float
    error: float
    samples: np.ndarray


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
    plain quadrature gives it a random weight of mean 1/n and relative standard
    deviation sqrt(2); `exact_weights` gives it 1/n and rescales the probe's other
    weights, unless the eigenvalue appears to be multiple (see `point_masses`).

    Args:
      op: a symmetric operator.
      key: probe i is a function of it and of i alone: uniform on the sphere.
      num_steps: of Lanczos for each probe, one product each; at most n.
      num_probes: independent random starts.
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
    >>> round(trace(density).value, 3)
    8.0
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
    known = np.zeros(0) if pairs is None else pairs.values[pairs.converged]
    if not found:
        nodes = np.sort(known)[None]
        weights = np.full_like(nodes, 1 / size)
        return Density(nodes, weights, weights, weights > 0, size, 0)
    raw = [each.weights for each in found]
    weights, isolated = raw, [np.zeros(len(w), bool) for w in raw]
    if exact_weights:
        eps = float(jax.numpy.finfo(op.dtype).eps)
        weights, isolated = find_point_masses(found, size - len(known), 10 * eps)
    products = sum(len(w) for w in raw)
    parts = (known, [each.nodes for each in found], weights, raw, isolated)
    return Density(*_rows(*parts, size), size, products)


def _rows(known, nodes, weights, raw, isolated, size) -> tuple[np.ndarray, ...]:
    """Rows of one length, the known eigenvalues among them."""
    length, rest = max(map(len, nodes)), 1 - len(known) / size
    shape = len(nodes), len(known)

    def rows(parts, value, fill):
        filled = [np.pad(p, (0, length - len(p)), **fill) for p in parts]
        return np.concatenate([np.stack(filled), np.broadcast_to(value, shape)], 1)

    at = rows(nodes, known, {"mode": "edge"})
    columns = (
        rows([rest * w for w in weights], 1 / size, {}),
        rows([rest * w for w in raw], 1 / size, {}),
        rows(isolated, True, {}),
    )
    order = np.argsort(at, axis=1, kind="stable")
    return tuple(np.take_along_axis(x, order, 1) for x in (at, *columns))


def expectation(density: Density, function: Callable) -> Estimate:
    """The mean of `function(eigenvalue)` over the eigenvalues.

    >>> nodes = np.array([[0.0, 2.0], [0.0, 4.0]])
    >>> density = Density(nodes, np.full((2, 2), 0.5), *(None,) * 2, 10, 4)
    >>> expectation(density, np.square).value
    5.0
    """
    samples = (density.weights * function(density.nodes)).sum(1)
    count = len(samples)
    error = samples.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
    return Estimate(float(samples.mean()), float(error), samples)


def moment(density: Density, order: int) -> Estimate:
    """(1/n) tr A^order, the mean of eigenvalue^order.

    >>> nodes = np.array([[0.0, 2.0], [0.0, 4.0]])
    >>> density = Density(nodes, np.full((2, 2), 0.5), *(None,) * 2, 10, 4)
    >>> moment(density, 1).value
    1.5
    """
    return expectation(density, lambda nodes: nodes**order)


def trace(density: Density) -> Estimate:
    """The sum of all eigenvalues; `xtrace` needs fewer products for the same error.

    >>> nodes = np.array([[0.0, 2.0], [0.0, 4.0]])
    >>> density = Density(nodes, np.full((2, 2), 0.5), *(None,) * 2, 10, 4)
    >>> trace(density).value
    15.0
    """
    return Estimate(*(density.size * x for x in moment(density, 1)))


def fraction_below(density: Density, tol: float) -> Estimate:
    """The fraction of eigenvalues of magnitude at most `tol`.

    A node stands for the mass around it: the error is about the weight of one node.

    >>> nodes = np.array([[0.0, 2.0], [0.0, 4.0]])
    >>> density = Density(nodes, np.full((2, 2), 0.5), *(None,) * 2, 10, 4)
    >>> fraction_below(density, 0.1).value
    0.5
    """
    return expectation(density, lambda nodes: np.abs(nodes) <= tol)


def fraction_bounds(density: Density, tol: float) -> tuple[float, float]:
    """The smallest and largest `fraction_below` that the quadrature allows.

    Of each probe's measure, the mass below a node is at least the sum of the weights
    before it, and at most that sum with its own (Chebyshev, Markov and Stieltjes; Szego
    1975, section 3.41). So the outermost nodes within `tol` may stand for mass beyond
    it, and the next ones outside for mass within. Means over probes; the spread over
    probes (`fraction_below`) is an error beside these.

    >>> nodes = np.array([[-1.0, -0.1, 0.0, 0.1, 1.0]])
    >>> density = Density(nodes, np.full((1, 5), 0.2), *(None,) * 2, 10, 5)
    >>> [round(bound, 6) for bound in fraction_bounds(density, 0.5)]
    [0.2, 1.0]
    """
    bounds = []
    for nodes, weights in zip(density.nodes, density.weights, strict=True):
        used = weights > 0  # The others fill up a row.
        nodes, weights = nodes[used], weights[used]
        first, last = np.searchsorted(nodes, [-tol, tol], "left")
        last += int(last < len(nodes) and nodes[last] == tol)
        inside = weights[first:last]
        ends = weights[max(first - 1, 0) : last + 1].sum()
        bounds.append((inside[1:-1].sum(), ends))
    low, high = np.mean(bounds, axis=0)
    return float(low), float(min(high, 1.0))
