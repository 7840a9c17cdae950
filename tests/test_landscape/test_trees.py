import re
from collections import OrderedDict
from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape import trees
from landscape.checkpoint.digests import named_arrays
from landscape.errors import InputError
from landscape.sparsity import masks


class Pair(NamedTuple):
    left: jax.Array
    right: list


def example(seed, dtype=float):
    normal = np.random.default_rng(seed).standard_normal
    return Pair(
        jnp.asarray(normal((3, 2)), dtype),
        [jnp.asarray(normal(()), dtype), {"w": jnp.asarray(normal(5), dtype)}],
    )


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def test_linear_algebra_equals_that_of_the_flat_vectors():
    with jax.enable_x64(True):
        x, y = example(0), example(1)
        u, w = flat(x), flat(y)
        np.testing.assert_allclose(trees.dot(x, y), u @ w, rtol=1e-14)
        np.testing.assert_allclose(trees.norm(x), np.linalg.norm(u), rtol=1e-14)
        np.testing.assert_allclose(flat(trees.scale(3.0, x)), 3 * u, rtol=1e-14)
        np.testing.assert_allclose(
            flat(trees.axpy(-2.0, x, y)), w - 2 * u, rtol=1e-14, atol=1e-15
        )
        assert trees.size(x) == u.size == 12


def test_linear_algebra_keeps_the_dtypes_of_the_tree():
    with jax.enable_x64(True):
        for dtype in (jnp.bfloat16, jnp.float32, jnp.float64):
            x = example(0, dtype)
            wide = jnp.float64(2.0)
            chex.assert_trees_all_equal_shapes_and_dtypes(x, trees.scale(wide, x))
            chex.assert_trees_all_equal_shapes_and_dtypes(x, trees.axpy(wide, x, x))


def test_inner_products_of_half_precision_are_summed_in_single():
    ones = {"w": jnp.ones(1000, jnp.bfloat16)}
    assert trees.dot(ones, ones).dtype == jnp.float32
    # 1001 is no bfloat16.
    one_more = {"w": jnp.ones(1001, jnp.bfloat16)}
    assert float(trees.dot(one_more, one_more)) == 1001


def test_widened_leaves_are_float64_without_64_bits_enabled():
    x = Pair(jnp.full((1, 2), 0.1, jnp.bfloat16), [jnp.arange(2), 0.1])
    assert not jax.config.jax_enable_x64
    wide = trees.widened(x)
    assert wide.left.dtype == np.float64 and wide.right[1].dtype == np.float64
    np.testing.assert_array_equal(wide.left, np.asarray(x.left, np.float32))
    assert wide.right[0] is x.right[0] and wide.right[1] == 0.1


def test_the_empty_tree_has_norm_zero():
    assert float(trees.norm({})) == 0


def test_ravel_follows_the_leaves_and_goes_back():
    x = example(0, jnp.float32)
    vector, unravel = trees.ravel(x)
    np.testing.assert_array_equal(vector, flat(x))
    chex.assert_trees_all_equal(unravel(vector), x)


def test_leaves_are_named_by_their_path_whatever_the_container():
    assert list(trees.named_leaves(example(0))) == ["left", "right/0", "right/1/w"]
    named = trees.map_named(lambda name, x, y: (name, x + y), {"a": 1}, {"a": 2})
    assert named == {"a": ("a", 3)}


@jax.tree_util.register_pytree_with_keys_class
class Both:
    """A leaf under a key and one of that name as an attribute."""

    def tree_flatten_with_keys(self):
        keys = jax.tree_util.DictKey("w"), jax.tree_util.GetAttrKey("w")
        return [(key, jnp.ones(i + 1)) for i, key in enumerate(keys)], None

    @classmethod
    def tree_unflatten(cls, _, leaves):
        return cls()


@pytest.mark.parametrize(
    ("tree", "one", "other"),
    [
        ({"a": {"b": jnp.ones(2)}, "a/b": jnp.ones(3)}, "['a']['b']", "['a/b']"),
        (OrderedDict([(1, jnp.ones(2)), ("1", jnp.ones(3))]), "[1]", "['1']"),
        (Both(), "['w']", ".w"),
    ],
)
def test_leaves_whose_names_coincide_are_refused_not_dropped(tree, one, other):
    message = re.escape(f"two leaves, {one} and {other}, would both be called")
    for count in (
        trees.named_leaves,
        partial(trees.map_named, lambda name, leaf: leaf),
        lambda tree: masks.count(masks.dense(tree), tree),
        named_arrays,
    ):
        with pytest.raises(InputError, match=message):
            count(tree)


@pytest.mark.parametrize("sampler", [trees.normal_like, trees.rademacher_like])
def test_random_trees_have_the_shapes_and_dtypes_and_independent_leaves(sampler):
    like = {"a": jnp.zeros((50, 40)), "b": jnp.zeros((50, 40))}
    draw = sampler(jax.random.key(0), like)
    chex.assert_trees_all_equal_shapes_and_dtypes(draw, like)
    chex.assert_trees_all_equal(draw, sampler(jax.random.key(0), like))
    correlation = np.corrcoef(np.ravel(draw["a"]), np.ravel(draw["b"]))[0, 1]
    assert abs(correlation) < 0.1
    for leaf in draw.values():
        assert abs(float(leaf.mean())) < 0.1
        assert abs(float(leaf.std()) - 1) < 0.1
    half = sampler(jax.random.key(0), jnp.zeros(3, jnp.bfloat16))
    assert half.dtype == jnp.bfloat16


def test_rademacher_entries_are_signs():
    signs = trees.rademacher_like(jax.random.key(1), jnp.zeros(100))
    assert set(np.asarray(signs).tolist()) == {-1.0, 1.0}


def test_projection_zeroes_what_the_mask_leaves_out():
    x = {"kernel": jnp.arange(1.0, 5.0).reshape(2, 2), "bias": jnp.ones(2)}
    mask = {"kernel": jnp.array([[True, False], [False, True]]), "bias": True}
    kept = trees.project(mask, x)
    assert kept["kernel"].tolist() == [[1, 0], [0, 4]]
    assert kept["bias"].tolist() == [1, 1]
    assert trees.project(None, x) is x


def test_projection_leaves_no_trace_of_what_is_not_finite():
    x = {"w": jnp.array([jnp.nan, 1.0])}
    assert trees.project({"w": jnp.array([False, True])}, x)["w"].tolist() == [0, 1]


@pytest.mark.parametrize("mask", [{"b": True}, {"a": np.ones(3, bool)}, [True]])
def test_a_mask_that_does_not_fit_is_refused(mask):
    with pytest.raises(InputError, match="mask"):
        trees.check_mask(mask, {"a": jnp.zeros(2)})


def test_no_mask_and_scalar_leaves_fit():
    trees.check_mask(None, {"a": jnp.zeros(2)})
    trees.check_mask({"a": jnp.array(True)}, {"a": jnp.zeros(2)})
