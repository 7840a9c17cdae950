"""Reference laws against sampled matrices."""

import numpy as np
import pytest
from scipy.integrate import quad

from analysis.spectra import random_matrices as laws
from landscape.errors import InputError


def covariance(rows, columns, spikes=(), variance=1.0, seed=0):
    """Eigenvalues of (1/N) X X^T, ascending."""
    scales = np.ones(rows)
    scales[: len(spikes)] = np.sqrt(spikes)
    x = np.random.default_rng(seed).standard_normal((rows, columns))
    x *= scales[:, None] * np.sqrt(variance)
    return np.linalg.eigvalsh(x @ x.T / columns)


@pytest.mark.parametrize("rows, columns", [(200, 800), (300, 300), (600, 200)])
def test_marchenko_and_pastur_is_the_law_of_a_sampled_covariance(rows, columns):
    alpha, variance = rows / columns, 2.5
    values = covariance(rows, columns, variance=variance)
    low, high = laws.marchenko_pastur_edges(alpha, variance)
    unit = laws.largest_fluctuation(alpha, rows, variance)
    # In units, the Tracy-Widom law has mean -1.2 and standard deviation 1.3.
    assert -6 < (values[-1] - high) / unit < 4
    assert values[values > 1e-9].min() > low - 6 * unit
    at = np.linspace(-0.1, 1.1 * high, 40)
    fractions = (values[:, None] <= at + 1e-9).mean(0)
    got = laws.marchenko_pastur_cdf(at, alpha, variance)
    assert np.abs(got - fractions).max() < 3 / np.sqrt(rows * columns) * np.sqrt(rows)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 3.0])
def test_density_and_distribution_belong_together(alpha):
    low, high = laws.marchenko_pastur_edges(alpha, 0.7)
    density = lambda x: laws.marchenko_pastur_density(x, alpha, 0.7)  # noqa: E731
    atom = max(0, 1 - 1 / alpha)
    for at in np.linspace(low, high, 5)[1:]:
        want = atom + quad(density, low, at, limit=200)[0]
        np.testing.assert_allclose(
            laws.marchenko_pastur_cdf(at, alpha, 0.7), want, atol=1e-6
        )
    mean = quad(lambda x: x * density(x), low, high)[0]
    np.testing.assert_allclose(mean, 0.7, rtol=1e-6)
    outside = np.array([-1, low / 2, high * 1.01])
    assert not laws.marchenko_pastur_density(outside, alpha, 0.7).any()


def test_the_distribution_of_square_matrices_begins_like_a_root():
    # With alpha = 1 the density goes like 1 / sqrt(x): 2 sqrt(x) / pi below x.
    at = np.array([1e-300, 1e-20, 1e-12, 1e-8, 1e-4])
    got = laws.marchenko_pastur_cdf(at, 1.0)
    np.testing.assert_allclose(got, 2 * np.sqrt(at) / np.pi, rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize("rows, columns", [(150, 300), (300, 150)])
def test_a_spike_shows_where_it_should_and_not_below_the_threshold(rows, columns):
    alpha = rows / columns
    for spike in (1 + 0.5 * np.sqrt(alpha), 3 + 2 * np.sqrt(alpha), 20.0):
        want = laws.spiked_outlier(spike, alpha)
        tops = [covariance(rows, columns, [spike], seed=s)[-1] for s in range(4)]
        np.testing.assert_allclose(np.mean(tops), want, rtol=0.12)
    # At the threshold the outlier is born at the edge.
    edge = laws.marchenko_pastur_edges(alpha)[1]
    np.testing.assert_allclose(
        laws.spiked_outlier([0.5, 1 + np.sqrt(alpha) + 1e-9], alpha), edge, rtol=1e-6
    )


@pytest.mark.parametrize("alpha, variance", [(0, 1), (1, -1)])
def test_what_is_not_positive_is_refused(alpha, variance):
    with pytest.raises(InputError, match="must be positive"):
        laws.marchenko_pastur_edges(alpha, variance)
