"""Curves of a density show no more than its quadrature resolves."""

import jax
import numpy as np

from analysis.spectra.density import Density, spectral_density
from analysis.spectra.linear_operator import from_matrix
from analysis.spectra.smoothing import smoothed


def estimate(values, **options):
    op = from_matrix(np.diag(values))
    return spectral_density(op, key=jax.random.key(0), **options)


def known(nodes, isolated):
    """One probe with equal weights."""
    nodes = np.array([nodes], float)
    weights = np.full(nodes.shape, 1 / nodes.size)
    flags = np.full(nodes.shape, isolated)
    return Density(nodes, weights, weights, flags, nodes.size, nodes.size)


def test_few_steps_of_a_flat_spectrum_show_no_islands():
    """A fixed width dips to less than a hundredth of the density between the nodes."""
    got = estimate(np.linspace(0, 1, 400), num_steps=8, num_probes=3)
    curve = smoothed(got, linear=1.0, width=0.02)
    inner = curve.value[(curve.grid > 0.05) & (curve.grid < 0.95)]
    assert inner.min() > 0.5 and inner.max() < 2
    np.testing.assert_allclose(np.trapezoid(curve.value, curve.grid), 1, rtol=1e-3)


def test_what_is_resolved_is_drawn_with_the_width_asked_for():
    options = {"linear": 1.0, "width": 0.02}
    gap = {
        isolated: smoothed(known([0.0, 0.5, 1.0], isolated), **options)
        for isolated in (True, False)
    }
    between = np.abs(gap[True].grid - 0.25) < 0.1
    assert gap[True].value[between].max() < 1e-3 < 0.2 < gap[False].value[between].min()
    for curve in gap.values():
        mass = np.trapezoid(curve.value, curve.grid)
        np.testing.assert_allclose(mass, 1, rtol=1e-2)


def test_nodes_without_weight_neither_count_nor_resolve():
    """They fill up the row of a probe whose breakdown came early."""
    got = known([0.0, 0.5, 1.0, 1.0, 1.0], False)
    weights = np.array([[1 / 3, 1 / 3, 1 / 3, 0, 0]])
    padded = smoothed(got._replace(weights=weights), linear=1.0)
    plain = smoothed(known([0.0, 0.5, 1.0], False), linear=1.0)
    for name in ("grid", "value", "min_fraction", "max_fraction"):
        np.testing.assert_allclose(getattr(padded, name), getattr(plain, name))


def test_the_curve_ends_with_the_spectrum():
    """A matrix without negative eigenvalues has no density left of zero."""
    values = np.concatenate([np.zeros(150), np.linspace(0, 1, 50) ** 2])
    curve = smoothed(estimate(values, num_steps=20, num_probes=3))
    assert curve.grid[0] > -1e-5 and curve.grid[-1] < 1 + 1e-5
    mass = np.trapezoid(curve.value, curve.grid)
    np.testing.assert_allclose(mass, 1, rtol=1e-2)


def test_one_eigenvalue_alone_is_a_curve_too():
    curve = smoothed(known([2.0], True))
    assert curve.grid[0] < 2 < curve.grid[-1]
    np.testing.assert_allclose(np.trapezoid(curve.value, curve.grid), 1, rtol=1e-3)
    assert set(curve.min_fraction.round(9)) == {0.0, 1.0}


def test_the_bounds_hold_the_cumulative_of_each_probes_measure():
    """The measure of a start in the diagonal basis has squared entries as masses."""
    values = np.sort(np.random.default_rng(0).normal(size=60))
    for steps in (6, 15):
        got = estimate(values, num_steps=steps, num_probes=1, exact_weights=False)
        curve = smoothed(got, num_points=200)
        vector = jax.random.normal(jax.random.fold_in(jax.random.key(0), 0), (60,))
        mass = np.asarray(vector, float) ** 2 / np.sum(np.asarray(vector, float) ** 2)
        cumulative = np.array([mass[values <= x].sum() for x in curve.grid])
        assert (curve.min_fraction <= cumulative + 1e-5).all()
        assert (cumulative <= curve.max_fraction + 1e-5).all()
        assert (np.diff(curve.min_fraction) >= -1e-12).all()


def test_all_eigenvalues_have_their_own_cumulative():
    curve = smoothed(known([0.0, 1.0, 2.0, 5.0], True))
    np.testing.assert_array_equal(curve.min_fraction, curve.max_fraction)
    expected = [(np.array([0, 1, 2, 5]) <= x + 1e-6).mean() for x in curve.grid]
    np.testing.assert_allclose(curve.min_fraction, expected)
