from functools import cache

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import FrozenDict
from jax.flatten_util import ravel_pytree

from landscape import trees
from landscape.derivatives.averages import as_batches, average, num_examples
from landscape.derivatives.diagonal import diagonal, hessian_diagonal
from landscape.derivatives.products import (
    gauss_newton_product,
    gradient,
    hessian_product,
)
from landscape.errors import InputError
from landscape.objective import Objective, cross_entropy, weighted_mean

NUM = 7
BATCHINGS = {
    "one batch": ([NUM], {}),
    "uneven batches": ([4, 3], {}),
    "chunks": ([NUM], {"chunk_size": 4}),
    "single examples": ([NUM], {"chunk_size": 1}),
    "chunks of uneven batches": ([4, 3], {"chunk_size": 3}),
    "scanned chunks": ([NUM], {"chunk_size": 3, "scan": True}),
    "scanned chunks of uneven batches": ([4, 3], {"chunk_size": 3, "scan": True}),
    "a chunk larger than all": ([NUM], {"chunk_size": 100}),
}
WEIGHTS = {
    "unweighted": None,
    "weighted": np.array([1, 2, 0, 0.3, 1, 4, 0.1]),
    # A whole batch and whole chunks without weight, where a mean is 0 / 0.
    "padded": np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
}
CASES = [(batching, "weighted", False) for batching in BATCHINGS] + [
    ("uneven batches", "unweighted", False),
    ("uneven batches", "padded", False),
    ("chunks", "padded", False),
    ("scanned chunks", "padded", False),
    ("one batch", "weighted", True),
    ("scanned chunks", "weighted", True),
]
cases = pytest.mark.parametrize(
    "batching, weighting, with_mask",
    CASES,
    ids=[f"{b}, {w}{', masked' * m}" for b, w, m in CASES],
)


def data(weighting="unweighted"):
    rng = np.random.default_rng(0)
    batch = {
        "image": rng.standard_normal((NUM, 4)),
        "label": rng.integers(0, 3, NUM).astype(np.int32),
    }
    weight = WEIGHTS[weighting]
    return batch if weight is None else batch | {"weight": weight}


def split(batch, sizes):
    ends = np.cumsum(sizes)
    parts = [
        {name: x[end - size : end] for name, x in batch.items()}
        for size, end in zip(sizes, ends, strict=True)
    ]
    return parts[0] if len(parts) == 1 else parts


def model_fn(params, batch):
    hidden = jnp.tanh(batch["image"] @ params["in"]["kernel"] + params["in"]["bias"])
    return hidden @ params["out"]["kernel"]


def output_loss(outputs, batch):
    losses = cross_entropy(outputs, batch["label"], 0.1)
    return weighted_mean(losses, batch.get("weight"))


def loss_fn(params, batch):
    return output_loss(model_fn(params, batch), batch)


def mean_losses(params, batch):
    return {"loss": loss_fn(params, batch)}


def make_params(dtype=float):
    normal = np.random.default_rng(1).standard_normal
    params = {
        "in": {"kernel": normal((4, 5)), "bias": normal(5)},
        "out": {"kernel": normal((5, 3))},
    }
    return jax.tree.map(lambda x: jnp.asarray(x, dtype), params)


def make_mask():
    kept = np.random.default_rng(2).random
    return {
        "in": {"kernel": kept((4, 5)) < 0.4, "bias": np.bool_(True)},
        "out": {"kernel": kept((5, 3)) < 0.6},
    }


def projection(mask, params):
    if mask is None:
        return 1.0
    full = jax.tree.map(lambda m, p: np.broadcast_to(m, p.shape), mask, params)
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(full)])


def each_example(weighting):
    """Pairs of an example's share of the average and a batch of it alone."""
    batch = data(weighting)
    weight = batch.pop("weight", np.ones(NUM))
    for i, w in enumerate(weight):
        yield w / weight.sum(), {name: x[i : i + 1] for name, x in batch.items()}


