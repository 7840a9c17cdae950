import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from jax.flatten_util import ravel_pytree

from analysis import curvature
from analysis.spectra import dense as dense_matrices
from analysis.spectra import linear_operator
from analysis.spectra.dense import live_rows, materialise
from analysis.spectra.exact import eigenvalues
from analysis.spectra.exact_cost import predicted_cost
from analysis.spectra.factorisation import inertia
from landscape import trees
from landscape.errors import InputError


def with_spectrum(values, seed=0):
    """A symmetric matrix of these eigenvalues, and its eigenvectors."""
    draw = np.random.default_rng(seed).normal(size=(len(values), len(values)))
    basis = np.linalg.qr(draw)[0]
    return basis * np.asarray(values) @ basis.T


def with_dead_rows(values, size, seed=0):
    """It, scattered into a larger matrix of zeros."""
    place = np.random.default_rng(seed).permutation(size)[: len(values)]
    dense = np.zeros((size, size))
    dense[np.ix_(place, place)] = with_spectrum(values, seed)
    return dense


SPECTRA = {
    "distinct": np.linspace(-3.0, 5.0, 17),
    "one row": [2.5],
    "all equal": [1.5] * 6,
    "repeated": [-2.0] * 4 + [0.0] * 5 + [3.0] * 3,
    "rank one": [0.0] * 19 + [7.0],
    "zero": [0.0] * 4,
    "tiny beside huge": [-1e-3, 1e-4, 1e4, 2e4],
    "tiny units": [-3e-12, 1e-12, 2e-12, 5e-12],
}


def loss_fn(params, batch):
    hidden = jnp.tanh(batch["image"] @ params["a"] + params["b"])
    return jnp.mean((hidden @ params["c"] - batch["label"][:, None]) ** 2)


def problem(dtype=float):
    draw = np.random.default_rng(0)
    shapes = {"a": (6, 5), "b": (5,), "c": (5, 2)}
    params = {k: draw.normal(size=s).astype(dtype) for k, s in shapes.items()}
    batch = {"image": draw.normal(size=(9, 6)), "label": draw.normal(size=9)}
    batch["image"][:, [1, 4]] = 0
    return params, {k: x.astype(dtype) for k, x in batch.items()}


def test_the_matrix_written_out_is_the_hessian():
    with jax.enable_x64(True):
        params, batch = problem()
        flat, unravel = ravel_pytree(params)
        want = jax.jit(jax.hessian(lambda w: loss_fn(unravel(w), batch)))(flat)
        op = curvature.hessian(loss_fn, params, batch)
        for block_size in (None, 1, 7, 45, 100):
            told = []
            got = materialise(op, block_size=block_size, report=told.append)
            assert told == sorted(told) and told[-1] == op.size
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-13)
            np.testing.assert_array_equal(got, got.T)
        # Two inputs are never lit: their ten weights have no curvature.
        values = eigenvalues(op)
        np.testing.assert_allclose(values, np.linalg.eigvalsh(want), atol=1e-12)
        assert (values == 0).sum() == 10
        live = live_rows(op)
        np.testing.assert_array_equal(live, np.flatnonzero(want.any(0)))
        part = materialise(op, indices=live[::2])
        np.testing.assert_allclose(part, want[np.ix_(live[::2], live[::2])], atol=1e-13)
        _, vectors = eigenvalues(op, vectors=True, report=told.append)
        assert told[-1] == len(live) == op.size - 10
        turned = vectors * values @ vectors.T
        np.testing.assert_allclose(turned, want, rtol=0, atol=1e-12)
        signs = inertia(op)
        assert signs == ((values < 0).sum(), 10, (values > 0).sum())


def test_products_in_single_precision_are_gathered_in_double():
    params, batch = problem(np.float32)
    op = curvature.hessian(loss_fn, params, batch)
    got = materialise(op)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, got.T)
    with jax.enable_x64(True):
        wide, data = jax.tree.map(np.float64, (params, batch))
        want = materialise(curvature.hessian(loss_fn, wide, data))
    assert np.abs(got - want).max() < 1e-6 * np.abs(want).max()


def test_products_in_turn_are_not_compiled_together():
    seen = []

    class Operator:
        size, dtype, scannable = 3, np.float32, False

        def matvec(self, x):
            seen.append(np.asarray(x).tolist())
            return 2 * jnp.asarray(x)

    np.testing.assert_array_equal(materialise(Operator()), 2 * np.eye(3))
    assert seen == np.eye(3).tolist()


def test_a_large_matrix_is_made_symmetric_stripe_by_stripe(monkeypatch):
    monkeypatch.setattr(dense_matrices, "STRIPE", 3)
    skew = np.random.default_rng(0).normal(size=(8, 8))

    class Operator:
        size, dtype, scannable = 8, np.float64, False

        def matvec(self, x):
            return skew @ x

    got = materialise(Operator(), block_size=1)
    np.testing.assert_allclose(got, (skew + skew.T) / 2, rtol=1e-15)


