"""Gradients and bare products; tests/test_analysis/test_curvature has the operators."""

from functools import cache

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from jax.tree_util import Partial

from landscape import trees
from landscape.derivatives import (
    gauss_newton_map,
    gradient,
    hessian_product,
    product_of,
)
from landscape.errors import InputError
from landscape.objective import Objective, cross_entropy, weighted_mean

NUM = 7
# A whole batch and whole chunks without weight, where a mean is 0 / 0.
WEIGHT = np.array([1.0, 0.3, 2.0, 0.0, 0.0, 0.0, 0.0])
BATCHINGS = {
    "uneven batches": ([4, 3], {}),
    "chunks": ([NUM], {"chunk_size": 3}),
    "scanned chunks of uneven batches": ([4, 3], {"chunk_size": 3, "scan": True}),
}
batchings = pytest.mark.parametrize("batching", BATCHINGS)


def data():
    rng = np.random.default_rng(0)
    return {
        "image": rng.standard_normal((NUM, 4)),
        "label": rng.integers(0, 3, NUM).astype(np.int32),
        "weight": WEIGHT,
    }


def batched(batching, on_device=False):
    sizes, options = BATCHINGS[batching]
    ends = np.cumsum(sizes)
    batch = jax.tree.map(jnp.asarray, data()) if on_device else data()
    parts = [
        {name: x[end - size : end] for name, x in batch.items()}
        for size, end in zip(sizes, ends, strict=True)
    ]
    return parts, options


def model_fn(params, batch):
    hidden = jnp.tanh(batch["image"] @ params["in"])
    return hidden @ params["out"]["kernel"]


def output_loss(outputs, batch):
    losses = cross_entropy(outputs, batch["label"], 0.1)
    return weighted_mean(losses, batch["weight"])


def loss_fn(params, batch):
    return output_loss(model_fn(params, batch), batch)


def make_params(dtype=float):
    normal = np.random.default_rng(1).standard_normal
    params = {"in": normal((4, 2)), "out": {"kernel": normal((2, 3))}}
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), params)


@cache
def twins():
    """Gradient, Hessian and Gauss-Newton matrix: sums over examples taken alone."""
    flat, unravel = ravel_pytree(make_params())

    @jax.jit
    def of_example(w, one):
        def outputs(w):
            return model_fn(unravel(w), one)[0]

        def loss(z):
            return cross_entropy(z[None], one["label"], 0.1)[0]

        jacobian = jax.jacrev(outputs)(w)
        gauss_newton = jacobian.T @ jax.hessian(loss)(outputs(w)) @ jacobian
        gradient, hessian = jax.grad, jax.hessian
        both = (f(lambda w: loss(outputs(w)))(w) for f in (gradient, hessian))
        return *both, gauss_newton

    ones = [{name: x[i : i + 1] for name, x in data().items()} for i in range(NUM)]
    terms = [of_example(flat, one) for one in ones]
    fractions = WEIGHT / WEIGHT.sum()
    return [
        sum(f * np.asarray(x) for f, x in zip(fractions, column, strict=True))
        for column in zip(*terms, strict=True)
    ]


def dense(product, params):
    """The matrix of a product, a column for each unit vector."""
    flat, unravel = ravel_pytree(params)
    columns = jax.vmap(lambda e: ravel_pytree(product(unravel(e)))[0])(
        jnp.eye(flat.size, dtype=flat.dtype)
    )
    return np.asarray(columns).T


def assert_close(got, want, tolerance=1e-10):
    error = np.linalg.norm(np.asarray(got) - want) / np.linalg.norm(want)
    assert error < tolerance, error


@batchings
def test_the_gradient_is_the_mean_over_all_examples(batching):
    with jax.enable_x64(True):
        parts, options = batched(batching, on_device=True)
        got = gradient(loss_fn, make_params(), parts, **options)
        assert_close(ravel_pytree(got)[0], twins()[0])


@batchings
def test_hessian_products_equal_the_dense_twin(batching):
    with jax.enable_x64(True):
        params, (parts, options) = make_params(), batched(batching)
        product = hessian_product(loss_fn, params, iter(parts), **options)
        v = trees.normal_like(jax.random.key(0), params)
        want = twins()[1] @ ravel_pytree(v)[0]
        # The iterator is used up, and every product has its batches.
        for _ in range(2):
            out = product(v)
            chex.assert_trees_all_equal_shapes_and_dtypes(out, params)
            assert_close(ravel_pytree(out)[0], want)