@cache
def twin_gradient(weighting):
    flat, unravel = ravel_pytree(make_params())
    grad = jax.jit(jax.grad(lambda w, one: loss_fn(unravel(w), one)))
    return sum(s * np.asarray(grad(flat, one)) for s, one in each_example(weighting))


@cache
def twin_hessian(weighting):
    flat, unravel = ravel_pytree(make_params())
    hessian = jax.jit(jax.hessian(lambda w, one: loss_fn(unravel(w), one)))
    return sum(s * np.asarray(hessian(flat, one)) for s, one in each_example(weighting))


@cache
def twin_gauss_newton(weighting):
    flat, unravel = ravel_pytree(make_params())
    jacobian = jax.jit(jax.jacrev(lambda w, one: model_fn(unravel(w), one)[0]))
    curvature = jax.jit(jax.hessian(lambda z, one: output_loss(z[None], one)))
    total = 0.0
    for share, one in each_example(weighting):
        jac = np.asarray(jacobian(flat, one))
        inner = np.asarray(curvature(model_fn(unravel(flat), one)[0], one))
        total += share * jac.T @ inner @ jac
    return total


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


KINDS = {
    "hessian": (hessian_product, (loss_fn,), twin_hessian),
    "gauss_newton": (gauss_newton_product, (model_fn, output_loss), twin_gauss_newton),
}
kinds = pytest.mark.parametrize("kind", KINDS)


@cases
def test_hessian_products_equal_the_dense_twin(batching, weighting, with_mask):
    check_against_twin("hessian", batching, weighting, with_mask)


@pytest.mark.parametrize(
    "batching, weighting, with_mask",
    [
        ("one batch", "weighted", False),
        ("uneven batches", "unweighted", False),
        ("chunks", "padded", False),
        ("scanned chunks of uneven batches", "weighted", False),
        ("one batch", "weighted", True),
        ("scanned chunks", "weighted", True),
    ],
)
def test_gauss_newton_products_equal_a_loop_over_examples(
    batching, weighting, with_mask
):
    check_against_twin("gauss_newton", batching, weighting, with_mask)


def check_against_twin(kind, batching, weighting, with_mask):
    factory, functions, twin = KINDS[kind]
    sizes, options = BATCHINGS[batching]
    with jax.enable_x64(True):
        params, mask = make_params(), make_mask() if with_mask else None
        batches = split(data(weighting), sizes)
        product = factory(*functions, params, batches, mask=mask, **options)
        kept = projection(mask, params)
        want = np.outer(kept, kept) * twin(weighting) if with_mask else twin(weighting)
        got = dense(product, params)
        assert got.dtype == np.float64
        assert_close(got, want)
        if with_mask:
            assert not got[kept == 0].any() and not got[:, kept == 0].any()


@kinds
def test_products_are_symmetric_and_take_a_single_vector(kind):
    factory, functions, twin = KINDS[kind]
    with jax.enable_x64(True):
        params = make_params()
        product = factory(*functions, params, data("weighted"))
        u = trees.normal_like(jax.random.key(0), params)
        v = trees.normal_like(jax.random.key(1), params)
        hu, hv = product(u), product(v)
        chex.assert_trees_all_equal_shapes_and_dtypes(hv, params)
        np.testing.assert_allclose(trees.dot(u, hv), trees.dot(v, hu), rtol=1e-11)
        assert_close(ravel_pytree(hv)[0], twin("weighted") @ ravel_pytree(v)[0])


@cases
def test_the_gradient_is_the_mean_over_all_examples(batching, weighting, with_mask):
    sizes, options = BATCHINGS[batching]
    with jax.enable_x64(True):
        params, mask = make_params(), make_mask() if with_mask else None
        batches = split(data(weighting), sizes)
        got = gradient(loss_fn, params, batches, mask=mask, **options)
        want = twin_gradient(weighting) * projection(mask, params)
        assert_close(ravel_pytree(got)[0], want)


