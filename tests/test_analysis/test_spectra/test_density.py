"""Spectral densities against exact spectra: prescribed ones and a network's."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.flatten_util import ravel_pytree

from analysis.spectra import estimates as densities
from analysis.spectra import linear_operator
from analysis.spectra.density import Density, density_from_probes, spectral_density
from analysis.spectra.eigenpairs import top_eigenpairs
from analysis.spectra.quadrature import probe_quadratures
from analysis.spectra.smoothing import smoothed
from landscape.errors import InputError, RunFailure

KEY = jax.random.key(0)


def matrix(eigenvalues, seed=0):
    values = np.asarray(eigenvalues, np.float64)
    square = np.random.default_rng(seed).standard_normal((len(values),) * 2)
    vectors = np.linalg.qr(square)[0]
    return (vectors * values) @ vectors.T


@functools.cache
def network():
    """The dense Hessian of a small network after some training, and its spectrum."""
    generator = np.random.default_rng(0)
    with jax.enable_x64(True):
        label = generator.integers(0, 4, 200)
        centres = generator.standard_normal((4, 12))
        image = jnp.asarray(centres[label] + generator.standard_normal((200, 12)))
        shapes = {"a": (12, 20), "b": (20,), "c": (20, 4), "d": (4,)}
        params = {
            name: jnp.asarray(generator.standard_normal(shape) / np.sqrt(shape[0]))
            for name, shape in shapes.items()
        }

        def loss(params):
            hidden = jnp.tanh(image @ params["a"] + params["b"])
            logits = hidden @ params["c"] + params["d"]
            return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(200), label])

        step = jax.jit(
            lambda p: jax.tree.map(lambda x, g: x - 0.3 * g, p, jax.grad(loss)(p))
        )
        for _ in range(150):
            params = step(params)
        flat, unravel = ravel_pytree(params)
        hessian = np.array(jax.jit(jax.hessian(lambda w: loss(unravel(w))))(flat))
    return hessian, np.linalg.eigvalsh(hessian)


def estimate(dense, **options):
    return spectral_density(linear_operator.from_matrix(dense), key=KEY, **options)


def wasserstein(density, exact):
    """The Wasserstein-1 distance of the mean over probes from a list of eigenvalues."""
    nodes, weights = density.nodes.ravel(), density.weights.ravel()
    return scipy.stats.wasserstein_distance(nodes, exact, weights)


EVEN = np.linspace(-1, 2, 60)


@pytest.mark.parametrize("vmap", [False, True], ids=["sequential", "vmapped"])
@pytest.mark.parametrize(
    "values",
    [EVEN, np.r_[np.linspace(-0.01, 0.01, 52), 1 + np.arange(8.0)]],
    ids=["even", "outliers"],
)
def test_the_quadrature_has_the_moments_of_its_probe_up_to_twice_its_steps(
    values, vmap
):
    with jax.enable_x64(True):
        dense = matrix(values)
        op, steps = linear_operator.from_matrix(dense), 8
        options = {"key": KEY, "num_steps": steps, "vmap": vmap}
        found = probe_quadratures(op, num_probes=3, first=1, **options)
        scaled = dense / np.abs(values).max()
        for i, each in enumerate(found, 1):
            z = jax.random.normal(jax.random.fold_in(KEY, i), (60,))
            z = np.asarray(z / jnp.linalg.norm(z))
            nodes, product = each.nodes / np.abs(values).max(), z
            for order in range(2 * steps):
                # Each step perturbs the matrix by the rounding of sums of 60 terms, and
                # a moment by order times as much.
                rounding = 2 * steps * 60 * np.finfo(float).eps
                assert abs(each.weights @ nodes**order - z @ product) < rounding
                product = scaled @ product
            if values is EVEN:
                assert abs(each.weights @ nodes ** (2 * steps) - z @ product) > 1e-9


@functools.cache
def ten_probes(seed=0):
    """The quadratures of the network's Hessian, by 80 steps each."""
    op = linear_operator.from_matrix(network()[0])
    return op, list(probe_quadratures(op, key=jax.random.key(seed)))


