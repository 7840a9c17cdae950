"""Means over a density: two stated errors hold the exact value, or it is exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.spectra import estimates, linear_operator
from analysis.spectra.density import Density, density_from_probes, spectral_density
from analysis.spectra.eigenpairs import top_eigenpairs
from analysis.spectra.quadrature import SKETCH, Quadrature

KEYS = 100
COVERED = KEYS * 0.9 - 3 * np.sqrt(KEYS * 0.9 * 0.1)
"""Three standard deviations of a binomial count with the promised probability."""


def quadratures(values, times, resolved, num_probes, draw):
    """Of random starts, as Lanczos gives them of few distinct values: exact.

    Args:
      values, times: [d], the eigenvalues and their multiplicities.
      resolved: [d], whether their Ritz vectors are known to be exact.
    """
    size, found = sum(times), []
    ends = np.cumsum(times)[:-1]
    signs = draw.choice([-1.0, 1.0], (size, SKETCH)) / np.sqrt(SKETCH)
    for _ in range(num_probes):
        start = draw.normal(size=size)
        start /= np.linalg.norm(start)
        masses = [part @ part for part in np.split(start, ends)]
        parts = zip(np.split(start, ends), np.split(signs, ends), strict=True)
        sketches = [part @ rows / np.linalg.norm(part) for part, rows in parts]
        bounds = np.where(resolved, 0.0, np.ptp(values))
        each = np.asarray(values), np.array(masses), bounds, np.array(sketches)
        found.append(Quadrature(*each))
    return found


BULK = np.linspace(-1, 1, 57)
SPECTRA = {
    "single": ([0, 5], [39, 1], [True, True]),
    "double": ([0, 5], [78, 2], [True, True]),
    "triple": ([0, 2, 5], [34, 3, 3], [True] * 3),
    "five times": ([0, 2, 5], [30, 5, 5], [True] * 3),
    "ten times": ([0, 5], [70, 10], [True, True]),
    "outliers, bulk": (
        np.r_[BULK, 12, 30, 40], [1] * 60, np.r_[BULK > 9, True, False, True],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("num_probes", [1, 10])
def test_two_errors_cover_in_nine_of_ten_keys(name, num_probes):
    values, times, resolved = (np.asarray(x) for x in SPECTRA[name])
    op = linear_operator.from_function(lambda x: x, int(times.sum()))
    draw = np.random.default_rng(len(name))
    functions = {
        "trace": (estimates.trace, times @ values),
        "square": (lambda d: estimates.moment(d, 2), times @ values**2 / op.size),
        "near zero": (
            lambda d: estimates.fraction_below(d, 0.1),
            times @ (abs(values) <= 0.1) / op.size,
        ),
    }
    off = {function: [] for function in functions}
    for _ in range(KEYS):
        found = quadratures(values, times, resolved, num_probes, draw)
        density = density_from_probes(op, found)
        for function, (call, exact) in functions.items():
            got = call(density)
            # Rounding of sums of float64.
            rounding = 1e-12 * abs(exact)
            off[function].append(
                (got.value - exact) / max(2 * got.error, rounding or 1e-12)
            )
    for function, ratios in off.items():
        assert np.sum(np.abs(ratios) <= 1) >= COVERED, function
        if (
            num_probes == 10
            and max(times[values != 0]) < 10
            and name != "outliers, bulk"
        ):
            assert np.max(np.abs(ratios)) <= 1, "exact"


def test_a_double_eigenvalue_among_zeros_is_counted_twice():
    op = linear_operator.from_matrix(np.diag(np.r_[5.0, 5.0, np.zeros(78)]))
    for seed in range(3):
        density = spectral_density(op, key=jax.random.key(seed))
        got = estimates.trace(density)
        np.testing.assert_allclose(got.value, 10, rtol=1e-5)
        assert got.error < 1e-5
        assert estimates.fraction_bounds(density, 0.1) == pytest.approx((0.975, 0.975))


def test_a_regression_of_two_outputs_has_each_eigenvalue_twice():
    x = np.random.default_rng(0).normal(size=(500, 120)) * np.arange(1, 121) ** -0.5
    hessian = np.kron(np.eye(2), x.T @ x / 500)
    op, covered = linear_operator.from_matrix(hessian), []
    for seed in range(6):
        density = spectral_density(op, key=jax.random.key(seed), num_steps=40)
        got = estimates.trace(density)
        covered.append(abs(got.value - np.trace(hessian)) <= 2 * got.error)
        known = (density.isolated * density.weights).sum(1) * 240 / 2
        np.testing.assert_allclose(known, known[0].round(), rtol=1e-9)
        assert known[0] >= 5
    # All but two of six: .9^6 + ... = .98, and .02 with the coverage of .2 of before.
    assert sum(covered) >= 4


def test_a_density_of_all_eigenvalues_has_no_error():
    values = np.arange(4.0)[None]
    weights = np.full((1, 4), 0.25)
    whole = Density(values, weights, weights, weights > 0, 4, 4)
    assert estimates.trace(whole).value == 6 and estimates.trace(whole).error == 0


def test_all_eigenvalues_of_zero_are_near_zero():
    op = linear_operator.from_matrix(np.zeros((20, 20)))
    pairs = top_eigenpairs(op, 3, key=jax.random.key(0))
    density = spectral_density(op, key=jax.random.key(1), num_probes=2, pairs=pairs)
    assert estimates.fraction_bounds(density, 0.0) == pytest.approx((1, 1))
    assert estimates.fraction_below(density, 0.0).error < 1e-9


def test_a_weight_of_rounding_does_not_decide_the_error():
    nodes = np.array([[-5.0, 0.0, 1e-4]])
    weights = np.array([[1e-26, 0.5, 0.5]])
    density = Density(nodes, weights, weights, weights < 0, 100, 3, 0 * nodes)
    without = density._replace(nodes=nodes[:, 1:], bounds=0 * nodes[:, 1:])
    parts = {name: weights[:, 1:] for name in ("weights", "raw")}
    without = without._replace(isolated=weights[:, 1:] < 0, **parts)
    for call in (estimates.trace, lambda d: estimates.fraction_below(d, 1e-3)):
        got, want = call(density), call(without)
        assert got.error <= want.error + 1e-9


def test_the_error_is_that_of_a_start_on_the_sphere():
    """Var z^T A z = 2/(n + 2) (mean of squares - square of the mean) of eigenvalues."""
    values = np.linspace(-1, 1, 200)
    weights = np.full((1, 200), 1 / 200)
    plain = Density(values[None], weights, weights, weights < 0, 200, 200)
    exact = np.sqrt(2 / 202 * np.mean(values**2))
    np.testing.assert_allclose(estimates.moment(plain, 1).error, exact, rtol=1e-9)
    z = np.random.default_rng(0).normal(size=(4000, 200))
    samples = (z**2 @ values) / (z**2).sum(1)
    # Of 4,000 samples the deviation varies by 1 / sqrt(8,000), or 1.1 %.
    np.testing.assert_allclose(samples.std(), exact, rtol=0.05)


@pytest.mark.parametrize("tol", [0.3, 0.55, 0.95])
def test_error_bounds_of_nodes_tighten_those_of_a_fraction(tol):
    with jax.enable_x64(True):
        values = jnp.r_[jnp.zeros(10), jnp.full(5, 0.5), 1.0, 2.0]
        op = linear_operator.from_matrix(jnp.diag(values))
        density = spectral_density(
            op, key=jax.random.key(0), num_steps=4, num_probes=1, exact_weights=False
        )
    low, high = estimates.fraction_bounds(density, tol)
    loose = estimates.fraction_bounds(density._replace(bounds=None), tol)
    inside = density.weights[np.abs(density.nodes) <= tol].sum()
    assert loose[0] < low <= high < loose[1] and high - low < 1e-6
    assert low - 1e-12 <= inside <= high + 1e-12
