import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.derivatives import diagonal, hessian_diagonal
from landscape.errors import InputError


def quartic(params, batch):
    """sum_j mean_n x_nj w_j^4 / 12, and w_0 w_1: H is diag(mean x w^2) and two ones."""
    w = jnp.concatenate([params["a"], params["b"]])
    return jnp.mean(batch @ w**4) / 12 + w[0] * w[1]


@pytest.mark.parametrize(
    "with_mask, block_size, options",
    [(False, None, {}), (True, 3, {}), (True, 3, {"chunk_size": 2})],
    ids=["full", "masked", "masked and chunked"],
)
def test_the_exact_diagonal_is_that_of_the_hessian(with_mask, block_size, options):
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        batch, w = rng.standard_normal((5, 6)), rng.standard_normal(6)
        params = {"a": jnp.asarray(w[:4]), "b": jnp.asarray(w[4:])}
        mask = {"a": np.arange(4) % 3 > 0, "b": np.bool_(True)} if with_mask else None
        got = hessian_diagonal(
            quartic, params, batch, mask=mask, block_size=block_size, **options
        )
        chex.assert_trees_all_equal_shapes_and_dtypes(got, params)
        want = batch.mean(0) * w**2
        if with_mask:
            want[[0, 3]] = 0
        np.testing.assert_allclose(
            np.concatenate([got["a"], got["b"]]), want, rtol=1e-12
        )


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
        kept = mask["w"] if with_mask else np.ones(12)
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
        np.testing.assert_allclose(one["w"], seven["w"], rtol=1e-12, atol=1e-12)


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


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "hutchison"}, "perhaps you meant 'hutchinson'"),
        ({"method": "hutchinson"}, "needs a key"),
        ({"block_size": 0}, "block_size must be at least 1"),
        ({"num_probes": 0}, "num_probes must be at least 1"),
        ({"mask": {"v": True}}, "structure of the parameters"),
    ],
)
def test_a_mistake_about_the_diagonal_is_one_sentence(options, message):
    with pytest.raises(InputError, match=message):
        diagonal(lambda v: v, {"w": jnp.ones(2)}, **options)
