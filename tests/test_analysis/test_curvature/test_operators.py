import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse.linalg
from flax import nnx
from jax.flatten_util import ravel_pytree

from analysis import curvature
from landscape.errors import InputError
from landscape.objective import cross_entropy, weighted_mean

ROOT = Path(__file__).parents[3]
NUM = 7
WEIGHT = np.array([1, 2, 0, 0.3, 1, 4, 0.1])
BATCHINGS = {
    "one batch": ([NUM], {}),
    "uneven batches": ([3, 3, 1], {}),
    "single examples": ([1] * NUM, {}),
    "chunks": ([NUM], {"chunk_size": 3}),
    "chunks of uneven batches": ([4, 3], {"chunk_size": 2}),
    "no memory": ([4, 3], {"memory": 2000}),
}


def data(weighted=True):
    rng = np.random.default_rng(0)
    batch = {
        "image": rng.standard_normal((NUM, 4)),
        "label": rng.integers(0, 3, NUM).astype(np.int32),
    }
    return batch | {"weight": WEIGHT} if weighted else batch


def split(batch, sizes):
    ends = np.cumsum(sizes)
    return [
        {name: x[end - size : end] for name, x in batch.items()}
        for size, end in zip(sizes, ends, strict=True)
    ]


def make_params(dtype=float):
    """Another pytree than a dict of dicts: tuples, as Equinox and NNX have them."""
    normal = np.random.default_rng(1).standard_normal
    params = ({"kernel": normal((4, 5)), "bias": normal(5)}, {"kernel": normal((5, 3))})
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), params)


def make_mask():
    kept = np.random.default_rng(2).random
    return (
        {"kernel": kept((4, 5)) < 0.4, "bias": np.bool_(True)},
        {"kernel": kept((5, 3)) < 0.6},
    )


def model_fn(params, batch):
    first, second = params
    hidden = jnp.tanh(batch["image"] @ first["kernel"] + first["bias"])
    return hidden @ second["kernel"]


def per_example(params, batch):
    return cross_entropy(model_fn(params, batch), batch["label"], 0.1)


def output_loss(outputs, batch):
    losses = cross_entropy(outputs, batch["label"], 0.1)
    return weighted_mean(losses, batch.get("weight"))


def loss_fn(params, batch):
    return output_loss(model_fn(params, batch), batch)


def plain_loss(params, batch):
    return cross_entropy(model_fn(params, batch), batch["label"])


def each_example(function):
    """Of each example alone: the value of `function(flat params, one)`."""
    flat, unravel = ravel_pytree(make_params())
    function_of = jax.jit(lambda w, one: function(unravel, w, one))
    ones = split(data(False), [1] * NUM)
    return np.stack([np.asarray(function_of(flat, one)) for one in ones])


@cache
def twins():
    """Each kind's matrix for each example, by plain differentiation; and gradients."""

    def hessian(unravel, w, one):
        return jax.hessian(lambda w: loss_fn(unravel(w), one))(w)

    def jacobian(unravel, w, one):
        return jax.jacrev(lambda w: model_fn(unravel(w), one)[0])(w)

    def inner(unravel, w, one):
        outputs = model_fn(unravel(w), one)[0]
        return jax.hessian(lambda z: output_loss(z[None], one))(outputs)

    def gradient(unravel, w, one):
        return jax.grad(lambda w: loss_fn(unravel(w), one))(w)

    def plain(unravel, w, one):
        return jax.grad(lambda w: plain_loss(unravel(w), one)[0])(w)

    h, j, k, g, e = map(each_example, (hessian, jacobian, inner, gradient, plain))
    gauss = np.einsum("nka,nkl,nlb->nab", j, k, j)
    return {
        "hessian": h,
        "gauss_newton": gauss,
        "residual": h - gauss,
        "covariance": np.einsum("na,nb->nab", g, g),
        "output": np.einsum("nka,nkb->nab", j, j),
        "fisher": np.einsum("na,nb->nab", e, e),
        "gradients": g,
    }


