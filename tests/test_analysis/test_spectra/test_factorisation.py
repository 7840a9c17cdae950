"""Signs of eigenvalues by factorisation against the eigenvalues."""

import numpy as np
import pytest
import scipy.linalg

from analysis.spectra.factorisation import inertia


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
    draw = np.random.default_rng(0).normal(size=(12, 12))
    basis = np.linalg.qr(draw)[0]
    values = np.repeat([-2.0, 0.0, 3.0], [4, 5, 3])
    live = np.random.default_rng(0).permutation(15)[:12]  # Three rows are zero.
    dense = np.zeros((15, 15))
    dense[np.ix_(live, live)] = basis * values @ basis.T
    assert inertia(dense, -2.0) == (0, 4, 11)
    assert inertia(dense, 3.0) == (12, 3, 0)
    assert inertia(dense, 1.0) == (12, 0, 3)
    assert inertia(dense, -1.0) == (4, 0, 11)
    assert inertia(dense, 0.0) == (4, 8, 3)
    assert inertia(dense, tolerance=10.0).zero == 15


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_copies_at_the_shift_are_counted_whatever_the_pivots_are(scale):
    for seed in range(30):
        draw = np.random.default_rng(seed)
        basis = np.linalg.qr(draw.normal(size=(20, 20)))[0]
        for copies in (5, 10):
            values = np.append(np.full(copies, 1.0), draw.normal(size=20 - copies))
            dense = (basis * values * scale) @ basis.T
            dense = (dense + dense.T) / 2
            below = (values[copies:] < 1).sum()
            want = below, copies, 20 - copies - below
            assert inertia(dense, scale) == want


def test_pivots_of_two_rows_are_taken_in_pairs():
    a = np.zeros((6, 6))
    for i in (0, 2, 4):
        a[i, i + 1] = a[i + 1, i] = 1 + i
    assert inertia(a) == (3, 0, 3)
    _, d, _ = scipy.linalg.ldl(a)
    assert np.diag(d, 1).any()