@pytest.mark.parametrize("num_probes", [2, 10])
def test_exact_weights_of_isolated_eigenvalues_halve_the_error(num_probes):
    exact, errors = network()[1], {True: [], False: []}
    for seed in range(3):
        op, found = ten_probes(seed)
        for exact_weights in errors:
            got = density_from_probes(op, found[:num_probes], None, exact_weights)
            errors[exact_weights].append(wasserstein(got, exact) / exact[-1])
    assert np.mean(errors[True]) < 0.5 * np.mean(errors[False])


def test_isolated_eigenvalues_are_in_the_spectrum_once():
    op, found = ten_probes()
    exact, got = network()[1], density_from_probes(op, found[:4])
    assert got.isolated.sum(1).min() > 20
    assert np.all(got.weights[got.isolated] == 1 / got.size)
    for nodes, isolated in zip(got.nodes, got.isolated, strict=True):
        positions = np.abs(nodes[isolated][:, None] - exact).argmin(1)
        assert len(set(positions)) == len(positions)
        np.testing.assert_allclose(
            nodes[isolated], exact[positions], atol=2e-6 * exact[-1]
        )
    np.testing.assert_allclose(got.weights.sum(1), 1, rtol=1e-12)


def test_one_probe_alone_knows_no_multiplicity():
    op, found = ten_probes()
    got = density_from_probes(op, found[:1])
    np.testing.assert_allclose(got.weights, got.raw, rtol=1e-12)
    assert not got.isolated.any()


def mass_near(density, at, width=1e-3):
    """The weight of each probe's nodes there, and whether all of them are isolated."""
    near = np.abs(density.nodes - at) < width
    weights = (near * density.weights).sum(1)
    return weights, density.isolated[near & (density.weights > 1e-9)].all()


@pytest.mark.parametrize("vmap", [False, True], ids=["sequential", "vmapped"])
def test_a_multiplicity_below_the_number_of_probes_is_known(vmap):
    bulk = np.linspace(0, 0.4, 60)
    values = np.r_[np.full(40, 1.0), 1.5, 1.5, 2.0, np.full(3, 2.5), bulk]
    got = estimate(matrix(values), num_steps=25, num_probes=5, vmap=vmap)
    for at, times in {1.5: 2, 2.0: 1, 2.5: 3}.items():
        weights, isolated = mass_near(got, at)
        assert isolated
        np.testing.assert_allclose(weights, times / len(values), rtol=1e-9)
    # Five vectors span no more than five of forty dimensions.
    weights, isolated = mass_near(got, 1.0)
    assert not isolated and weights.std() > 1e-3
    np.testing.assert_allclose(got.weights.sum(1), 1, rtol=1e-12)


def test_eigenvalues_that_one_node_stands_for_are_counted_together():
    close = np.r_[3.0, 3.0 + 3e-7, 3.0 + 6e-7]
    values = np.r_[close, 2.0, np.linspace(0, 1, 40)]
    for steps in (20, 30):
        got = estimate(matrix(values), num_steps=steps, num_probes=6)
        for at, times in {3.0: 3, 2.0: 1}.items():
            weights, isolated = mass_near(got, at)
            assert isolated
            np.testing.assert_allclose(weights, times / 44, rtol=1e-9)


def test_a_spectrum_that_is_seen_whole_has_equal_weights():
    values = np.arange(1.0, 31.0)
    got = estimate(matrix(values), num_steps=30, num_probes=3)
    np.testing.assert_allclose(got.nodes, np.tile(values, (3, 1)), rtol=1e-5)
    np.testing.assert_array_equal(got.weights, 1 / 30)


