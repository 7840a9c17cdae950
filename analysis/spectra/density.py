"""The spectral density of a symmetric operator by stochastic Lanczos quadrature.

The mean over probes of the quadratures that `quadrature` finds. Nothing is
smoothed: curves for a figure are `analysis.spectra.smoothing`'s.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from analysis.spectra.eigenpairs import Eigenpairs
from analysis.spectra.linear_operator import LinearOperator
from analysis.spectra.quadrature import Quadrature, probe_quadratures, sharpened


class Density(NamedTuple):
    """A spectral density: one weighted spectrum a probe, and their mean.

    Attributes:
      nodes: [probes, m], float64, ascending in each probe.
      weights: [probes, m], non-negative, each row of sum 1. Nodes of weight 0 fill the
        row of a probe whose Krylov space was exhausted early.
      raw: [probes, m], the weights of the plain quadrature.
      single: [probes, m], True for nodes that are one eigenvalue each: their weight is
        1/n, whatever the probe's overlap was.
      size: n.
      products: products with the operator.
    """

    nodes: np.ndarray
    weights: np.ndarray
    raw: np.ndarray
    single: np.ndarray
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
    sharpen: bool = True,
) -> Density:
    """The spectral density of `op`, with its spread over probes.

    A Ritz value whose residual bound tells it from all others is an eigenvalue, and its
    weight is 1/n; the plain quadrature gives it a random one of that mean and a
    relative deviation of sqrt(2). With `sharpen` such weights are replaced and the rest
    of the probe's is rescaled, unless the overlaps of all probes say that the
    eigenvalue is multiple (beyond the 99.9 % of a chi-squared distribution).

    Args:
      op: a symmetric operator.
      key: probe i is a function of it and of i alone: uniform on the sphere.
      num_steps: of Lanczos a probe, one product each; at most the operator's size.
      num_probes: independent starts.
      pairs: eigenpairs that are known: converged ones are taken out of all probes, kept
        out, and put back at their places with weight 1/n each. The rest of the density
        is the bulk's.
      reorthogonalise: as in `lanczos.start`; with "none" ghosts take a share of their
        eigenvalue's weight, and nothing is sharpened.
      vmap: all probes together, which takes the memory of all bases; default: in turn
        on a CPU and where products loop badly, together elsewhere.
      sharpen: False for the plain quadrature.

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
    sharpen = sharpen and reorthogonalise == "full"
    return density_from_probes(op, list(found), pairs, sharpen)


def density_from_probes(
    op: LinearOperator,
    found: Sequence[Quadrature],
    pairs: Eigenpairs | None = None,
    sharpen: bool = True,
) -> Density:
    """The density that the probes of `op` give; arguments as in `spectral_density`.

    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.array([0.0, 4.0])))
    >>> found = probe_quadratures(op, key=jax.random.key(0), num_steps=2, num_probes=3)
    >>> density_from_probes(op, list(found)).weights.tolist()
    [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]
    """
    size = op.size
    stems = np.zeros(0) if pairs is None else pairs.values[pairs.converged]
    if not found:
        nodes = np.sort(stems)[None]
        weights = np.full_like(nodes, 1 / size)
        return Density(nodes, weights, weights, weights > 0, size, 0)
    raw = [each.weights for each in found]
    weights, single = raw, [np.zeros(len(w), bool) for w in raw]
    if sharpen:
        noise = float(jax.numpy.finfo(op.dtype).eps)
        weights, single = sharpened(found, size - len(stems), 10 * noise)
    products = sum(len(w) for w in raw)
    parts = (stems, [each.nodes for each in found], weights, raw, single)
    return Density(*_rows(*parts, size), size, products)


def _rows(stems, nodes, weights, raw, single, size) -> tuple[np.ndarray, ...]:
    """Rows of one length with the known eigenvalues put back."""
    length, share = max(map(len, nodes)), 1 - len(stems) / size
    count = len(nodes), len(stems)

    def rows(parts, known, fill):
        filled = [np.pad(p, (0, length - len(p)), **fill) for p in parts]
        return np.concatenate([np.stack(filled), np.broadcast_to(known, count)], 1)

    at = rows(nodes, stems, {"mode": "edge"})
    columns = (
        rows([share * w for w in weights], 1 / size, {}),
        rows([share * w for w in raw], 1 / size, {}),
        rows(single, True, {}),
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
    """The sum of all eigenvalues; with few probes `trace_estimates` does better.

    >>> nodes = np.array([[0.0, 2.0], [0.0, 4.0]])
    >>> density = Density(nodes, np.full((2, 2), 0.5), *(None,) * 2, 10, 4)
    >>> trace(density).value
    15.0
    """
    return Estimate(*(density.size * x for x in moment(density, 1)))


def fraction_below(density: Density, tol: float) -> Estimate:
    """The share of eigenvalues of magnitude at most `tol`.

    A node stands for the mass around it: shares are good to the weight of one node.

    >>> nodes = np.array([[0.0, 2.0], [0.0, 4.0]])
    >>> density = Density(nodes, np.full((2, 2), 0.5), *(None,) * 2, 10, 4)
    >>> fraction_below(density, 0.1).value
    0.5
    """
    return expectation(density, lambda nodes: np.abs(nodes) <= tol)


def fraction_bounds(density: Density, tol: float) -> tuple[float, float]:
    """What the quadrature leaves open of `fraction_below`: at least, and at most.

    Of each probe's measure: below a node lies at least the weight of the nodes before
    it, and at most its own as well (Chebyshev, Markov and Stieltjes; Szego 1975,
    section 3.41). So the outermost nodes within `tol` may stand for mass beyond it, and
    the next ones outside for mass within. Means over probes; the spread over probes
    (`fraction_below`) comes on top.

    >>> nodes = np.array([[-1.0, -0.1, 0.0, 0.1, 1.0]])
    >>> density = Density(nodes, np.full((1, 5), 0.2), *(None,) * 2, 10, 5)
    >>> [round(share, 6) for share in fraction_bounds(density, 0.5)]
    [0.2, 1.0]
    """
    bounds = []
    for nodes, weights in zip(density.nodes, density.weights, strict=True):
        real = weights > 0  # Others only fill up a row.
        nodes, weights = nodes[real], weights[real]
        first, last = np.searchsorted(nodes, [-tol, tol], "left")
        last += int(last < len(nodes) and nodes[last] == tol)
        inside = weights[first:last]
        ends = weights[max(first - 1, 0) : last + 1].sum()
        bounds.append((inside[1:-1].sum(), ends))
    low, high = np.mean(bounds, axis=0)
    return float(low), float(min(high, 1.0))
