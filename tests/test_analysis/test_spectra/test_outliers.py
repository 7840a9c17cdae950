"""Outlier counters on spectra with a known number of outliers."""

import jax
import numpy as np
import pytest

from analysis.spectra import linear_operator
from analysis.spectra.bulk import beyond_bulk
from analysis.spectra.density import spectral_density
from analysis.spectra.eigenpairs import top_eigenpairs
from analysis.spectra.outliers import elbow, largest_gap, largest_ratio
from landscape.errors import InputError


def covariance(rows, columns, spikes=(), seed=0):
    scales = np.ones(rows)
    scales[: len(spikes)] = np.sqrt(spikes)
    x = np.random.default_rng(seed).standard_normal((rows, columns)) * scales[:, None]
    return x @ x.T / columns


def constructed(count, size=200):
    """`count` large values, then a bulk that falls gently."""
    return np.concatenate([np.linspace(3, 2, count), np.linspace(0.2, 0, size - count)])


@pytest.mark.parametrize("counter", [largest_gap, largest_ratio, elbow])
@pytest.mark.parametrize("scale", [1.0, 1e-30])
@pytest.mark.parametrize("count", [1, 4, 10])
def test_a_clear_gap_is_found_by_every_counter(counter, scale, count):
    values = np.random.default_rng(0).permutation(scale * constructed(count))
    ranks = (1, 60)  # The smallest values of all have quotients without bound.
    got, threshold = counter(values, ranks)
    assert got == count and (values > threshold).sum() == count


def test_counters_differ_as_they_are_defined():
    values = [10.0, 6.0, 5.5, 1.0, 0.9, 0.1, 0.09]
    assert largest_gap(values)[0] == 3 and largest_ratio(values)[0] == 5
    assert largest_gap(values, (1, 2))[0] == 1
    # The chord falls by 9.91 / 6 a rank: the fourth point is farthest below it, by 4.0.
    assert elbow(values)[0] == 3


def test_quotients_of_noise_do_not_count():
    values = [1.0, 0.9, 0.3, 1e-9, 1e-19, -1e-20, -0.2]
    count, threshold = largest_ratio(values)
    assert count == 3 and 0 < threshold < 0.3


@pytest.mark.parametrize("rows, columns", [(150, 300), (200, 200), (300, 150)])
@pytest.mark.parametrize("count", [0, 1, 9])
def test_spikes_on_a_covariance_are_counted(rows, columns, count):
    for seed in range(3):
        values = np.linalg.eigvalsh(covariance(rows, columns, [9.0] * count, seed))
        bulk = beyond_bulk(values)
        assert abs(bulk.above - count) <= 1 and bulk.below == 0 and bulk.fits
        assert bulk.min_above <= count <= bulk.max_above
        assert abs(bulk.edges[1] / (1 + np.sqrt(rows / columns)) ** 2 - 1) < 0.1
        small = beyond_bulk(1e-30 * values)
        assert small[:4] == bulk[:4]
        np.testing.assert_allclose(small.edges, 1e-30 * np.array(bulk.edges), rtol=1e-6)


def test_spikes_on_a_symmetric_noise_are_counted_at_both_ends():
    noise = np.random.default_rng(1).standard_normal((200, 200))
    noise = (noise + noise.T) / np.sqrt(400)
    noise[:5, :5] += np.diag([4.0, 3.0, 3.0, -3.0, -4.0])
    bulk = beyond_bulk(np.linalg.eigvalsh(noise))
    assert (bulk.above, bulk.below, bulk.fits) == (3, 2, True)
    np.testing.assert_allclose(bulk.edges, [-2, 2], atol=0.15)


def test_a_density_counts_as_the_exact_spectrum_does():
    dense = covariance(150, 300, [7.0] * 5)
    op = linear_operator.from_matrix(dense)
    key = jax.random.key(0)
    pairs = top_eigenpairs(op, 8, key=key, which="largest", max_basis=64)
    exact = beyond_bulk(np.linalg.eigvalsh(dense))
    for known in (pairs, None):
        got = spectral_density(op, key=key, num_steps=56, num_probes=3, pairs=known)
        bulk = beyond_bulk(got)
        assert bulk.above == exact.above == 5 and bulk.min_above <= 5 <= bulk.max_above
        np.testing.assert_allclose(bulk.edges[1], exact.edges[1], rtol=0.05)


COUNTS = ("above", "below", "min_above", "max_above", "edges")


def tails(size):
    draw = np.random.default_rng(0)
    return {
        "power law": np.arange(1.0, size + 1) ** -2,
        "exponential": draw.exponential(size=size),
        "normal": draw.normal(size=size),
        "Student": draw.standard_t(3, size),
        "lognormal": np.exp(3 * draw.normal(size=size)),
    }


@pytest.mark.parametrize("size", [300, 2920])
@pytest.mark.parametrize("kind", tails(3))
def test_a_tail_without_an_edge_has_no_count(kind, size):
    """A fit leaves out a tenth of them, or another part: out of where it is begun."""
    bulk = beyond_bulk(tails(size)[kind])
    assert not bulk.fits
    assert [getattr(bulk, name) for name in COUNTS] == [None] * 5
    assert np.isfinite([bulk.mean, bulk.variance, bulk.third]).all()


def test_a_null_space_and_a_tail_down_to_rounding_have_no_count():
    """As an exact Gauss-Newton matrix: its edge is where rounding is said to be."""
    nonzero = np.logspace(-9, 0, 20)
    bulk = beyond_bulk(np.concatenate([np.zeros(280), nonzero]), 2e-6)
    assert not bulk.fits and bulk.above is None
    # Nonzero ones apart from rounding are as many as there are.
    bulk = beyond_bulk(np.concatenate([np.zeros(280), 1 + nonzero]), 2e-6)
    assert bulk.fits and bulk.above == 20


@pytest.mark.parametrize("num_probes", [1, 4])
def test_few_nodes_show_no_edge(num_probes):
    values = np.r_[np.zeros(150), np.arange(1, 151) ** -1.5]
    op = linear_operator.from_matrix(jax.numpy.diag(jax.numpy.asarray(values)))
    density = spectral_density(
        op, key=jax.random.key(0), num_steps=5, num_probes=num_probes
    )
    assert beyond_bulk(density, 2e-6).above is None


def test_a_density_of_a_tail_has_no_count():
    values = np.random.default_rng(0).exponential(size=300)
    op = linear_operator.from_matrix(np.diag(values))
    got = spectral_density(op, key=jax.random.key(0), num_steps=56, num_probes=3)
    assert beyond_bulk(got, 2e-6).above is None


@pytest.mark.parametrize("seed", range(40))
def test_the_count_lies_between_its_bounds(seed):
    tail = np.random.default_rng(seed).pareto(1 + seed / 10, 300)
    bulk = beyond_bulk(tail)
    assert not bulk.fits or bulk.min_above <= bulk.above <= bulk.max_above


def test_equal_eigenvalues_have_no_outlier():
    for values in (np.ones(20), np.zeros(20), np.full(7, 0.1)):
        assert beyond_bulk(values)[:4] == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: largest_gap([1.0]), "at least 2 eigenvalues, not 1"),
        (lambda: largest_gap([2.0, 1.0], (3, 5)), "ranks from 3 to 5"),
        (lambda: largest_ratio([-1.0, -2.0]), "positive"),
        (lambda: beyond_bulk([1.0, 2.0]), "at least 3"),
    ],
)
def test_a_mistake_of_the_caller_is_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()