KINDS = {
    "hessian": lambda *args, **o: curvature.hessian(loss_fn, *args, **o),
    "gauss_newton": lambda *args, **o: curvature.gauss_newton(
        model_fn, output_loss, *args, **o
    ),
    "residual": lambda *args, **o: curvature.residual(
        model_fn, output_loss, *args, **o
    ),
    "covariance": lambda *args, **o: curvature.gradient_covariance(
        per_example, *args, **o
    ),
    "centred": lambda *args, **o: curvature.gradient_covariance(
        per_example, *args, centred=True, **o
    ),
    "output": lambda *args, **o: curvature.output_gradient_covariance(
        model_fn, *args, **o
    ),
    "fisher": lambda *args, **o: curvature.fisher(model_fn, *args, **o),
}


def twin(kind, weighted=True, with_mask=False):
    weight = WEIGHT if weighted else np.ones(NUM)
    share = weight / weight.sum()
    found = twins()["covariance" if kind == "centred" else kind]
    total = np.einsum("n,nab->ab", share, found)
    if kind == "centred":
        mean = share @ twins()["gradients"]
        total = total - np.outer(mean, mean)
    if not with_mask:
        return total
    kept = keeps(make_mask())
    return total[np.ix_(kept, kept)]


def keeps(mask):
    full = jax.tree.map(lambda m, p: np.broadcast_to(m, p.shape), mask, make_params())
    return np.flatnonzero(np.concatenate([x.ravel() for x in jax.tree.leaves(full)]))


def assert_close(got, want, tolerance=1e-10):
    error = np.linalg.norm(np.asarray(got) - want) / np.linalg.norm(want)
    assert error < tolerance, error


def check(op, want):
    dense = np.asarray(op.to_dense())
    assert op.size == len(want) and op.dtype == np.float64
    assert_close(dense, want)
    # u.Hv = v.Hu for all u and v.
    assert_close(dense, dense.T, 1e-13)
    return dense


