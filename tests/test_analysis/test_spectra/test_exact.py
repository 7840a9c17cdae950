"""All eigenvalues of dense matrices against prescribed ones, and their cost."""

import numpy as np
import pytest

from analysis.spectra import linear_operator
from analysis.spectra.dense import materialise
from analysis.spectra.exact import eigenvalues
from analysis.spectra.exact_cost import predicted_cost
from analysis.spectra.factorisation import inertia
from landscape.errors import InputError


def with_spectrum(values, seed=0):
    """A symmetric matrix of these eigenvalues."""
    draw = np.random.default_rng(seed).normal(size=(len(values), len(values)))
    basis = np.linalg.qr(draw)[0]
    return basis * np.asarray(values) @ basis.T


def with_dead_rows(values, size, seed=0):
    """The same among rows and columns of zeros."""
    live = np.random.default_rng(seed).permutation(size)[: len(values)]
    dense = np.zeros((size, size))
    dense[np.ix_(live, live)] = with_spectrum(values, seed)
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


def test_the_cost_is_predicted_and_too_much_is_refused():
    assert str(predicted_cost(4000)) == (
        "4,000 rows: 0.15 GiB and about 12 seconds on 2 cores"
    )
    assert "about 42 minutes" in str(predicted_cost(23860))
    cost = predicted_cost(23860, "eigenvectors")
    assert "14 GiB" in str(cost) and "about 60 minutes" in str(cost)
    assert predicted_cost(10, "inertia").seconds < 1
    with pytest.raises(InputError, match="perhaps you meant 'inertia'"):
        predicted_cost(3, "inertias")
    message = r"2,000 rows needs .* more than the .* may take"
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
def test_a_matrix_that_is_not_symmetric_is_refused(given, message):
    for function in (eigenvalues, inertia):
        with pytest.raises(InputError, match=message):
            function(given)
