"""What can be done with an operator: on quadratic losses, whose matrices are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse.linalg
from jax.flatten_util import ravel_pytree

from analysis import curvature
from landscape.errors import InputError

MASK = {"a": np.array([True, False, True]), "b": [np.bool_(True), False]}
KEPT = np.array([0, 2, 3, 4])
SIZE = 6


def make_params(dtype=float):
    return {"a": jnp.ones(3, dtype), "b": [jnp.ones((2, 1), dtype), jnp.ones(1, dtype)]}


def data(seed=0):
    return np.random.default_rng(seed).standard_normal((5, SIZE))


def loss_fn(params, x):
    return jnp.mean((x @ ravel_pytree(params)[0]) ** 2) / 2


def quadratic(seed=0, **options):
    return curvature.hessian(loss_fn, make_params(), data(seed), check=False, **options)


def matrix(seed=0):
    return data(seed).T @ data(seed) / 5


def block():
    return matrix()[np.ix_(KEPT, KEPT)]


def assert_close(got, want, tolerance=1e-12):
    error = np.linalg.norm(np.asarray(got) - want) / np.linalg.norm(want)
    assert error < tolerance, error


def test_pytrees_keep_the_full_shape_and_are_zero_where_pruned():
    with jax.enable_x64(True):
        op = quadratic(mask=MASK)
        v = jax.tree.map(
            lambda p: np.cos(np.arange(p.size)).reshape(p.shape), op.unravel(np.ones(4))
        )
        flat, full = ravel_pytree(v)[0][KEPT], np.zeros(SIZE)
        full[KEPT] = block() @ flat
        for out in (op(v), jax.jit(lambda op, v: op(v))(op, v)):
            assert jax.tree.structure(out) == jax.tree.structure(v)
            got = np.asarray(ravel_pytree(out)[0])
            assert_close(got, full)
            assert not got[full == 0].any()
        assert_close(op.matvec(flat), full[KEPT])
        assert op.unravel(np.ones(4))["a"].tolist() == [1, 0, 1]


def test_operators_are_added_scaled_and_shifted():
    with jax.enable_x64(True):
        h, g = quadratic(0), quadratic(1, chunk_size=2)
        H, G, eye = matrix(0), matrix(1), np.eye(SIZE)
        v = np.cos(np.arange(SIZE))
        apply = jax.jit(lambda op, x: op @ x)
        for got, want in (
            (h - g, H - G),
            (2 * h + 0.1, 2 * H + 0.1 * eye),
            (np.float64(2) * h / 4 - 3, H / 2 - 3 * eye),
            (1.5 - h * jnp.float64(2), 1.5 * eye - 2 * H),
            (-(g + h), -G - H),
        ):
            assert_close(apply(got, v), want @ v)
        masked = quadratic(mask=MASK)
        assert_close((masked + 2).matvec(v[:4]), block() @ v[:4] + 2 * v[:4])
        with pytest.raises(InputError, match=r"the same entries.*6 and 4"):
            h - masked
        other = MASK | {"a": np.array([False, True, True])}
        with pytest.raises(InputError, match="the same entries"):
            masked + h.restrict(mask=other)
        for wrong in (np.eye(SIZE), "2", 1j):
            with pytest.raises(TypeError):
                h + wrong
            with pytest.raises(TypeError):
                wrong * h


def test_scipy_takes_operators_as_they_are():
    with jax.enable_x64(True):
        op = quadratic(mask=MASK)
        want = np.linalg.eigvalsh(block())[-2:]
        for a in (op, op.to_scipy(), scipy.sparse.linalg.aslinearoperator(op)):
            got = scipy.sparse.linalg.eigsh(a, k=2, return_eigenvectors=False)
            np.testing.assert_allclose(np.sort(got), want, rtol=1e-9)
        assert_close(op.to_scipy() @ np.eye(4), block())
        shifted = op + 10.0
        x, info = scipy.sparse.linalg.cg(shifted, np.ones(4), rtol=1e-12)
        assert info == 0
        assert_close(shifted.matvec(x), np.ones(4), 1e-9)


def test_matfree_takes_the_product_of_an_operator():
    from matfree import decomp

    op = quadratic(mask=MASK)
    tridiagonalise = decomp.tridiag_sym(4, reortho="full")
    found = tridiagonalise(op.matvec, jnp.ones(4) / 2)
    got, want = map(np.linalg.eigvalsh, (found.J_small, block()))
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_lineax_solves_with_an_operator():
    import lineax

    op = quadratic(mask=MASK) + 1
    shape, tag = jax.ShapeDtypeStruct((4,), op.dtype), lineax.positive_semidefinite_tag
    wrapped = lineax.FunctionLinearOperator(op.matvec, shape, tag)
    solver = lineax.CG(rtol=1e-6, atol=1e-6)
    found = lineax.linear_solve(wrapped, jnp.ones(4), solver).value
    np.testing.assert_allclose(op.matvec(found), np.ones(4), atol=1e-5)


def test_products_run_in_jit_vmap_and_loops_and_compile_nothing_again():
    calls = []

    def counting_loss(params, x):
        calls.append(1)
        return loss_fn(params, x)

    @jax.jit
    def power(op, x):
        return jax.lax.fori_loop(0, 3, lambda _, x: op.matvec(x), x)

    def use(scale, options):
        params = jax.tree.map(lambda x: scale * x, make_params())
        op = curvature.hessian(counting_loss, params, scale * data(), **options)
        powered, row = power(op, np.ones(op.size)), op.matvec(np.ones(op.size))
        rows = jax.vmap(op.matvec)(np.eye(op.size)[:2])
        return op, powered, row, rows

    with jax.enable_x64(True):
        for options in ({"mask": MASK}, {"chunk_size": 2}):
            op, powered, row, rows = use(1.0, options)
            assert op.scannable
            dense = block() if "mask" in options else matrix()
            assert_close(powered, np.linalg.matrix_power(dense, 3).sum(1))
            assert_close(row, dense.sum(1))
            assert_close(rows, dense[:2])
            traced = len(calls)
            use(2.0, options)
            # vmap outside of jit traces what is linear alone.
            assert len(calls) == traced > 0


def test_64_bits_are_not_switched_on_behind_the_callers_back():
    op = quadratic()
    assert op.dtype == np.float32 and op.matvec(np.ones(SIZE)).dtype == np.float32
    assert not jax.config.jax_enable_x64 and jnp.zeros(1).dtype == np.float32


def test_vectors_that_do_not_fit_are_refused_in_a_sentence():
    op, params = quadratic(mask=MASK), make_params()
    with pytest.raises(InputError, match=r"shape \(4,\), not \(6,\)"):
        op.matvec(np.ones(SIZE))
    with pytest.raises(InputError, match="structure of the parameters"):
        op(list(params))
    with pytest.raises(InputError, match=r"a must have shape \(3,\), not \(1,\)"):
        op(params | {"a": jnp.ones(1)})
    with pytest.raises(InputError, match="keeps no entry"):
        op.restrict(mask=jax.tree.map(np.logical_not, MASK))
