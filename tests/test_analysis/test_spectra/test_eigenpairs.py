"""Eigenpairs against prescribed spectra and scipy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse.linalg
from jax.tree_util import Partial

from analysis.spectra import eigenpairs, linear_operator
from analysis.spectra.eigenpairs import top_eigenpairs
from landscape.errors import InputError, RunFailure

KEY = jax.random.key(0)


def matrix(eigenvalues, seed=0):
    values = np.asarray(eigenvalues, np.float64)
    square = np.random.default_rng(seed).standard_normal((len(values),) * 2)
    vectors = np.linalg.qr(square)[0]
    return (vectors * values) @ vectors.T


def network_like(size=500):
    """Nearly all at zero, some positive ones over six decades, a few negative ones."""
    low, high = -(10.0 ** np.linspace(-6, -1.5, 20)), 10.0 ** np.linspace(-6, 0, 100)
    return np.concatenate([low, np.zeros(size - 120), high])


def wanted(values, which, k):
    values = np.sort(values)[::-1]
    if which == "largest":
        return values[:k]
    if which == "smallest":
        return values[-k:]
    if which == "both":
        return np.concatenate([values[:k], values[-k:]])
    return np.sort(values[np.argsort(-np.abs(values))][:k])[::-1]


@pytest.mark.parametrize(
    "which, max_basis",
    [
        ("largest", 48),
        ("both", None),
        *((w, 24) for w in ("both", "largest", "smallest", "magnitude")),
    ],
)
def test_the_ends_of_a_spectrum_are_found_to_the_tolerance(which, max_basis):
    with jax.enable_x64(True):
        values = network_like()
        dense = matrix(values)
        op, told = linear_operator.from_matrix(dense), []
        pairs = top_eigenpairs(
            op, 5, key=KEY, which=which, tol=1e-8, max_basis=max_basis,
            report=lambda *numbers: told.append(numbers),
        )  # fmt: skip
        want = wanted(values, which, 5)
        assert pairs.converged.all() and pairs.products < 200
        converged, products = np.array(told).T
        assert converged[-1] == len(pairs.values) and np.all(np.diff(products) > 0)
        assert products[-1] < pairs.products
        assert np.all(np.abs(pairs.values - want) <= 1e-8 * np.abs(want))
        vectors = np.asarray(pairs.vectors)
        count = len(want)
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(count), atol=1e-12)
        off = np.linalg.norm(dense @ vectors.T - vectors.T * pairs.values, axis=0)
        # Either side sums n products of numbers whose norms are those of A and 1.
        rounding = op.size * np.finfo(float).eps * np.abs(values).max()
        assert np.all(off <= 1.01 * pairs.residuals + rounding)
        np.testing.assert_allclose(eigenpairs.residuals(op, pairs), off, atol=1e-13)


CASES = {
    "identity": np.ones(60),
    "zero": np.zeros(60),
    "rank 3": np.r_[np.zeros(57), 1, 2, 3],
    "clusters": np.repeat([-2.0, -1.0, 0.0, 2.0, 5.0], [3, 10, 40, 4, 3]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "scale, x64", [(1.0, False), (1e-5, False), (1.0, True), (1e-5, True)]
)
def test_multiple_eigenvalues_are_found_with_their_multiplicity(name, scale, x64):
    with jax.enable_x64(x64):
        eps = float(jnp.finfo(jnp.result_type(float)).eps)
        op = linear_operator.from_matrix(scale * matrix(CASES[name]))
        bases = (("largest", 16), ("both", 16), ("largest", 10), ("both", None))
        for which, max_basis in bases:
            pairs = top_eigenpairs(op, 5, key=KEY, which=which, max_basis=max_basis)
            want = wanted(CASES[name], which, 5)
            assert pairs.converged.all() and np.isfinite(pairs.residuals).all()
            np.testing.assert_allclose(pairs.values / scale, want, atol=100 * eps)


def test_no_ghost_is_reported_however_long_it_runs():
    values = np.concatenate([np.linspace(-0.3, 0.3, 292), 1.0 + np.arange(8)])
    op = linear_operator.from_matrix(matrix(values))
    pairs = top_eigenpairs(
        op, 20, key=KEY, which="largest", max_products=120, max_basis=32
    )
    assert (pairs.values > 0.5).sum() == 8
    np.testing.assert_allclose(pairs.values[:8], values[::-1][:8], rtol=2e-6)
    want = np.sort(values)[::-1][:20]
    sure = pairs.converged
    assert np.abs(pairs.values - want)[sure].max() < 5e-6 * 8


@pytest.mark.parametrize("scale", [2.0**-17, 1e-5])
def test_a_scaled_operator_has_the_scaled_eigenvalues(scale):
    dense = matrix(network_like()).astype(np.float32)
    one, small = (
        top_eigenpairs(
            linear_operator.from_matrix(np.float32(factor) * dense),
            5,
            key=KEY,
            which="largest",
        )
        for factor in (1, scale)
    )
    assert small.converged.all()
    np.testing.assert_allclose(small.values / scale, one.values, rtol=1e-6)
    if scale == 2.0**-17:  # One program, and a power of two rounds nothing.
        assert one.products == small.products
        np.testing.assert_allclose(small.residuals / scale, one.residuals, rtol=1e-2)


@pytest.mark.parametrize("x64", [False, True])
def test_no_more_products_than_eigsh_at_equal_accuracy(x64):
    values, calls = network_like(200), []

    def counted(x):
        calls.append(1)
        return np.asarray(linear_operator.product(op, x.ravel()))

    with jax.enable_x64(x64):
        op = linear_operator.from_matrix(matrix(values))
        other = scipy.sparse.linalg.LinearOperator(op.shape, counted, dtype=op.dtype)
        start = np.random.default_rng(0).standard_normal(op.size).astype(op.dtype)
        found = scipy.sparse.linalg.eigsh(
            other, 10, which="LA", v0=start, return_eigenvectors=False
        )
        want = np.sort(values)[::-1][:10]
        accuracy = np.abs(np.sort(found)[::-1] / want - 1).max()
        tol = max(accuracy, 1e-12 if x64 else 1e-6)
        # eigsh does not look for what it has missed either.
        pairs, verified = (
            top_eigenpairs(op, 10, key=KEY, which="largest", tol=tol, verify=verify)
            for verify in (False, True)
        )
    assert np.abs(pairs.values / want - 1).max() <= tol
    assert pairs.products <= len(calls) and pairs.miss_probability == 1
    assert verified.products <= pairs.products + 25
    assert np.abs(verified.values / want - 1).max() <= tol


def test_pairs_that_have_not_converged_in_time_are_marked():
    op = linear_operator.from_matrix(matrix(np.linspace(-1, 1, 500)))
    pairs = top_eigenpairs(op, 4, key=KEY, which="largest", max_products=20)
    assert not pairs.converged.any() and pairs.products == 21
    off = np.abs(np.linspace(-1, 1, 500) - pairs.values[:, None]).min(1)
    assert np.all(off <= pairs.residuals)


def test_a_product_that_changes_is_detected_by_the_check():
    # Its first products are those of one matrix, its last that of another.
    dense, count = jnp.asarray(matrix(network_like()), jnp.float32), [0]

    def product(x):
        count[0] += 1
        return dense @ x * (1.0 if count[0] <= 12 else 1.1)

    op = linear_operator.from_function(product, 500, scannable=False)
    pairs = top_eigenpairs(
        op, 3, key=KEY, which="largest", tol=1e-20, max_products=12, max_basis=16
    )
    assert not pairs.converged.any() and pairs.products == 16
    np.testing.assert_allclose(pairs.residuals[:2], 0.1 * pairs.values[:2], rtol=1e-2)


def test_the_search_compiles_once_for_all_matrices():
    calls = []

    def counted(dense, x):
        calls.append(1)
        return dense @ x

    for seed in range(2):
        dense = jnp.asarray(matrix(network_like(200), seed))
        op = linear_operator.from_function(Partial(counted, dense), 200)
        top_eigenpairs(op, 3, key=jax.random.key(seed), max_basis=16)
        assert len(calls) == 2  # The loop and the check.


def test_a_tiny_matrix_gives_all_its_pairs_as_trees_if_the_operator_can():
    class Unravels:
        def unravel(self, x):
            return {"w": x}

    with jax.enable_x64(True):
        op = linear_operator.from_matrix(jnp.diag(jnp.array([3.0, -1.0, 2.0])))
        pairs = top_eigenpairs(op, 3, key=KEY)
        np.testing.assert_allclose(pairs.values, [3, 2, -1], atol=1e-14)
        trees = eigenpairs.as_trees(Unravels(), pairs)
        np.testing.assert_allclose(np.abs(trees[0]["w"]), [1, 0, 0], atol=1e-6)
        with pytest.raises(InputError, match="flat vectors"):
            eigenpairs.as_trees(op, pairs)
        one = linear_operator.from_matrix(jnp.full((1, 1), 7.0))
        np.testing.assert_allclose(top_eigenpairs(one, 1, key=KEY).values, [7.0])


def test_a_product_that_is_not_finite_is_refused():
    op = linear_operator.from_function(lambda x: x * jnp.nan, 9)
    with pytest.raises(RunFailure, match="not finite"):
        top_eigenpairs(op, 3, key=KEY)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"k": 0}, "from 1 to the operator's size 40, not 0"),
        ({"k": 41}, "not 41"),
        ({"k": 2, "which": "larges"}, "perhaps you meant 'largest'"),
        ({"k": 2, "tol": 0.0}, "tol must be positive"),
        ({"k": 5, "max_basis": 14}, "max_basis of at least 15"),
        ({"k": 2, "max_products": 0}, "max_products must be at least 1"),
    ],
)
def test_a_mistake_of_the_caller_is_one_sentence(options, message):
    with pytest.raises(InputError, match=message):
        top_eigenpairs(linear_operator.from_matrix(jnp.eye(40)), key=KEY, **options)