@pytest.mark.parametrize("dead", [0, 6], ids=["full", "with dead rows"])
@pytest.mark.parametrize("name", SPECTRA)
def test_eigenvalues_vectors_and_signs_are_those_prescribed(name, dead):
    values = np.asarray(SPECTRA[name])
    dense = with_dead_rows(values, len(values) + dead)
    before, scale = dense.copy(), max(np.abs(values).max(), 1e-300)
    want = np.sort(np.concatenate([values, np.zeros(dead)]))
    got = eigenvalues(dense)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-14 * scale)
    assert (got == 0).sum() >= dead
    got, vectors = eigenvalues(dense, vectors=True)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-14 * scale)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(len(want)), atol=1e-13)
    np.testing.assert_allclose(dense @ vectors, vectors * got, atol=1e-13 * scale)
    signs = [(want < 0).sum(), (want == 0).sum(), (want > 0).sum()]
    assert list(inertia(dense)) == signs
    np.testing.assert_array_equal(dense, before)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rank", [40, 17])
def test_signs_of_random_matrices_are_those_of_their_eigenvalues(seed, rank):
    draw = np.random.default_rng(seed)
    factor = draw.normal(size=(40, rank))
    dense = factor * draw.normal(size=rank) @ factor.T
    # Zeros on the diagonal take pivots of two rows.
    dense = dense if rank < 40 else dense - np.diag(np.diag(dense))
    values = np.linalg.eigvalsh(dense)
    zero = np.abs(values) < 1e-10
    want = ((values < 0) & ~zero).sum(), zero.sum(), ((values > 0) & ~zero).sum()
    assert inertia(dense) == want and zero.sum() == 40 - rank
    for shift in (-3.0, 0.5):
        below = (values < shift).sum()
        assert inertia(dense, shift) == (below, 0, 40 - below)


def test_a_shift_at_an_eigenvalue_counts_all_its_copies_as_zero():
    dense = with_dead_rows(SPECTRA["repeated"], 15)
    assert inertia(dense, -2.0) == (0, 4, 11)
    assert inertia(dense, 3.0) == (12, 3, 0)
    assert inertia(dense, 1.0) == (12, 0, 3)
    assert inertia(dense, -1.0) == (4, 0, 11)
    assert inertia(dense, 0.0) == (4, 8, 3)
    assert inertia(dense, tolerance=10.0).zero == 15


def test_pivots_of_two_rows_are_taken_in_pairs():
    a = np.zeros((6, 6))
    for i in (0, 2, 4):
        a[i, i + 1] = a[i + 1, i] = 1 + i
    assert inertia(a) == (3, 0, 3)
    _, d, _ = scipy.linalg.ldl(a)
    assert np.diag(d, 1).any()


def test_an_operator_that_is_zero_has_zeros():
    op = linear_operator.from_matrix(np.zeros((5, 5)))
    np.testing.assert_array_equal(eigenvalues(op), 0)
    values, vectors = eigenvalues(op, vectors=True)
    np.testing.assert_array_equal(values, 0)
    np.testing.assert_array_equal(vectors.T @ vectors, np.eye(5))
    assert inertia(op) == (0, 5, 0)


def test_vectors_among_zero_rows_are_counted_in_the_cost():
    op = linear_operator.from_matrix(np.diag([1.0, *np.zeros(1999)]))
    assert eigenvalues(op, memory=10_000)[-1] == 1
    with pytest.raises(InputError, match="2,000 rows needs"):
        eigenvalues(op, vectors=True, memory=10_000)


def test_the_cost_is_said_beforehand_and_too_much_is_refused():
    assert str(predicted_cost(4000)) == (
        "4,000 rows: 0.15 GiB and about 12 seconds on 2 cores"
    )
    assert "about 42 minutes" in str(predicted_cost(23860))
    cost = predicted_cost(23860, "eigenvectors")
    assert "14 GiB" in str(cost) and "about 60 minutes" in str(cost)
    assert predicted_cost(10, "inertia").seconds < 1
    message = r"2,000 rows needs .* more than the .* given"
    with pytest.raises(InputError, match=message):
        eigenvalues(np.eye(2000), memory=10**7)

    class Operator:
        size, dtype, scannable = 2000, np.float32, False

        def matvec(self, x):
            raise AssertionError("refused before any product")

    with pytest.raises(InputError, match=message):
        materialise(Operator(), memory=10**7)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.ones((2, 3)), r"a square matrix is needed, not shape \(2, 3\)"),
        (np.ones(3), "a square matrix"),
        ([[1.0, 2.0], [3.0, 1.0]], "not symmetric: entries differ by 1"),
        ([[1.0, np.nan], [np.nan, 1.0]], "not finite"),
    ],
)
def test_what_is_no_symmetric_matrix_is_refused(given, message):
    for function in (eigenvalues, inertia):
        with pytest.raises(InputError, match=message):
            function(given)


def test_other_mistakes_are_refused():
    params, batch = problem(np.float32)
    op = curvature.hessian(loss_fn, params, batch)
    with pytest.raises(InputError, match="block_size must be at least 1, not 0"):
        materialise(op, block_size=0)
    with pytest.raises(InputError, match="perhaps you meant 'inertia'"):
        predicted_cost(3, "inertias")
    assert trees.size(params) == op.size