def test_an_average_counts_every_example_by_its_weight():
    with jax.enable_x64(True):
        batches, params = split(data("weighted"), [4, 3]), make_params()
        got = average(mean_losses, batches, params, chunk_size=3)
        shares = each_example("weighted")
        want = sum(share * loss_fn(params, one) for share, one in shares)
        np.testing.assert_allclose(got["loss"], want, rtol=1e-12)


def test_an_average_of_half_precision_is_summed_in_single():
    # Ones summed in bfloat16 stop at 256.
    ones = jnp.ones(300, jnp.bfloat16)
    got = average(jnp.mean, ones, chunk_size=1, scan=True)
    assert got.dtype == jnp.float32 and float(got) == 1


def test_gauss_newton_is_the_hessian_of_a_linear_model_and_never_negative():
    with jax.enable_x64(True):
        params = {"w": jnp.asarray(np.random.default_rng(3).standard_normal((4, 3)))}

        def linear(params, batch):
            return batch["image"] @ params["w"]

        product = gauss_newton_product(linear, output_loss, params, data())
        got = dense(product, params)
        hessian = hessian_product(
            lambda p, b: output_loss(linear(p, b), b), params, data()
        )
        assert_close(got, dense(hessian, params))
        assert np.linalg.eigvalsh(got).min() > -1e-12


def test_linearised_and_chunked_products_agree_in_single_precision():
    params = make_params(jnp.float32)
    batch = data() | {"image": data()["image"].astype(np.float32)}
    v = trees.normal_like(jax.random.key(0), params)
    once = hessian_product(loss_fn, params, batch)(v)
    anew = hessian_product(loss_fn, params, batch, chunk_size=4)(v)
    chex.assert_trees_all_equal_dtypes(once, anew, params)
    assert_close(ravel_pytree(once)[0], ravel_pytree(anew)[0], 1e-6)
    with jax.enable_x64(True):
        want = twin_hessian("unweighted") @ np.asarray(ravel_pytree(v)[0])
    assert_close(ravel_pytree(once)[0], want, 1e-6)


def test_half_precision_parameters_get_products_of_their_dtype():
    params = make_params(jnp.bfloat16)
    batch = data()
    batch["image"] = batch["image"].astype(jnp.bfloat16)
    product = hessian_product(loss_fn, params, batch, chunk_size=4)
    out = product(jax.tree.map(jnp.ones_like, params))
    chex.assert_trees_all_equal_dtypes(out, params)
    chex.assert_tree_all_finite(out)


@pytest.mark.parametrize(
    "kind, options",
    [
        ("hessian", {}),
        ("gauss_newton", {}),
        ("hessian", {"chunk_size": 4}),
        ("hessian", {"chunk_size": 4, "scan": True}),
    ],
    ids=["linearised", "gauss_newton", "chunked", "scanned"],
)
def test_a_product_works_inside_jit_as_closure_and_as_argument(kind, options):
    factory, functions, twin = KINDS[kind]
    with jax.enable_x64(True):
        params, mask = make_params(), make_mask()
        product = factory(*functions, params, data(), mask=mask, **options)
        v = trees.normal_like(jax.random.key(0), params)
        kept = projection(mask, params)
        want = kept * (twin("unweighted") @ (kept * ravel_pytree(v)[0]))
        assert_close(ravel_pytree(jax.jit(product)(v))[0], want)
        squared = jax.jit(lambda product, v: product(product(v)))
        got = ravel_pytree(squared(product, v))[0]
        assert_close(got, kept * (twin("unweighted") @ want))
        # Another product of the kind is another argument, not another program.
        again = factory(
            *functions, trees.scale(0.5, params), data(), mask=mask, **options
        )
        squared(again, v)
        assert squared._cache_size() == 1