@pytest.mark.parametrize("vmap", [False, True])
def test_later_probes_are_those_of_the_whole_run_and_are_reported(vmap):
    op, told = linear_operator.from_matrix(matrix(np.arange(30.0))), []
    options = {"key": KEY, "num_steps": 25, "num_probes": 3, "vmap": vmap}
    whole = list(probe_quadratures(op, report=told.append, **options))
    assert told == sorted(told) and told[-1] == 75
    assert vmap or {10, 20, 25, 35, 50} < set(told)
    later = list(probe_quadratures(op, first=1, report=told.append, **options))
    assert min(told[told.index(75) + 1 :]) > 25 and told[-1] == 75
    assert not list(probe_quadratures(op, first=3, **options))
    if vmap:
        # Two and three probes are two programs; their moments are tested above.
        assert len(later) == 2
        return
    for one, other in zip(whole[1:], later, strict=True):
        np.testing.assert_array_equal(one.nodes, other.nodes)
        np.testing.assert_array_equal(one.weights, other.weights)


@pytest.mark.parametrize(
    "values, nodes",
    [
        (np.ones(30), {1.0: 1.0}),
        (np.zeros(30), {0.0: 1.0}),
        (
            np.repeat([0.0, 1, 2, 3], [27, 1, 1, 1]),
            {0: 0.9, 1: 1 / 30, 2: 1 / 30, 3: 1 / 30},
        ),
    ],
    ids=["identity", "zero", "rank 3"],
)
@pytest.mark.parametrize("scale", [1.0, 1e-5])
def test_an_exhausted_krylov_space_gives_the_spectrum(values, nodes, scale):
    got = estimate(scale * matrix(values), num_steps=20, num_probes=3)
    assert np.isfinite(got.nodes).all() and np.isfinite(got.weights).all()
    assert wasserstein(got, scale * values) < 2e-6 * scale
    for at, weight in nodes.items():
        near = np.abs(got.nodes / scale - at) < 1e-5
        np.testing.assert_allclose((near * got.weights).sum(1), weight, atol=1e-6)


def test_a_scaled_operator_has_the_scaled_density():
    hessian, _ = network()
    one, two = (
        estimate(scale * hessian.astype(np.float32), num_probes=2)
        for scale in (np.float32(1), np.float32(2.0**-17))
    )
    np.testing.assert_array_equal(two.nodes * 2.0**17, one.nodes)
    np.testing.assert_array_equal(two.weights, one.weights)
    small = estimate(1e-5 * hessian, num_probes=2)
    np.testing.assert_allclose(
        densities.trace(small).value / 1e-5, densities.trace(one).value, rtol=1e-4
    )


def test_known_pairs_are_point_masses_and_the_probes_see_the_bulk():
    hessian, exact = network()
    op = linear_operator.from_matrix(hessian)
    pairs = top_eigenpairs(op, 12, key=KEY, which="largest", tol=1e-9, max_basis=80)
    assert pairs.converged.all()
    options = {"key": KEY, "num_steps": 66, "num_probes": 3}
    got = spectral_density(op, pairs=pairs, **options)
    plain = spectral_density(op, exact_weights=False, **options)
    rows = zip(got.nodes, got.weights, got.isolated, strict=True)
    for nodes, weights, isolated in rows:
        assert np.array_equal(nodes[-12:], pairs.values[::-1]) and isolated[-12:].all()
        assert np.all(weights[-12:] == 1 / got.size)
        # Nothing of the deflated comes back among the rest.
        assert nodes[-13] <= exact[-13] * (1 + 1e-6)
    np.testing.assert_allclose(got.weights.sum(1), 1, rtol=1e-12)
    assert wasserstein(got, exact) < 0.5 * wasserstein(plain, exact)


def test_all_pairs_known_are_the_whole_density():
    op = linear_operator.from_matrix(np.diag([3.0, -1.0, 2.0]))
    pairs = top_eigenpairs(op, 3, key=KEY)
    got = spectral_density(op, key=KEY, pairs=pairs)
    np.testing.assert_allclose(got.nodes, [[-1, 2, 3]], atol=1e-6)
    assert wasserstein(got, np.array([3.0, -1.0, 2.0])) < 1e-6 and got.products == 0