def test_a_gauss_newton_product_equals_the_sum_over_examples():
    with jax.enable_x64(True):
        params, (parts, _) = make_params(), batched("uneven batches")
        linearize = Partial(gauss_newton_map, Partial(model_fn), Partial(output_loss))
        got = dense(product_of(linearize, params, parts), params)
        assert_close(got, twins()[2])
        # Cross-entropy is convex in the logits.
        assert np.linalg.eigvalsh(got).min() > -1e-12


@pytest.mark.parametrize(
    "options", [{}, {"chunk_size": 3}, {"chunk_size": 3, "scan": True}]
)
def test_a_product_is_an_argument_of_jit_and_new_data_compile_nothing(options):
    calls = []

    def counting_loss(params, batch):
        calls.append(1)
        return loss_fn(params, batch)

    squared = jax.jit(lambda product, v: product(product(v)))

    def use(scale):
        params = trees.scale(scale, make_params())
        # The last example has no weight, and 6 divide into chunks of one program.
        batch = {name: x[:6] for name, x in data().items()}
        batch["image"] = scale * batch["image"]
        product = hessian_product(counting_loss, params, batch, **options)
        v = jax.tree.map(lambda x: jnp.cos(100 * x), make_params())
        return product(v), squared(product, v), ravel_pytree(v)[0]

    with jax.enable_x64(True):
        once, twice, v = use(1.0)
        assert_close(ravel_pytree(once)[0], twins()[1] @ v)
        assert_close(ravel_pytree(twice)[0], twins()[1] @ twins()[1] @ v)
        traced = len(calls)
        use(2.0)
        assert len(calls) == traced > 0 and squared._cache_size() == 1


def test_linearised_and_chunked_products_agree_in_single_precision():
    params = make_params(jnp.float32)
    batch = data() | {"image": data()["image"].astype(np.float32)}
    v = trees.normal_like(jax.random.key(0), params)
    flat = np.asarray(ravel_pytree(v)[0], float)
    with jax.enable_x64(True):
        exact = twins()[1] @ flat
    for options in ({}, {"chunk_size": NUM}):
        out = hessian_product(loss_fn, params, batch, **options)(v)
        chex.assert_trees_all_equal_dtypes(out, params)
        assert_close(ravel_pytree(out)[0], exact, 1e-6)


def test_half_precision_parameters_get_products_of_their_dtype():
    params = make_params(jnp.bfloat16)
    batch = data() | {"image": data()["image"].astype(jnp.bfloat16)}
    product = hessian_product(loss_fn, params, batch, chunk_size=NUM)
    out = product(jax.tree.map(jnp.ones_like, params))
    chex.assert_trees_all_equal_dtypes(out, params)
    chex.assert_tree_all_finite(out)


class Network(nn.Module):
    @nn.compact
    def __call__(self, image, train: bool = False):
        x = nn.BatchNorm(use_running_average=not train, param_dtype=float)(image)
        return nn.Dense(3, param_dtype=float)(nn.tanh(x))


def test_a_flax_model_with_batch_norm_is_seen_in_eval_mode():
    with jax.enable_x64(True):
        batch = data()
        model = Network()
        variables = jax.jit(model.init)(jax.random.key(0), batch["image"])
        params = variables["params"]
        stats = jax.tree.map(lambda x: x + np.float64(0.5), variables["batch_stats"])
        objective = Objective(model, label_smoothing=0.1, weight_decay=1.0)
        flat, unravel = ravel_pytree(params)

        def outputs(w):
            variables = {"params": unravel(w), "batch_stats": stats}
            return model.apply(variables, batch["image"])

        def loss(z):
            return output_loss(z, batch)

        @jax.jit
        def twin(w):
            jacobian, z = jax.jacrev(outputs)(w), outputs(w)
            inner = jax.hessian(loss)(z)
            gauss_newton = jnp.einsum("nka,nkml,mlb->ab", jacobian, inner, jacobian)
            return jax.hessian(lambda w: loss(outputs(w)))(w), gauss_newton

        hessian, gauss_newton = twin(flat)
        product = hessian_product(objective.bind(stats), params, batch)
        assert_close(dense(product, params), hessian)
        outputs_and_loss = objective.bind_logits(stats), objective.bind_output_loss()
        linearize = Partial(gauss_newton_map, *outputs_and_loss)
        product = product_of(linearize, params, batch)
        assert_close(dense(product, params), gauss_newton)


def test_a_mistake_of_the_caller_is_one_sentence():
    for call in (gradient, hessian_product):
        with pytest.raises(InputError, match="at least one batch"):
            call(loss_fn, make_params(), [])
        with pytest.raises(InputError, match="chunk_size must be at least 1, not 0"):
            call(loss_fn, make_params(), data(), chunk_size=0)
