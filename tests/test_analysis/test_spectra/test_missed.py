"""Eigenvalues that one Krylov space does not show, and errors that are true."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from analysis import curvature, spectra
from analysis.spectra.eigenpairs import top_eigenpairs
from analysis.spectra.missed import Ends, miss_probability

KEY = jax.random.key(0)


def diagonal(values):
    values = jnp.asarray(values, float)
    return spectra.from_function(Partial(jnp.multiply, values), len(values))


def regression(outputs):
    """Linear regression by mean squared error: every eigenvalue `outputs` times."""
    x = np.random.default_rng(0).normal(size=(500, 120)) * np.arange(1, 121) ** -0.5
    hessian = 2 * x.T @ x / (500 * outputs)

    def product(h, v):
        return (h @ v.reshape(120, outputs)).ravel()

    op = spectra.from_function(Partial(product, jnp.asarray(hessian)), 120 * outputs)
    return op, np.repeat(np.linalg.eigvalsh(hessian)[::-1], outputs)


@pytest.mark.parametrize("outputs", [5, 10])
def test_all_copies_of_a_multiple_eigenvalue_are_found_in_a_rich_spectrum(outputs):
    with jax.enable_x64(True):
        op, values = regression(outputs)
        first, pairs = (
            top_eigenpairs(op, 10, key=KEY, which="largest", verify=verify)
            for verify in (False, True)
        )
        want = values[:10]
        # What is missed without a look, though it is marked as converged.
        assert first.converged.all() and np.abs(first.values - want).max() > 0.05
        assert pairs.converged.all()
        off = np.abs(pairs.values - want)
        assert np.all(off <= pairs.errors) and np.all(off <= 1e-6 * want)
        assert pairs.miss_probability < 1e-3 and first.miss_probability == 1
        copies = 10 - 10 // outputs
        assert pairs.products - first.products <= 25 * (copies + 1)
        vectors = np.asarray(pairs.vectors)
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(10), atol=1e-12)
        off = spectra.residuals(op, pairs)
        assert np.all(off <= 1.01 * pairs.residuals + 1e-15)


def test_a_value_that_stays_between_two_near_eigenvalues_is_resolved():
    # The fifth from below converges to the sixth, 7e-4 above it, in one Krylov space.
    with jax.enable_x64(True):
        values = np.sort(np.random.default_rng(188).normal(size=150))
        pairs = top_eigenpairs(
            spectra.from_matrix(np.diag(values)), 5, key=jax.random.key(188)
        )
        off = np.abs(pairs.values[5:][::-1] - values[:5])
        assert pairs.converged.all() and np.all(off <= pairs.errors[5:][::-1])
        assert off.max() < 2e-6


@pytest.mark.parametrize("which", ["largest", "both", "smallest", "magnitude"])
def test_an_eigenvalue_of_more_copies_than_are_sought_is_found_that_often(which):
    bulk = np.random.default_rng(0).normal(size=280) / 2
    with jax.enable_x64(True):
        op = diagonal(np.concatenate([np.full(8, -3.0), bulk, np.full(12, 3.0)]))
        pairs = top_eigenpairs(op, 4, key=KEY, which=which)
        high = {"largest": 4, "both": 4, "smallest": 0}
        if which in high:
            count = high[which]
            want = [3.0] * count + [-3.0] * (len(pairs.values) - count)
            np.testing.assert_allclose(pairs.values, want, rtol=1e-6)
        np.testing.assert_allclose(np.abs(pairs.values), 3, rtol=1e-6)
        assert pairs.converged.all() and np.all(
            np.abs(np.abs(pairs.values) - 3) <= pairs.errors
        )


def test_few_distinct_values_and_small_matrices_are_exact_and_nothing_is_missed():
    with jax.enable_x64(True):
        for values, k in (
            (np.repeat([1.0, 2.0, 3.0], 20), 5),
            (np.ones(60), 5),
            (np.zeros(60), 5),
            (np.arange(60.0) < 3, 5),
            (np.arange(3.0), 3),
            (np.ones(2), 1),
        ):
            pairs = top_eigenpairs(diagonal(values), k, key=KEY, which="largest")
            np.testing.assert_allclose(
                pairs.values, np.sort(values)[::-1][:k], atol=1e-13
            )
            assert pairs.converged.all() and pairs.miss_probability == 0


def test_the_miss_probability_is_that_of_a_random_start():
    # One eigenvalue 1 above a bulk in [0, 1/2]: how often m steps do not see it.
    size, steps, draw = 50, 5, np.random.default_rng(0)
    values = np.append(np.linspace(0, 0.5, size - 1), 1.0)
    missed, bounds = 0, []
    for _ in range(300):
        z = draw.normal(size=size)
        basis = np.linalg.qr(np.vander(values, steps, increasing=True) * z[:, None])[0]
        seen = np.linalg.eigvalsh(basis.T @ (values[:, None] * basis))
        if seen[-1] < 0.8:
            missed += 1
        ends, extent = Ends(-np.inf, 1.0), (0.0, 1.0)
        # Had this been seen, the probability that 1 is there would be at most:
        bounds.append(
            miss_probability(np.array([seen[0], 0.8]), ends, extent, size, steps)
        )
    assert 0 < missed / 300 <= bounds[0] < 1
    # No gap: nothing is known. A gap on either side: both may miss.
    assert miss_probability(np.array([0.0, 1.0]), ends, extent, 50, 25) == 1
    both = miss_probability(np.array([0.2, 0.8]), Ends(0.0, 1.0), extent, 50, 25)
    one = miss_probability(np.array([0.2, 0.8]), ends, extent, 50, 25)
    np.testing.assert_allclose(both, 2 * one)


def loss_fn(params, batch):
    hidden = jnp.tanh(batch["image"] @ params["a"])
    return jnp.mean((hidden @ params["b"] - batch["label"]) ** 2)


def test_stated_errors_hold_the_rounding_of_products_in_single_precision():
    draw = np.random.default_rng(0)
    params = {"a": draw.normal(size=(9, 8)), "b": draw.normal(size=(8, 3))}
    batch = {"image": draw.normal(size=(80, 9)), "label": draw.normal(size=(80, 3))}
    single = jax.tree.map(np.float32, (params, batch))
    op = curvature.hessian(loss_fn, *single, check=False)
    pairs = top_eigenpairs(op, 5, key=KEY, verify=False)
    with jax.enable_x64(True):
        flat, unravel = jax.flatten_util.ravel_pytree(
            jax.tree.map(np.float64, single[0])
        )
        batch = jax.tree.map(np.float64, single[1])
        dense = jax.jit(jax.hessian(lambda w: loss_fn(unravel(w), batch)))(flat)
        values = np.linalg.eigvalsh(dense)[::-1]
    off = np.abs(pairs.values - np.concatenate([values[:5], values[-5:]]))
    unit = np.finfo(np.float32).eps * values[0]
    assert pairs.converged.all() and off.max() > 0.1 * unit
    assert np.all(off <= pairs.errors) and np.median(pairs.errors) < 20 * unit


def test_stated_errors_hold_the_noise_that_products_show():
    def coarse(dense, x):
        return dense @ x.astype(jnp.bfloat16).astype(x.dtype)

    values = np.concatenate([np.linspace(-0.1, 0.1, 60), [1.0, 2.0, 3.0]])
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(63, 63)))[0]
    dense = jnp.asarray((basis * values) @ basis.T, jnp.float32)
    op = spectra.from_function(Partial(coarse, dense), 63)
    pairs = top_eigenpairs(op, 3, key=KEY, which="largest")
    off = np.abs(pairs.values - [3, 2, 1])
    assert off.max() > 1e-5 and np.all(off <= pairs.errors)
    assert pairs.errors.max() < 0.1