@pytest.mark.parametrize("zeros", [0, 30])
def test_a_fraction_lies_within_its_bounds(zeros):
    generator = np.random.default_rng(1)
    half = generator.uniform(0.05, 1, (60 - zeros) // 2)
    # As many on both sides: an even number of nodes then leaves out zero itself.
    values = np.concatenate([half, -half, np.zeros(zeros)])
    with jax.enable_x64(True):
        dense = matrix(values)
        z = np.asarray(jax.random.normal(jax.random.fold_in(KEY, 0), (60,), float))
        op = linear_operator.from_matrix(jnp.asarray(dense))
        found = spectral_density(
            op, key=KEY, num_steps=8, num_probes=1, exact_weights=False
        )
    eigenvalues, vectors = np.linalg.eigh(dense)
    mass = (vectors.T @ z) ** 2 / (z @ z)
    widths = []
    for tol in np.linspace(0.02, 1.05, 60):
        low, high = densities.fraction_bounds(found, tol)
        fraction = mass[np.abs(eigenvalues) <= tol].sum()
        assert low - 1e-9 <= fraction <= high + 1e-9, tol
        widths.append(high - low)
    assert np.mean(widths) < 0.7


def test_a_smoothed_curve_has_the_mass_and_spread_of_the_probes():
    hessian, exact = network()
    op = linear_operator.from_matrix(hessian)
    pairs = top_eigenpairs(op, 6, key=KEY, which="largest", max_basis=80)
    got = spectral_density(op, key=KEY, num_steps=74, num_probes=4, pairs=pairs)
    whole = smoothed(got)
    np.testing.assert_allclose(np.trapezoid(whole.value, whole.grid), 1, rtol=1e-3)
    assert whole.spread.max() > 0 and len(whole.point_masses) == 0
    curve = smoothed(got, point_masses=pairs.values)
    mass = np.trapezoid(curve.value, curve.grid)
    np.testing.assert_allclose(mass, 1 - 6 / got.size, rtol=1e-3)
    # The curve is zero where only point masses are.
    assert curve.value[curve.grid > 1.5 * exact[-7]].max() < 0.1 * whole.value.min(
        where=(whole.grid > exact[-6]) & (whole.grid < exact[-1]), initial=np.inf
    )
    scaled = smoothed(got._replace(nodes=1e-5 * got.nodes))
    np.testing.assert_allclose(scaled.value * 1e-5, whole.value, rtol=1e-6)


def test_the_spread_is_the_standard_error_of_the_mean():
    weights = np.full((3, 2), 0.5)
    nodes = np.array([[0.0, 2.0], [0.0, 4.0], [0.0, 12.0]])
    got = densities.moment(Density(nodes, weights, weights, weights < 0, 9, 6), 1)
    assert got.samples.tolist() == [1, 2, 6] and got.value == 3
    np.testing.assert_allclose(got.error, np.sqrt((4 + 1 + 9) / 2 / 3))


def test_one_probe_has_an_error_but_no_spread():
    got = estimate(matrix(np.linspace(0, 1, 30)), num_steps=20, num_probes=1)
    found = densities.trace(got)
    assert abs(found.value - 15) < 2 * found.error < 15
    assert not smoothed(got).spread.any()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_probes": 0}, "at least 1, not 80 and 0"),
        ({"num_steps": 0}, "at least 1, not 0 and 10"),
        ({"reorthogonalise": "half"}, "Allowed: full, none"),
    ],
)
def test_a_mistake_of_the_caller_is_one_sentence(options, message):
    with pytest.raises(InputError, match=message):
        estimate(np.eye(5), **options)


@pytest.mark.parametrize("vmap", [False, True])
def test_a_product_that_is_not_finite_is_refused(vmap):
    op = linear_operator.from_function(lambda x: x * jnp.inf, 9)
    with pytest.raises(RunFailure, match="not finite"):
        spectral_density(op, key=KEY, num_steps=5, vmap=vmap)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"width": 0}, "width must be positive"),
        ({"linear": -1.0}, "linear must be positive"),
        ({"num_points": 1}, "at least 2"),
    ],
)
def test_a_mistake_about_the_curve_is_one_sentence(options, message):
    with pytest.raises(InputError, match=message):
        smoothed(estimate(np.diag(np.arange(5.0)), num_steps=3), **options)