@pytest.mark.parametrize("batching", BATCHINGS)
def test_the_hessian_equals_its_dense_twin_however_the_data_are_batched(batching):
    sizes, options = BATCHINGS[batching]
    with jax.enable_x64(True):
        batches = split(data(), sizes)
        check(KINDS["hessian"](make_params(), batches, **options), twin("hessian"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_operator_equals_its_dense_twin(kind):
    with jax.enable_x64(True):
        op = KINDS[kind](make_params(), split(data(False), [3, 3, 1]))
        check(op, twin(kind, weighted=False))


@pytest.mark.parametrize("kind", KINDS)
def test_every_masked_operator_in_chunks_equals_its_dense_twin(kind):
    options = {"mask": make_mask(), "chunk_size": 2}
    with jax.enable_x64(True):
        op = KINDS[kind](make_params(), split(data(), [5, 2]), **options)
        want = twin(kind, with_mask=True)
        assert op.shape == (21, 21) == want.shape
        check(op, want)


def test_pytrees_keep_the_full_shape_and_are_zero_where_pruned():
    with jax.enable_x64(True):
        op = KINDS["hessian"](make_params(), data(), mask=make_mask())
        v = jax.tree.map(lambda p: np.cos(100 * p), make_params())
        kept, full = keeps(make_mask()), np.zeros(40)
        flat = np.asarray(ravel_pytree(v)[0])[kept]
        full[kept] = twin("hessian", with_mask=True) @ flat
        out = op(v)
        assert jax.tree.structure(out) == jax.tree.structure(v)
        got = np.asarray(ravel_pytree(out)[0])
        assert_close(got, full)
        assert not got[full == 0].any()
        assert_close(op.matvec(flat), full[kept])
        np.testing.assert_array_equal(
            jax.jit(lambda op, v: op(v))(op, v)[1]["kernel"], out[1]["kernel"]
        )


def test_the_labels_of_the_monte_carlo_fisher_are_the_models_own_in_any_batching():
    with jax.enable_x64(True):
        params, key = make_params(), jax.random.key(3)
        dense = [
            curvature.fisher(
                model_fn,
                params,
                split(data(), sizes),
                key=key,
                num_samples=2,
                **options,
            ).to_dense()
            for sizes, options in (BATCHINGS["one batch"], BATCHINGS["uneven batches"])
        ]
        assert_close(dense[0], np.asarray(dense[1]), 1e-13)
        many = curvature.fisher(
            model_fn, params, data(), key=key, num_samples=4000, check=False
        )

        def plain(outputs, batch):
            losses = cross_entropy(outputs, batch["label"])
            return weighted_mean(losses, batch["weight"])

        want = curvature.gauss_newton(
            model_fn, plain, params, data(), check=False
        ).to_dense()
        # 4,000 draws an example: about 1.6 % of each term, but they are few.
        assert_close(many.to_dense(), np.asarray(want), 0.05)
        assert np.linalg.norm(dense[0] - want) > 0.1 * np.linalg.norm(want)
        # Examples that are alike draw their labels apart.
        alike = {"image": np.ones((40, 1))}
        op = curvature.fisher(
            lambda w, batch: batch["image"] @ w,
            jnp.zeros((1, 3)),
            alike,
            key=key,
            check=False,
        )
        assert np.linalg.matrix_rank(op.to_dense()) == 2


def test_a_layer_costs_and_counts_its_own_entries_alone():
    def make(**options):
        return curvature.hessian(loss_fn, make_params(), data(), check=False, **options)

    def check_block(op, kept):
        assert op.size == len(kept)
        v = np.cos(np.arange(op.size))
        assert_close(op.matvec(v), want[np.ix_(kept, kept)] @ v)

    with jax.enable_x64(True):
        want, whole = twin("hessian"), make()
        # Leaves in order: 0/bias, 0/kernel, 1/kernel.
        first, ends = np.arange(25), np.r_[:5, 25:40]
        for layers, kept in (("0", first), (["*/bias", "1/kernel"], ends)):
            op, block = make(layers=layers), whole.restrict(layers=layers)
            check_block(op, kept)
            check_block(block, kept)
            inner = np.intersect1d(kept, keeps(make_mask()))
            check_block(op.restrict(mask=make_mask()), inner)
            check_block(block.restrict(mask=make_mask()), inner)
        out = jax.tree.map(np.asarray, op(make_params()))
        assert np.flatnonzero(ravel_pytree(out)[0]).tolist() == ends.tolist()
        held = [
            sum(x.nbytes for x in jax.tree.leaves(op.leaf_product))
            for op in (make(layers="1"), whole)
        ]
        assert held[0] < held[1]


def test_operators_are_added_scaled_and_shifted():
    with jax.enable_x64(True):
        args = (make_params(), split(data(), [4, 3]))
        h = KINDS["hessian"](*args)
        g = KINDS["gauss_newton"](*args, mask=None, chunk_size=3)
        H, G, eye = twin("hessian"), twin("gauss_newton"), np.eye(40)
        v = np.cos(np.arange(40))
        for got, want in (
            (h - g, twin("residual")),
            (2 * h + 0.1, 2 * H + 0.1 * eye),
            (np.float64(2) * h / 4 - 3, H / 2 - 3 * eye),
            (1.5 - h * jnp.float64(2), 1.5 * eye - 2 * H),
            (-(g + h), -G - H),
        ):
            assert_close(jax.jit(lambda op, x: op @ x)(got, v), want @ v)
        masked = KINDS["hessian"](*args, mask=make_mask())
        got, want = (masked + 2).matvec(v[:21]), twin("hessian", with_mask=True)
        assert_close(got, want @ v[:21] + 2 * v[:21])
        with pytest.raises(InputError, match=r"the same entries.*40 and 21"):
            h - masked
        other = make_mask()
        other[0]["kernel"] = np.roll(other[0]["kernel"], 1)
        with pytest.raises(InputError, match="the same entries"):
            masked + h.restrict(mask=other)
        for wrong in (np.eye(40), "2", 1j):
            with pytest.raises(TypeError):
                h + wrong
            with pytest.raises(TypeError):
                wrong * h


def test_scipy_takes_operators_as_they_are():
    with jax.enable_x64(True):
        op = KINDS["hessian"](make_params(), data(), mask=make_mask())
        want = np.linalg.eigvalsh(twin("hessian", with_mask=True))
        for a in (op, op.to_scipy(), scipy.sparse.linalg.aslinearoperator(op)):
            got = scipy.sparse.linalg.eigsh(a, k=3, return_eigenvectors=False)
            top = np.sort(want[np.argsort(-np.abs(want))[:3]])
            np.testing.assert_allclose(np.sort(got), top, rtol=1e-9)
        both = op.to_scipy() @ np.eye(21)
        assert_close(both, twin("hessian", with_mask=True))
        shifted = op + 10.0
        x, info = scipy.sparse.linalg.cg(shifted, np.ones(21), rtol=1e-12)
        assert info == 0
        assert_close(shifted.matvec(x), np.ones(21), 1e-9)


def test_a_network_of_nnx_is_as_good_as_any():
    class Network(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(4, 2, rngs=rngs)
            self.last = nnx.Linear(2, 3, rngs=rngs)

        def __call__(self, x):
            return self.last(jnp.tanh(self.first(x)))

    static, params = nnx.split(Network(nnx.Rngs(0)))
    batch = jax.tree.map(jnp.asarray, data())

    def loss(params, batch):
        return output_loss(nnx.merge(static, params)(batch["image"]), batch)

    op = curvature.hessian(loss, params, batch, check=False)
    last = curvature.hessian(loss, params, batch, layers="last", check=False)
    assert (op.size, last.size) == (19, 9)
    assert jax.tree.structure(op(params)) == jax.tree.structure(params)
    v = np.cos(np.arange(9), dtype=np.float32)
    want = op.restrict(layers="last").matvec(v)
    np.testing.assert_allclose(last.matvec(v), want, rtol=1e-4, atol=1e-6)


def test_a_network_of_equinox_is_as_good_as_any():
    import equinox

    keys = jax.random.split(jax.random.key(0))
    layers = [equinox.nn.Linear(4, 2, key=keys[0]), equinox.nn.Lambda(jnp.tanh)]
    network = equinox.nn.Sequential([*layers, equinox.nn.Linear(2, 3, key=keys[1])])
    params, static = equinox.partition(network, equinox.is_inexact_array)
    batch = jax.tree.map(jnp.asarray, data())

    def loss(params, batch):
        outputs = jax.vmap(equinox.combine(params, static))(batch["image"])
        return output_loss(outputs, batch)

    op = curvature.hessian(loss, params, batch, check=False)
    assert op.size == 19
    assert jax.tree.structure(op(params)) == jax.tree.structure(params)
    flat, unravel = ravel_pytree(params)
    want = jax.jit(jax.hessian(lambda w: loss(unravel(w), batch)))(flat)
    np.testing.assert_allclose(op.to_dense(), want, rtol=1e-4, atol=1e-6)
    last = curvature.hessian(loss, params, batch, layers="layers/2", check=False)
    np.testing.assert_allclose(last.to_dense(), want[10:, 10:], rtol=1e-4, atol=1e-6)


def test_matfree_takes_the_product_of_an_operator():
    from matfree import decomp

    op = KINDS["hessian"](make_params(np.float32), data(), mask=make_mask())
    tridiagonalise = decomp.tridiag_sym(21, reortho="full")
    found = tridiagonalise(op.matvec, jnp.ones(21) / np.sqrt(21))
    got, want = map(np.linalg.eigvalsh, (found.J_small, op.to_dense()))
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_lineax_solves_with_an_operator():
    import lineax

    op = KINDS["gauss_newton"](make_params(np.float32), data(), mask=make_mask()) + 1
    shape, tag = jax.ShapeDtypeStruct((21,), op.dtype), lineax.positive_semidefinite_tag
    wrapped = lineax.FunctionLinearOperator(op.matvec, shape, tag)
    solver = lineax.CG(rtol=1e-6, atol=1e-6)
    found = lineax.linear_solve(wrapped, jnp.ones(21), solver).value
    np.testing.assert_allclose(op.matvec(found), np.ones(21), atol=1e-5)


def test_products_run_in_jit_vmap_and_loops_and_compile_nothing_anew():
    calls = []

    def counting_loss(params, batch):
        calls.append(1)
        return loss_fn(params, batch)

    @jax.jit
    def power(op, x):
        return jax.lax.fori_loop(0, 3, lambda _, x: op.matvec(x), x)

    def use(scale, options):
        params = jax.tree.map(lambda x: scale * x, make_params())
        op = curvature.hessian(counting_loss, params, data(), **options)
        powered, row = power(op, np.ones(op.size)), op.matvec(np.ones(op.size))
        rows = jax.vmap(op.matvec)(np.eye(op.size)[:2])
        return op, powered, row, rows

    with jax.enable_x64(True):
        for options in ({"mask": make_mask()}, {"chunk_size": 3}):
            op, powered, row, rows = use(1.0, options)
            assert op.scannable
            dense = twin("hessian", with_mask="mask" in options)
            assert_close(powered, np.linalg.matrix_power(dense, 3).sum(1))
            assert_close(row, dense.sum(1))
            assert_close(rows, dense[:2])
            traced = len(calls)
            use(2.0, options)
            # vmap outside of jit traces what is linear alone.
            assert len(calls) == traced > 0


def test_what_does_not_fit_goes_in_chunks_and_gives_the_same_numbers():
    with jax.enable_x64(True):
        batch = jax.tree.map(jnp.asarray, data())
        once = curvature.hessian(loss_fn, make_params(), batch)
        assert once.description.startswith("linearised once, 0.00")
        held = [x for x in jax.tree.leaves(once.leaf_product.args[0])]
        size = sum(x.nbytes for x in held)
        fits = curvature.hessian(loss_fn, make_params(), batch, memory=size)
        assert fits.description == once.description
        less = curvature.hessian(loss_fn, make_params(), batch, memory=size - 1)
        assert less.description.startswith("chunks of 3: linearised once it would take")
        v = np.cos(np.arange(40))
        assert_close(less.matvec(v), np.asarray(once.matvec(v)), 1e-13)


def test_data_larger_than_the_memory_stay_on_the_host():
    with jax.enable_x64(True):
        op = curvature.hessian(
            loss_fn, make_params(), split(data(), [4, 3]), memory=200
        )
        assert " from the host" in op.description and not op.scannable
        held = jax.tree.leaves(op.leaf_product)
        assert sum(isinstance(x, np.ndarray) for x in held) == 6
        assert_close(op.to_dense(), twin("hessian"))


def conv_loss(params, batch):
    out = jax.lax.conv_general_dilated(
        batch,
        params["kernel"],
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return jnp.mean(jnp.tanh(out) ** 2)


def test_convolutions_on_a_cpu_are_kept_out_of_compiled_loops():
    draw = np.random.default_rng(0)
    with jax.enable_x64(True):
        params = {"kernel": jnp.asarray(draw.normal(size=(3, 3, 2, 2)))}
        batch = jnp.asarray(draw.normal(size=(21, 4, 4, 2)))
        flat, unravel = ravel_pytree(params)
        want = jax.jit(jax.hessian(lambda w: conv_loss(unravel(w), batch)))(flat)
        on_cpu = jax.default_backend() == "cpu"
        for options in ({}, {"memory": 20_000}):
            op = curvature.hessian(jax.jit(conv_loss), params, batch, **options)
            assert op.scannable != on_cpu
            assert_close(op.to_dense(), np.asarray(want))
            if not options:
                # 16 examples at a time stay in the caches of a CPU.
                assert len(op.leaf_product.args[0]) == (2 if on_cpu else 1)


def test_a_loss_in_other_units_scales_everything_and_nothing_else():
    """A constant added in a normalisation would show here."""
    params, batch = make_params(np.float32), data(False)
    batch["image"] = batch["image"].astype(np.float32)
    v = np.cos(np.arange(40), dtype=np.float32)

    # A power of two, by which floats are scaled exactly.
    def products(factor):
        def scaled(function):
            return lambda *args: factor * function(*args)

        op = curvature.hessian(scaled(loss_fn), params, batch, check=False)
        yield op.matvec(v)
        scaled_loss = scaled(output_loss)
        op = curvature.gauss_newton(model_fn, scaled_loss, params, batch, check=False)
        yield op.matvec(v)
        op = curvature.gradient_covariance(
            scaled(per_example), params, batch, centred=True, check=False
        )
        yield op.matvec(v) / factor

    for one, two in zip(products(1.0), products(2.0**-17), strict=True):
        np.testing.assert_allclose(two, 2.0**-17 * one, rtol=1e-6, atol=1e-12)


def test_a_kink_is_differentiated_and_not_stepped_over():
    """Differences of gradients are wrong by more than half on a network of ReLUs."""
    w = jnp.asarray([1e-7, -1.0, 2.0], jnp.float32)

    def loss(w, x):
        return jnp.mean(jax.nn.relu(x @ w)) + jnp.mean((x @ w) ** 2) / 2

    x = np.eye(3, dtype=np.float32)
    got = curvature.hessian(loss, w, x).to_dense()
    np.testing.assert_allclose(got, np.eye(3) / 3, rtol=1e-6)


def test_64_bits_are_not_switched_on_behind_the_callers_back():
    op = KINDS["hessian"](make_params(np.float32), data())
    assert op.dtype == np.float32 and op.matvec(np.ones(40)).dtype == np.float32
    assert not jax.config.jax_enable_x64 and jnp.zeros(1).dtype == np.float32


def test_parameters_and_data_stay_as_they_were():
    params = jax.tree.map(np.array, make_params(np.float32))
    batch = data()
    before = jax.tree.map(np.copy, (params, batch))
    op = KINDS["centred"](params, batch)
    op.matvec(np.ones(40))
    jax.tree.map(np.testing.assert_array_equal, (params, batch), before)


def test_examples_are_spread_over_devices_without_changing_the_result():
    code = """
import sys
sys.path.insert(0, "tests/test_analysis/test_curvature")
import jax
jax.config.update("jax_enable_x64", True)
import numpy as np
import test_operators as t
from landscape import devices
mesh = devices.make_mesh(2)
args = t.make_params(), t.split(t.data(), [4, 3])
masked = {"chunk_size": 4, "mask": t.make_mask(), "check": False}
op = t.KINDS["centred"](*args, mesh=mesh, **masked)
t.assert_close(op.to_dense(), t.twin("centred", with_mask=True))
op = t.KINDS["hessian"](*args, mesh=mesh)
t.assert_close(op.to_dense(), t.twin("hessian"))
assert "on each of 2 devices" in op.description
parts = {x.addressable_shards[0].data.shape for x in jax.tree.leaves(op.leaf_product)}
assert (3, 5) in parts and (6, 5) not in parts, parts
assert len(op.to_dense().sharding.device_set) == 2
text = jax.jit(lambda op, x: op.matvec(x)).lower(op, np.ones(40)).compile().as_text()
assert "all-reduce" in text
print("agreed")
"""
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "2", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.stdout == "agreed\n", done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"params": {}}, "needs parameters, not an empty pytree"),
        ({"params": {"w": jnp.arange(3)}}, "w must be of floating point, not int32"),
        ({"mask": {"w": True}}, "structure of the parameters"),
        ({"mask": jax.tree.map(lambda x: x * 0, make_params())}, "must hold booleans"),
        ({"mask": jax.tree.map(lambda x: False, make_params())}, "keeps no entry"),
        ({"layers": "0/kernal"}, "perhaps you meant '0/kernel'"),
        (
            {
                "layers": "1",
                "mask": ({"kernel": True, "bias": True}, {"kernel": False}),
            },
            "keeps no entry",
        ),
        ({"memory": 0}, "memory must be at least 1 byte, not 0"),
        ({"chunk_size": 0}, "chunk_size must be at least 1, not 0"),
        ({"batches": []}, "at least one batch"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(change, message):
    given = {"params": make_params(), "batches": data()} | change
    with pytest.raises(InputError, match=message):
        curvature.hessian(loss_fn, **given)


def test_vectors_that_do_not_fit_are_refused_in_a_sentence():
    op = KINDS["hessian"](make_params(), data(), mask=make_mask())
    with pytest.raises(InputError, match=r"shape \(21,\), not \(40,\)"):
        op.matvec(np.ones(40))
    with pytest.raises(InputError, match="structure of the parameters"):
        op(list(make_params()))
    with pytest.raises(InputError, match=r"0/bias must have shape \(5,\), not \(1,\)"):
        first, second = make_params()
        op((first | {"bias": jnp.ones(1)}, second))
    with pytest.raises(InputError, match="keeps no entry"):
        op.restrict(mask=jax.tree.map(np.logical_not, make_mask()))
    with pytest.raises(InputError, match=r"needs batch\[\"label\"\]"):
        KINDS["fisher"](make_params(), {"image": data()["image"]})
    with pytest.raises(InputError, match="num_samples must be at least 1"):
        KINDS["fisher"](make_params(), data(), key=jax.random.key(0), num_samples=0)
