"""Dense matrices of operators, and what is computed of them, on a small Hessian."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from analysis import curvature
from analysis.spectra import dense
from analysis.spectra.dense import live_rows, materialise
from analysis.spectra.exact import eigenvalues
from analysis.spectra.factorisation import inertia
from landscape import trees
from landscape.errors import InputError


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


def test_the_dense_matrix_is_the_hessian():
    with jax.enable_x64(True):
        params, batch = problem()
        flat, unravel = ravel_pytree(params)
        want = jax.jit(jax.hessian(lambda w: loss_fn(unravel(w), batch)))(flat)
        op = curvature.hessian(loss_fn, params, batch)
        for block_size in (None, 1, 100):
            told = []
            got = materialise(op, block_size=block_size, report=told.append)
            assert told == sorted(told) and told[-1] == op.size
            np.testing.assert_allclose(got, want, rtol=0, atol=1e-13)
            np.testing.assert_array_equal(got, got.T)
        # Two inputs are always zero: their ten weights have no curvature.
        values = eigenvalues(op)
        np.testing.assert_allclose(values, np.linalg.eigvalsh(want), atol=1e-12)
        assert (values == 0).sum() == 10
        live = live_rows(op)
        np.testing.assert_array_equal(live, np.flatnonzero(want.any(0)))
        part = materialise(op, indices=live[::2])
        np.testing.assert_allclose(part, want[np.ix_(live[::2], live[::2])], atol=1e-13)
        _, vectors = eigenvalues(op, vectors=True, report=told.append)
        assert told[-1] == len(live) == op.size - 10
        rotated = vectors * values @ vectors.T
        np.testing.assert_allclose(rotated, want, rtol=0, atol=1e-12)
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


def test_products_that_are_not_scannable_are_sequential():
    seen = []

    class Operator:
        size, dtype, scannable = 3, np.float32, False

        def matvec(self, x):
            seen.append(np.asarray(x).tolist())
            return 2 * jnp.asarray(x)

    np.testing.assert_array_equal(materialise(Operator()), 2 * np.eye(3))
    assert seen == np.eye(3).tolist()


def test_a_large_matrix_is_made_symmetric_stripe_by_stripe(monkeypatch):
    monkeypatch.setattr(dense, "STRIPE", 3)
    draw = np.random.default_rng(0).normal(size=(2, 8, 8))
    skew = draw[0] + draw[0].T + 1e-7 * draw[1]  # As rounding leaves it.

    class Operator:
        size, dtype, scannable = 8, np.float64, False

        def matvec(self, x):
            return skew @ x

    got = materialise(Operator(), block_size=1)
    np.testing.assert_allclose(got, (skew + skew.T) / 2, rtol=1e-15)


def test_a_block_size_below_one_is_refused():
    params, batch = problem(np.float32)
    op = curvature.hessian(loss_fn, params, batch)
    with pytest.raises(InputError, match="block_size must be at least 1, not 0"):
        materialise(op, block_size=0)
    assert trees.size(params) == op.size