@pytest.mark.parametrize("options", [{}, {"chunk_size": 3}], ids=["once", "chunked"])
def test_new_parameters_data_and_vectors_trace_the_loss_no_more(options):
    calls = []

    def counting_loss(params, batch):
        calls.append(1)
        return loss_fn(params, batch)

    def products(scale):
        params = trees.scale(scale, make_params())
        batch = data() | {"image": scale * data()["image"]}
        product = hessian_product(counting_loss, params, batch, **options)
        return [product(params), product(trees.scale(2.0, params))]

    with jax.enable_x64(True):
        products(1.0)
        traced = len(calls)
        products(2.0)
        assert len(calls) == traced > 0


class Network(nn.Module):
    @nn.compact
    def __call__(self, image, train: bool = False):
        x = nn.Dense(5, param_dtype=float)(image)
        x = nn.BatchNorm(use_running_average=not train, param_dtype=float)(x)
        return nn.Dense(3, param_dtype=float)(nn.tanh(x))


def test_a_flax_model_with_batch_norm_is_seen_in_eval_mode():
    with jax.enable_x64(True):
        batch = data("weighted")
        model = Network()
        variables = jax.jit(model.init)(jax.random.key(0), batch["image"])
        params = variables["params"]
        stats = jax.tree.map(lambda x: x + np.float64(0.5), variables["batch_stats"])
        objective = Objective(model, label_smoothing=0.1, weight_decay=1.0)
        flat, unravel = ravel_pytree(params)

        def twin(w):
            variables = {"params": unravel(w), "batch_stats": stats}
            return output_loss(model.apply(variables, batch["image"]), batch)

        want = jax.jit(jax.hessian(twin))(flat)
        product = hessian_product(objective.bind(stats), params, batch)
        assert_close(dense(product, params), want)
        product = gauss_newton_product(
            objective.bind_logits(stats), objective.output_loss, params, batch
        )
        got = dense(product, params)
        assert_close(got, got.T)
        assert np.linalg.eigvalsh(got).min() > -1e-12


@pytest.mark.parametrize(
    "with_mask, block_size, options",
    [(False, None, {}), (True, 7, {}), (True, 7, {"chunk_size": 4})],
    ids=["full", "masked", "masked and chunked"],
)
def test_the_exact_diagonal_is_that_of_the_hessian(with_mask, block_size, options):
    with jax.enable_x64(True):
        params, mask = make_params(), make_mask() if with_mask else None
        batch = data("weighted")
        got = hessian_diagonal(
            loss_fn, params, batch, mask=mask, block_size=block_size, **options
        )
        chex.assert_trees_all_equal_shapes_and_dtypes(got, params)
        want = np.diag(twin_hessian("weighted")) * projection(mask, params)
        assert_close(ravel_pytree(got)[0], want)


def symmetric(size=12):
    """A matrix, its product on a tree, and that tree."""
    square = np.random.default_rng(0).standard_normal((size, size))
    matrix = square + square.T
    return matrix, lambda v: {"w": matrix @ v["w"]}, {"w": jnp.zeros(size)}


@pytest.mark.parametrize("with_mask", [False, True], ids=["full", "masked"])
def test_hutchinson_is_off_by_no_more_than_its_variance_says(with_mask):
    with jax.enable_x64(True):
        matrix, product, like = symmetric()
        mask = {"w": np.arange(12) % 3 > 0} if with_mask else None
        kept = projection(mask, like) * np.ones(12)
        got = diagonal(
            product,
            like,
            method="hutchinson",
            num_probes=400,
            key=jax.random.key(0),
            block_size=64,
            mask=mask,
        )
        got = np.asarray(got["w"])
        # The product does not know the mask: what it has elsewhere does not count.
        variance = ((np.outer(kept, kept) * matrix) ** 2).sum(1) - np.diag(matrix) ** 2
        z = (got - np.diag(matrix))[kept > 0] / np.sqrt(variance[kept > 0] / 400)
        assert np.abs(z).max() < 4 and 0.4 < z.std() < 1.6
        assert not got[kept == 0].any()


def test_probes_do_not_depend_on_the_block_size():
    with jax.enable_x64(True):
        _, product, like = symmetric()
        options = {"num_probes": 10, "key": jax.random.key(0), "method": "hutchinson"}
        one = diagonal(product, like, **options)
        seven = diagonal(product, like, block_size=7, **options)
        assert_close(one["w"], np.asarray(seven["w"]), 1e-12)


