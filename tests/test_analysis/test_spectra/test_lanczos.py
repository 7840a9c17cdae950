"""Lanczos against matrices whose spectrum is prescribed."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from analysis.spectra import lanczos, linear_operator, ritz
from analysis.spectra.basis import BLOCK, allocate, orthogonalise
from landscape.errors import InputError, RunFailure

LONG = 4 * BLOCK
"""Steps after which plain Lanczos has ghosts of `outlying` values."""


def matrix(eigenvalues, seed=0):
    """A symmetric matrix with these eigenvalues and random eigenvectors."""
    values = np.asarray(eigenvalues, np.float64)
    square = np.random.default_rng(seed).standard_normal((len(values),) * 2)
    vectors = np.linalg.qr(square)[0]
    return (vectors * values) @ vectors.T


def vector(size, seed=1):
    return np.random.default_rng(seed).standard_normal(size)


def basis(state):
    return np.concatenate([np.asarray(b, np.float64) for b in state.basis])[
        : int(state.step)
    ]


def outlying(size=300, count=8):
    """A narrow bulk and a few large eigenvalues, which converge: ghosts may come."""
    return np.concatenate(
        [np.linspace(-0.01, 0.01, size - count), 1.0 + np.arange(count)]
    )


def twin(dense, start, num_steps):
    """Lanczos with explicit Gram-Schmidt, in NumPy."""
    rows, alphas, betas = [start / np.linalg.norm(start)], [], []
    for _ in range(num_steps):
        w = dense @ rows[-1]
        alphas.append(rows[-1] @ w)
        for _ in range(3):
            for row in rows:
                w = w - (row @ w) * row
        betas.append(np.linalg.norm(w))
        rows.append(w / betas[-1])
    return np.array(alphas), np.array(betas)


EVEN = np.linspace(-1, 3, 32)


def test_the_tridiagonal_is_that_of_a_plain_twin():
    with jax.enable_x64(True):
        dense = matrix(EVEN)
        op = linear_operator.from_matrix(dense)
        fresh = lanczos.start(op, vector(32), 32)
        alphas, betas = twin(dense, vector(32), BLOCK + 3)
        for steps in (1, BLOCK, BLOCK + 3):
            state = lanczos.advance(op, fresh, steps)
            np.testing.assert_allclose(state.alphas[:steps], alphas[:steps], rtol=1e-11)
            np.testing.assert_allclose(state.betas[:steps], betas[:steps], rtol=1e-11)
            assert int(state.step) == steps and not state.alphas[steps:].any()


@pytest.mark.parametrize("scannable", [True, False], ids=["compiled", "stepwise"])
def test_products_are_those_of_the_tridiagonal_and_the_bounds_are_the_residuals(
    scannable,
):
    with jax.enable_x64(True):
        dense = matrix(EVEN)
        op = linear_operator.from_matrix(dense, scannable=scannable)
        state = lanczos.tridiagonalise(op, vector(32), 20)
        rows, alphas, betas = basis(state), state.alphas[:20], state.betas[:20]
        # A product's entries are sums of 32 terms, an inner product's too; each of the
        # 20 earlier vectors is subtracted at most twice.
        rounding = (32 + 2 * 20) * np.finfo(float).eps
        assert np.abs(rows @ rows.T - np.eye(20)).max() < rounding
        tridiagonal = np.diag(alphas) + np.diag(betas[:-1], 1) + np.diag(betas[:-1], -1)
        off = rows @ dense - tridiagonal @ rows
        off[-1] -= betas[-1] * np.asarray(state.current)
        assert np.abs(off).max() < rounding * 3  # The matrix' norm.
        found = ritz(state)
        vectors = rows.T @ found.vectors
        residuals = np.linalg.norm(dense @ vectors - vectors * found.values, axis=0)
        np.testing.assert_allclose(found.bounds, residuals, atol=1e-13)


@pytest.mark.parametrize("steps", [LONG, 200])
def test_a_long_basis_is_orthonormal_and_has_no_ghost(steps):
    eps = float(jnp.finfo(jnp.float32).eps)
    op = linear_operator.from_matrix(matrix(outlying()))
    state = lanczos.tridiagonalise(op, vector(300), steps)
    rows = basis(state)
    assert np.abs(rows @ rows.T - np.eye(steps)).max() < 20 * eps
    values = ritz(state).values
    assert (values > 0.5).sum() == 8
    np.testing.assert_allclose(values[-8:], outlying()[-8:], rtol=20 * eps)


@pytest.mark.parametrize("length", [1.0, 1e-4])
def test_a_small_remainder_of_a_vector_is_orthogonal_too(length):
    square = np.linalg.qr(np.random.default_rng(0).standard_normal((90, 90)))[0]
    rows = jnp.asarray(square[:40], jnp.float32)
    w = jnp.asarray(square[:40].sum(0) + length * square[50], jnp.float32)
    left = np.asarray(orthogonalise(allocate(rows, 48), 40, w), np.float64)
    assert np.abs(square[:40] @ left).max() < 2e-6 * np.linalg.norm(left)
    np.testing.assert_allclose(left @ square[50], length, rtol=2e-2)


def test_without_reorthogonalisation_ghosts_come():
    op = linear_operator.from_matrix(matrix(outlying()))
    state = lanczos.tridiagonalise(op, vector(300), LONG, reorthogonalise="none")
    assert state.basis == () and (ritz(state).values > 0.5).sum() > 8


SPECIAL = {
    "identity": (np.ones(50), [1.0]),
    "zero": (np.zeros(50), [0.0]),
    "rank 3": (np.r_[np.zeros(47), 1, 2, 3], [0.0, 1.0, 2.0, 3.0]),
    "clusters": (np.repeat([-2.0, 0.0, 5.0], [10, 37, 3]), [-2.0, 0.0, 5.0]),
}


@pytest.mark.parametrize("scale", [1.0, 1e-5, 1e-30])
@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("scannable", [True, False], ids=["compiled", "stepwise"])
def test_a_breakdown_gives_the_distinct_eigenvalues(name, scale, scannable):
    values, distinct = SPECIAL[name]
    op = linear_operator.from_matrix(scale * matrix(values), scannable=scannable)
    state = lanczos.tridiagonalise(op, vector(50), 30)
    chex.assert_tree_all_finite(state)
    found = ritz(state)
    assert bool(state.breakdown) and not found.bounds.any()
    # Rounding may add a step or two within an eigenspace: never a value.
    assert len(distinct) <= len(found.values) <= len(distinct) + 3
    nearest = np.abs(found.values / scale - np.array(distinct)[:, None])
    assert nearest.min(0).max() < 1e-5 and nearest.min(1).max() < 1e-5


def test_all_steps_give_the_whole_spectrum():
    with jax.enable_x64(True):
        op = linear_operator.from_matrix(matrix(EVEN))
        state = lanczos.tridiagonalise(op, vector(32), 32)
        assert bool(state.breakdown)
        np.testing.assert_allclose(ritz(state).values, EVEN, atol=1e-12)


@pytest.mark.parametrize("scale", [2.0**-17, 2.0**-80, 1e-5])
def test_a_scaled_operator_has_the_scaled_tridiagonal(scale):
    dense = matrix(outlying()).astype(np.float32)
    one = lanczos.tridiagonalise(linear_operator.from_matrix(dense), vector(300), 60)
    two = lanczos.tridiagonalise(
        linear_operator.from_matrix(np.float32(scale) * dense), vector(300), 60
    )
    assert int(one.step) == int(two.step) == 60
    if scale == 2.0**-17:  # One program, and a power of two rounds nothing.
        for a, b in ((one.alphas, two.alphas), (one.betas, two.betas)):
            np.testing.assert_array_equal(np.asarray(a) * np.float32(scale), b)
    top = ritz(one).values[-8:]
    np.testing.assert_allclose(ritz(two).values[-8:] / scale, top, rtol=1e-6)


@pytest.mark.parametrize("scannable", [True, False], ids=["compiled", "stepwise"])
@pytest.mark.parametrize("kind", ["full", "none"])
def test_a_resumed_tridiagonalisation_has_the_same_bits(kind, scannable):
    op = linear_operator.from_matrix(matrix(outlying()), scannable=scannable)
    state = lanczos.start(op, vector(300), 4 * BLOCK, reorthogonalise=kind)
    whole = lanczos.advance(op, state, 40)
    for steps in (7, 0, 20, 13):
        before = jax.tree.map(np.array, state)
        after = lanczos.advance(op, state, steps)
        chex.assert_trees_all_equal(state, before)
        state = after
    chex.assert_trees_all_equal(state, whole)


def test_the_basis_is_orthogonal_to_locked_vectors():
    with jax.enable_x64(True):
        dense = matrix(EVEN)
        vectors = np.linalg.eigh(dense)[1]
        op = linear_operator.from_matrix(dense)
        state = lanczos.tridiagonalise(op, vector(32), 27, locked=vectors[:, -5:].T)
        found = ritz(state, first=5)
        assert int(state.step) == 32 and len(found.values) == 27
        np.testing.assert_allclose(found.values, EVEN[:-5], rtol=0, atol=1e-12)


def test_other_lengths_starts_and_matrices_trace_the_product_once():
    calls = []

    def counted(dense, x):
        calls.append(1)
        return dense @ x

    for seed, steps in enumerate((3, 9, 14)):
        product = Partial(counted, jnp.asarray(matrix(outlying(), seed)))
        op = linear_operator.from_function(product, 300)
        lanczos.tridiagonalise(op, vector(300, seed), steps)
        assert len(calls) == 1


def test_products_that_are_not_scannable_are_called_outside_of_jit():
    seen = []

    def product(x):
        seen.append(isinstance(x, jax.core.Tracer))
        return 2 * x + jnp.arange(9.0) * x

    op = linear_operator.from_function(product, 9, scannable=False)
    lanczos.tridiagonalise(op, vector(9), 3)
    linear_operator.products(op, jnp.eye(9)[:2])
    assert seen == [False] * 5


@pytest.mark.parametrize("scannable", [True, False], ids=["compiled", "stepwise"])
def test_a_product_that_is_not_finite_is_refused(scannable):
    op = linear_operator.from_function(lambda x: x / 0, 9, scannable=scannable)
    with pytest.raises(RunFailure, match="not finite"):
        lanczos.tridiagonalise(op, vector(9), 3)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda op: lanczos.start(op, jnp.ones(3), 2), r"shape \(4,\), not \(3,\)"),
        (lambda op: lanczos.start(op, jnp.zeros(4), 2), "not zero"),
        (lambda op: lanczos.start(op, jnp.full(4, jnp.nan), 2), "finite"),
        (lambda op: lanczos.start(op, jnp.ones(4), 0), "at least 1, not 0"),
        (lambda op: lanczos.start(op, jnp.ones(4), 2, locked=jnp.eye(3)), "rows of 4"),
        (lambda op: lanczos.start(op, jnp.eye(4)[0], 2, locked=jnp.eye(4)[:1]), "zero"),
        (
            lambda op: lanczos.start(op, jnp.ones(4), 2, reorthogonalise="ful"),
            "perhaps you meant 'full'",
        ),
        (
            lambda op: lanczos.advance(op, lanczos.start(op, jnp.ones(4), 2), 17),
            "capacity for 16 more steps, not 17",
        ),
        (lambda op: ritz(lanczos.start(op, jnp.ones(4), 2)), "no Ritz values"),
        (lambda op: linear_operator.from_matrix(jnp.ones((2, 3))), "square"),
        (lambda op: linear_operator.from_function(lambda x: x, 0), "at least 1"),
    ],
)
def test_a_mistake_of_the_caller_is_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call(linear_operator.from_matrix(jnp.eye(4)))
