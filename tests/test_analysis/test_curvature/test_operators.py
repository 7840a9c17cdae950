"""Every kind of operator of a small network against its dense twin, in float64."""

import re
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from jax.tree_util import Partial

from analysis import curvature
from landscape.objective import cross_entropy, weighted_mean

NUM = 7
WEIGHT = np.array([1, 2, 0, 0.3, 1, 4, 0.1])
BATCHINGS = {
    "one batch": ([NUM], {}),
    "uneven batches": ([3, 3, 1], {}),
    "single examples": ([1] * NUM, {}),
    "chunks": ([NUM], {"chunk_size": 3}),
    "chunks of uneven batches": ([4, 3], {"chunk_size": 3}),
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


@cache
def twins():
    """Each kind's matrix for each example, by plain differentiation; and gradients."""
    flat, unravel = ravel_pytree(make_params())

    @jax.jit
    def of_example(w, one):
        def outputs(w):
            return model_fn(unravel(w), one)[0]

        def loss(z, smoothing=0.1):
            return cross_entropy(z[None], one["label"], smoothing)[0]

        return (
            jax.hessian(lambda w: loss(outputs(w)))(w),
            jax.jacrev(outputs)(w),
            jax.hessian(loss)(outputs(w)),
            jax.grad(lambda w: loss(outputs(w)))(w),
            jax.grad(lambda w: loss(outputs(w), 0.0))(w),
            jax.nn.softmax(outputs(w)),
        )

    found = [of_example(flat, one) for one in split(data(False), [1] * NUM)]
    h, j, k, g, e, p = map(np.stack, zip(*found, strict=True))
    gauss = np.einsum("nka,nkl,nlb->nab", j, k, j)
    return {
        "hessian": h,
        "gauss_newton": gauss,
        "residual": h - gauss,
        "covariance": np.einsum("na,nb->nab", g, g),
        "output": np.einsum("nka,nkb->nab", j, j),
        "fisher": np.einsum("na,nb->nab", e, e),
        "gradients": g,
        "jacobians": j,
        "probabilities": p,
    }


KINDS = {
    "hessian": partial(curvature.hessian, loss_fn),
    "gauss_newton": partial(curvature.gauss_newton, model_fn, output_loss),
    "residual": partial(curvature.residual, model_fn, output_loss),
    "covariance": partial(curvature.gradient_covariance, per_example),
    "centred": partial(curvature.gradient_covariance, per_example, centred=True),
    "output": partial(curvature.output_gradient_covariance, model_fn),
    "fisher": partial(curvature.fisher, model_fn),
}


def twin(kind, weighted=True, with_mask=False):
    weight = WEIGHT if weighted else np.ones(NUM)
    fraction = weight / weight.sum()
    found = twins()["covariance" if kind == "centred" else kind]
    total = np.einsum("n,nab->ab", fraction, found)
    if kind == "centred":
        mean = fraction @ twins()["gradients"]
        total = total - np.outer(mean, mean)
    if not with_mask:
        return total
    kept = kept_by(make_mask())
    return total[np.ix_(kept, kept)]


def kept_by(mask):
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


@pytest.mark.parametrize("batching", BATCHINGS)
def test_the_hessian_equals_its_dense_twin_however_the_data_are_batched(batching):
    sizes, options = BATCHINGS[batching]
    with jax.enable_x64(True):
        batches = split(data(), sizes)
        op = KINDS["hessian"](make_params(), batches, check=False, **options)
        check(op, twin("hessian"))
        description = "chunks of 3" if options else "linearised once"
        assert op.description.startswith(description)


@pytest.mark.parametrize("kind", KINDS)
def test_every_operator_equals_its_dense_twin(kind):
    with jax.enable_x64(True):
        batches = split(data(False), [3, 3, 1])
        op = KINDS[kind](make_params(), batches, check=False)
        check(op, twin(kind, weighted=False))


@pytest.mark.parametrize("kind", KINDS)
def test_every_masked_operator_in_chunks_equals_its_dense_twin(kind):
    options = {"mask": make_mask(), "chunk_size": 3, "check": False}
    with jax.enable_x64(True):
        op = KINDS[kind](make_params(), split(data(), [5, 2]), **options)
        want = twin(kind, with_mask=True)
        assert op.shape == (21, 21) == want.shape
        check(op, want)


def test_gauss_newton_of_a_linear_model_is_its_hessian():
    def linear(w, batch):
        return batch["image"] @ w

    def loss(w, batch):
        return output_loss(linear(w, batch), batch)

    with jax.enable_x64(True):
        w, batch = make_params()[0]["kernel"][:, :3], data()
        gauss = curvature.gauss_newton(linear, output_loss, w, batch, check=False)
        want = jax.jit(jax.hessian(loss))(w, batch).reshape(12, 12)
        assert_close(gauss.to_dense(), want, 1e-13)


def test_gauss_newton_has_no_negative_eigenvalue_and_needs_no_weight_in_each_chunk():
    weight = np.where(np.arange(NUM) < 3, 0, 1.0)
    with jax.enable_x64(True):
        batch = data(False) | {"weight": weight}
        op = KINDS["gauss_newton"](make_params(), batch, chunk_size=3, check=False)
        dense = np.asarray(op.to_dense())
    assert_close(dense, twins()["gauss_newton"][3:].mean(0))
    # The Hessian of the same network has one.
    assert np.linalg.eigvalsh(twins()["hessian"][3:].mean(0))[0] < -1e-3
    # Rounding of 4 examples' sums over 3 outputs, and of the 40 eigenvalues.
    tolerance = (4 * 3 + 40) * np.finfo(float).eps * np.linalg.norm(dense)
    assert np.linalg.eigvalsh(dense)[0] > -tolerance


def test_a_layer_costs_and_counts_its_own_entries_alone():
    def make(**options):
        return KINDS["hessian"](make_params(), data(), check=False, **options)

    def check_block(op, kept):
        assert op.size == len(kept)
        v = np.cos(np.arange(op.size))
        assert_close(op.matvec(v), want[np.ix_(kept, kept)] @ v)

    with jax.enable_x64(True):
        want, whole = twin("hessian"), make()
        # Leaves in order: 0/bias, 0/kernel, 1/kernel.
        ends = np.r_[:5, 25:40]
        op, block = (f(layers=["*/bias", "1/kernel"]) for f in (make, whole.restrict))
        check_block(op, ends)
        check_block(block, ends)
        inner = np.intersect1d(ends, kept_by(make_mask()))
        check_block(op.restrict(mask=make_mask()), inner)
        check_block(block.restrict(mask=make_mask()), inner)
        out = jax.tree.map(np.asarray, op(make_params()))
        assert np.flatnonzero(ravel_pytree(out)[0]).tolist() == ends.tolist()
        held = [
            sum(x.nbytes for x in jax.tree.leaves(op.leaf_product))
            for op in (make(layers="1"), whole)
        ]
        assert held[0] < held[1]


def test_the_labels_of_the_monte_carlo_fisher_are_the_models_own_in_any_batching():
    options = {"key": jax.random.key(3), "check": False}
    with jax.enable_x64(True):
        params = make_params()

        def fisher(sizes):
            batches = split(data(), sizes)
            op = KINDS["fisher"](params, batches, num_samples=1000, **options)
            return np.asarray(op.to_dense())

        found, again = fisher([NUM]), fisher([1] * NUM)
        assert_close(found, again, 1e-13)
        p, jacobians = twins()["probabilities"], twins()["jacobians"]
        fraction = WEIGHT / WEIGHT.sum()
        # Of the label k: g = J^T (p - e_k).
        g = np.einsum("nka,nlk->nla", jacobians, p[:, None] - np.eye(3))
        exact = np.einsum("n,nl,nla,nlb->ab", fraction, p, g, g)
        means = np.einsum("nl,nla,nlb->nab", p, g, g)
        squares = (p * (g**2).sum(2) ** 2).sum(1) - (means**2).sum((1, 2))
        variance = fraction**2 @ squares

        # Of expectation 1, and above 10 with a chance below 1 in 10 (Markov).
        assert np.sum((found - exact) ** 2) / (variance / 1000) < 10
        # The labels of the data, or one label for all, would be far off.
        assert variance / 1000 < 0.01 * np.sum(exact**2)
        # Equal examples draw their labels independently.
        op = curvature.fisher(
            lambda w, batch: batch["image"] @ w,
            jnp.zeros((1, 3)),
            {"image": np.ones((40, 1))},
            **options,
        )
        assert np.linalg.matrix_rank(op.to_dense()) == 2


def test_a_loss_in_other_units_scales_everything_and_nothing_else():
    """A constant added in a normalisation would show here."""
    params, batch = make_params(np.float32), data()
    batch["image"] = batch["image"].astype(np.float32)
    v = np.cos(np.arange(40), dtype=np.float32)

    # A power of two, by which floats are scaled exactly.
    def products(factor):
        def scaled(function):
            return Partial(_times, Partial(function), jnp.float32(factor))

        options = {"check": False}
        op = curvature.hessian(scaled(loss_fn), params, batch, **options)
        yield op.matvec(v)
        scaled_loss = scaled(output_loss)
        op = curvature.gauss_newton(model_fn, scaled_loss, params, batch, **options)
        yield op.matvec(v)
        op = curvature.gradient_covariance(
            scaled(per_example), params, batch, centred=True, **options
        )
        yield op.matvec(v) / factor

    for one, two in zip(products(1.0), products(2.0**-17), strict=True):
        np.testing.assert_allclose(two, 2.0**-17 * one, rtol=1e-6, atol=1e-12)


def _times(function, factor, first, batch):
    return factor * function(first, batch)


def test_a_kink_is_differentiated_and_not_stepped_over():
    """Differences of gradients are wrong by more than half on a network of ReLUs."""
    w = jnp.asarray([1e-7, -1.0, 2.0], jnp.float32)

    def loss(w, x):
        return jnp.mean(jax.nn.relu(x @ w)) + jnp.mean((x @ w) ** 2) / 2

    x = np.eye(3, dtype=np.float32)
    got = curvature.hessian(loss, w, x).to_dense()
    np.testing.assert_allclose(got, np.eye(3) / 3, rtol=1e-6)


def conv_loss(kernel, batch):
    """Of degree 4: its curvature depends on the outputs, which are kept."""
    dimensions = ("NHWC", "HWIO", "NHWC")
    out = jax.lax.conv_general_dilated(
        batch, kernel, (1, 1), "VALID", dimension_numbers=dimensions
    )
    return jnp.mean(out**4) / 12


@pytest.mark.parametrize(
    "options", [{}, {"chunk_size": 16}, {"memory": 9000}, {"memory": 1500}], ids=str
)
def test_convolutions_on_a_cpu_are_kept_out_of_compiled_loops(options):
    draw = np.random.default_rng(0)
    kernel, batch = draw.normal(size=(2, 2, 1, 1)), draw.normal(size=(80, 3, 3, 1))
    patches = np.lib.stride_tricks.sliding_window_view(batch, (2, 2), axis=(1, 2))
    patches = patches.reshape(-1, 4)
    outputs = patches @ kernel.ravel()
    on_cpu = jax.default_backend() == "cpu"
    with jax.enable_x64(True):
        op = curvature.hessian(
            jax.jit(conv_loss), kernel, batch, check=False, **options
        )
        assert_close(op.to_dense(), patches.T * outputs**2 @ patches / len(patches))
    if not options:
        assert op.description.startswith("linearised once")
        # 16 examples at a time stay in the caches of a CPU.
        parts = op.leaf_product.args[0]
        assert len(parts) == (5 if on_cpu else 1)
        assert op.workspace == sum(x.nbytes for x in jax.tree.leaves(parts[0]))
    else:
        size = int(re.match(r"chunks of (\d+)", op.description)[1])
        assert size <= 16 or not on_cpu
        # A chunk takes half of the memory, of which its examples are a part.
        memory, example = options.get("memory"), 9 * 8
        assert memory is None or size * example <= memory // 2
    # Data that do not fit stay on the host, whose loop is not compiled.
    assert op.scannable == (not on_cpu and options != {"memory": 1500})