def test_one_probe_is_exact_for_a_diagonal_hessian():
    entries = {"a": jnp.array([1.0, -2.0]), "b": jnp.array(3.0)}

    def loss(params, batch):
        squares = jax.tree.map(lambda c, x: (c * x**2).sum() / 2, entries, params)
        return sum(jax.tree.leaves(squares)) * batch.mean()

    got = hessian_diagonal(
        loss,
        entries,
        np.ones(3, np.float32),
        method="hutchinson",
        num_probes=1,
        key=jax.random.key(0),
    )
    chex.assert_trees_all_close(got, entries, rtol=1e-6)


def test_the_exact_diagonal_spends_no_product_on_what_is_masked_out():
    seen = []

    def product(v):
        jax.debug.callback(lambda v: seen.append(np.asarray(v)), v["w"])
        return v

    mask = {"w": np.arange(6) % 3 == 0}
    got = diagonal(product, {"w": jnp.zeros(6)}, mask=mask, block_size=1)
    jax.effects_barrier()
    assert got["w"].tolist() == [1, 0, 0, 1, 0, 0] and len(seen) == 2


def test_a_batch_is_told_from_a_list_of_batches():
    batch = data()
    parts = split(batch, [4, 3])
    for one in (
        batch,
        (batch["image"], batch["label"]),
        batch["image"],
        FrozenDict(batch),
    ):
        assert as_batches(one)[0] is one
    for several in (parts, iter(parts), [(p["image"], p["label"]) for p in parts]):
        assert [num_examples(part) for part in as_batches(several)] == [4, 3]


@pytest.mark.parametrize("chunk_size", [None, 4], ids=["once", "chunked"])
def test_an_iterator_of_batches_and_arrays_on_the_device_serve_every_product(
    chunk_size,
):
    with jax.enable_x64(True):
        params = make_params()
        v = trees.normal_like(jax.random.key(0), params)
        want = twin_hessian("unweighted") @ ravel_pytree(v)[0]
        parts = split(jax.tree.map(jnp.asarray, data()), [4, 3])
        product = hessian_product(loss_fn, params, iter(parts), chunk_size=chunk_size)
        for _ in range(2):
            assert_close(ravel_pytree(product(v))[0], want)


def test_chunks_of_device_arrays_are_the_slices():
    with jax.enable_x64(True):
        batch = jax.tree.map(jnp.asarray, data("weighted"))
        got = gradient(loss_fn, make_params(), batch, chunk_size=3)
        assert_close(ravel_pytree(got)[0], twin_gradient("weighted"))


@pytest.mark.parametrize(
    "batches, options, message",
    [
        ([], {}, "at least one batch"),
        ({"image": np.ones((3, 4)), "label": np.ones(2, int)}, {}, "leading axis"),
        ({"image": np.ones((0, 4)), "label": np.ones(0, int)}, {}, "leading axis"),
        ({"image": np.ones((3, 4)), "label": np.int32(1)}, {}, "leading axis"),
        (data(), {"chunk_size": 0}, "chunk_size must be at least 1, not 0"),
        (data(), {"mask": {"in": True}}, "structure"),
    ],
)
def test_a_mistake_of_the_caller_is_one_sentence(batches, options, message):
    params = make_params()
    for call in (gradient, hessian_product):
        with pytest.raises(InputError, match=message):
            call(loss_fn, params, batches, **options)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "hutchison"}, "perhaps you meant 'hutchinson'"),
        ({"method": "hutchinson"}, "needs a key"),
        ({"block_size": 0}, "block_size must be at least 1"),
        ({"num_probes": 0}, "num_probes must be at least 1"),
    ],
)
def test_a_mistake_about_the_diagonal_is_one_sentence(options, message):
    with pytest.raises(InputError, match=message):
        diagonal(lambda v: v, {"w": jnp.ones(2)}, **options)
