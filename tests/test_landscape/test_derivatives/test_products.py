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
    w, unravel = ravel_pytree(make_params())

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
    terms = [of_example(w, one) for one in ones]
    fractions = WEIGHT / WEIGHT.sum()
    return [
        sum(f * np.asarray(x) for f, x in zip(fractions, column, strict=True))
        for column in zip(*terms, strict=True)
    ]


def make_vector(dtype=float):
    return jax.tree.map(lambda x: jnp.asarray(np.cos(100 * x), dtype), make_params())


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def assert_close(got, want, tolerance=1e-10):
    error = np.linalg.norm(np.asarray(got) - want) / np.linalg.norm(want)
    assert error < tolerance, error


def test_the_gradient_is_the_mean_over_all_examples():
    with jax.enable_x64(True):
        parts, options = batched("scanned chunks of uneven batches", on_device=True)
        got = gradient(loss_fn, make_params(), parts, **options)
        chex.assert_trees_all_equal_shapes_and_dtypes(got, make_params())
        assert_close(flat(got), twins()[0])


@pytest.mark.parametrize("batching", BATCHINGS)
def test_hessian_products_equal_the_dense_twin(batching):
    with jax.enable_x64(True):
        parts, options = batched(batching)
        product = hessian_product(loss_fn, make_params(), iter(parts), **options)
        # The iterator is used up, and every product has its batches.
        for v in (make_vector(), trees.scale(2.0, make_vector())):
            out = product(v)
            chex.assert_trees_all_equal_shapes_and_dtypes(out, v)
            assert_close(flat(out), twins()[1] @ flat(v))


def test_a_gauss_newton_product_equals_the_sum_over_examples():
    with jax.enable_x64(True):
        parts, _ = batched("uneven batches")
        linearize = Partial(gauss_newton_map, Partial(model_fn), Partial(output_loss))
        out = product_of(linearize, make_params(), parts)(make_vector())
        assert_close(flat(out), twins()[2] @ flat(make_vector()))


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
        v = make_vector()
        return flat(product(v)), flat(squared(product, v)), flat(v)

    with jax.enable_x64(True):
        once, twice, v = use(1.0)
        assert_close(once, twins()[1] @ v)
        assert_close(twice, twins()[1] @ twins()[1] @ v)
        traced = len(calls)
        use(2.0)
        assert len(calls) == traced > 0 and squared._cache_size() == 1


def test_linearised_and_chunked_products_agree_in_single_precision():
    params = make_params(jnp.float32)
    batch = data() | {"image": data()["image"].astype(np.float32)}
    v = make_vector(jnp.float32)
    with jax.enable_x64(True):
        exact = twins()[1] @ flat(v)
    for options in ({}, {"chunk_size": NUM}):
        out = hessian_product(loss_fn, params, batch, **options)(v)
        chex.assert_trees_all_equal_dtypes(out, params)
        assert_close(flat(out), exact, 1e-6)


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
        batch, model, draw = data(), Network(), np.random.default_rng(2).normal
        params = {
            "BatchNorm_0": {"scale": draw(size=4), "bias": draw(size=4)},
            "Dense_0": {"kernel": draw(size=(4, 3)), "bias": draw(size=3)},
        }
        params = jax.tree.map(jnp.asarray, params)
        stats = {"BatchNorm_0": {"mean": draw(size=4), "var": np.full(4, 1.5)}}
        objective = Objective(model, label_smoothing=0.1, weight_decay=1.0)
        w, unravel = ravel_pytree(params)

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

        hessian, gauss_newton = twin(w)
        product = hessian_product(objective.bind(stats), params, batch)
        assert_close(flat(product(params)), hessian @ w)
        outputs_and_loss = objective.bind_logits(stats), objective.bind_output_loss()
        product = product_of(
            Partial(gauss_newton_map, *outputs_and_loss), params, batch
        )
        assert_close(flat(product(params)), gauss_newton @ w)


def test_a_mistake_of_the_caller_is_one_sentence():
    for call in (gradient, hessian_product):
        with pytest.raises(InputError, match="at least one batch"):
            call(loss_fn, make_params(), [])
        with pytest.raises(InputError, match="chunk_size must be at least 1, not 0"):
            call(loss_fn, make_params(), data(), chunk_size=0)
