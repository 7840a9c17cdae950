"""Traces from few products, against a plain twin and the exact trace."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.spectra import linear_operator
from analysis.spectra.stochastic_trace import xtrace
from landscape.errors import InputError, RunFailure


def matrix(eigenvalues, seed=0):
    values = np.asarray(eigenvalues, np.float64)
    square = np.random.default_rng(seed).standard_normal((len(values),) * 2)
    vectors = np.linalg.qr(square)[0]
    return (vectors * values) @ vectors.T


def twin(dense, tests):
    """XTrace as it is defined: one QR for each test vector that is left out."""
    size, samples = len(dense), []
    for i, test in enumerate(tests):
        others = np.delete(tests, i, 0)
        basis = np.linalg.qr(dense @ others.T)[0]
        outside = test - basis @ (basis.T @ test)
        outside *= np.sqrt(size - len(others)) / np.linalg.norm(outside)
        inside = np.trace(basis.T @ dense @ basis)
        samples.append(inside + outside @ dense @ outside)
    return np.mean(samples)


def test_it_is_the_mean_over_left_out_vectors():
    with jax.enable_x64(True):
        dense, key = matrix(np.linspace(-1, 3, 50) ** 3), jax.random.key(0)
        got = xtrace(linear_operator.from_matrix(dense), 17, key=key)
        value = twin(dense, np.asarray(jax.random.normal(key, (8, 50))))
        np.testing.assert_allclose(got.value, value, rtol=1e-9)
        assert got.products == 16


@pytest.mark.parametrize("scale", [1.0, 1e-5])
def test_it_is_unbiased_and_its_error_is_the_one_it_claims(scale):
    dense = scale * matrix(10.0 ** np.linspace(0, -12, 200))
    exact, op = np.trace(dense), linear_operator.from_matrix(dense)
    found = [xtrace(op, 60, key=jax.random.key(seed)) for seed in range(40)]
    off = np.array([one.value - exact for one in found])
    claimed = np.sqrt(np.mean([one.error**2 for one in found]))
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(40)
    assert 0.5 < claimed / off.std() < 2
    # Hutchinson's standard deviation with as many products, of normal vectors.
    assert off.std() < 0.5 * np.sqrt(2 * np.sum(dense**2) / 60)


@pytest.mark.parametrize(
    "values", [np.zeros(40), np.r_[np.zeros(37), 1, 2, 3]], ids=["zero", "rank 3"]
)
@pytest.mark.parametrize("x64", [False, True], ids=["float32", "float64"])
def test_a_low_rank_is_found_exactly(values, x64):
    with jax.enable_x64(x64):
        op = linear_operator.from_matrix(matrix(values))
        got = xtrace(op, 12, key=jax.random.key(0))
        tolerance = 1e-12 if x64 else 2e-5
        np.testing.assert_allclose(got.value, values.sum(), atol=tolerance)
        assert got.error <= tolerance


def test_the_identity_is_exact():
    got = xtrace(linear_operator.from_matrix(jnp.eye(50)), 10, key=jax.random.key(0))
    np.testing.assert_allclose(got.value, 50, rtol=1e-5)


def test_many_products_give_the_trace_itself():
    with jax.enable_x64(True):
        dense = matrix(np.linspace(-1, 2, 9))
        got = xtrace(linear_operator.from_matrix(dense), 100, key=jax.random.key(0))
        assert got.error < 1e-14 and got.products == 9
        np.testing.assert_allclose(got.value, np.trace(dense), rtol=1e-12)


def test_too_few_products_are_refused():
    with pytest.raises(InputError, match="at least 4, not 3"):
        xtrace(linear_operator.from_matrix(jnp.eye(5)), 3, key=jax.random.key(0))


@pytest.mark.parametrize(
    "values, products",
    [
        (0.5 ** np.arange(24), 6),
        (np.linspace(0.5, 1, 24), 16),
        (np.r_[5, 5, 3, 2, 1, np.zeros(19)], 8),
    ],
    ids=["decaying", "flat", "rank 5"],
)
def test_two_errors_cover_in_nine_of_ten_keys(values, products):
    op = linear_operator.from_matrix(np.diag(values))
    found = [xtrace(op, products, key=jax.random.key(i)) for i in range(100)]
    covered = [abs(one.value - values.sum()) <= 2 * one.error for one in found]
    # Three standard deviations of a binomial count with the promised probability.
    assert np.sum(covered) >= 100 * 0.9 - 3 * np.sqrt(100 * 0.9 * 0.1)


def test_an_exact_trace_states_its_rounding():
    values = np.r_[3, 2, 1, np.zeros(21)]
    for products in (8, 100):
        op = linear_operator.from_matrix(np.diag(values))
        found = [xtrace(op, products, key=jax.random.key(i)) for i in range(20)]
        for one in found:
            assert abs(one.value - 6) <= 2 * one.error < 1e-4


def test_a_tail_of_the_size_of_rounding_is_within_the_error():
    # 1e-7 a thousand times is 1e-4, of which a basis of twenty vectors shows nothing.
    values = np.r_[1, 1, np.full(1000, 1e-7)]
    op = linear_operator.from_function(lambda x: jnp.float32(values) * x, 1002)
    for seed in range(10):
        one = xtrace(op, 40, key=jax.random.key(seed))
        assert abs(one.value - values.sum()) <= 2 * one.error < 1e-3


@pytest.mark.parametrize("products", [6, 100])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_products_that_are_not_finite_are_refused(bad, products):
    op = linear_operator.from_function(lambda x: x * bad, 20)
    with pytest.raises(RunFailure, match="not finite"):
        xtrace(op, products, key=jax.random.key(0))


def test_products_near_overflow_have_a_trace():
    op = linear_operator.from_function(lambda x: 1e36 * x, 20)
    got = xtrace(op, 6, key=jax.random.key(0))
    np.testing.assert_allclose(got.value, 2e37, rtol=1e-5)
    assert got.error < 1e-5 * got.value
