"""Masks on trees, and what they count."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.errors import InputError
from landscape.layout import layer_name
from landscape.sparsity import masked_update, masks, prunable, sparse_state, updaters


def ones(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


PARAMS = {
    "Block": {"Conv_0": {"kernel": ones(3, 3, 2, 4), "bias": ones(4)}},
    "BatchNorm_0": {"scale": ones(4), "bias": ones(4)},
    "Dense_0": {"kernel": ones(6, 5, dtype=np.float16), "bias": ones(5)},
}


def some(seed=0):
    """Random masks of the kernels, scalar ones of all else."""
    draw = np.random.default_rng(seed)
    made = masks.dense(PARAMS)
    made["Block"]["Conv_0"]["kernel"] = jnp.asarray(draw.random((3, 3, 2, 4)) < 0.5)
    made["Dense_0"]["kernel"] = jnp.asarray(draw.random((6, 5)) < 0.5)
    return made


def test_kernels_alone_are_prunable_also_of_abstract_parameters():
    want = {"Block/Conv_0/kernel": (3, 3, 2, 4), "Dense_0/kernel": (6, 5)}
    assert prunable(PARAMS) == want
    assert prunable(jax.eval_shape(lambda: PARAMS)) == want
    assert [layer_name(name) for name in want] == ["Block/Conv_0", "Dense_0"]


def test_dense_masks_have_the_structure_of_the_parameters_and_change_nothing():
    dense = masks.dense(PARAMS)
    chex.assert_trees_all_equal_structs(dense, PARAMS)
    chex.assert_trees_all_equal(masks.apply(dense, PARAMS), PARAMS)
    assert masks.sparsity(dense, PARAMS) == masks.sparsity_total(dense, PARAMS) == 0


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_applying_leaves_zero_whatever_was_there_and_keeps_dtypes(bad):
    kept = some()
    planted = jax.tree.map(lambda x: np.full_like(x, bad), PARAMS)
    tree = jax.tree.map(jnp.where, kept, PARAMS, planted)
    got = masks.apply(kept, tree)
    chex.assert_trees_all_equal_dtypes(got, tree)
    for m, x in zip(jax.tree.leaves(kept), jax.tree.leaves(got), strict=True):
        np.testing.assert_array_equal(x, np.where(m, 1, np.zeros_like(x)))


def test_counts_and_sparsities_are_those_of_the_whole_masks():
    kept = some(1)
    counts = jax.jit(masks.count)(kept, PARAMS)
    conv = int(kept["Block"]["Conv_0"]["kernel"].sum())
    dense = int(kept["Dense_0"]["kernel"].sum())
    assert {name: int(n) for name, n in counts.items()} == {
        "BatchNorm_0/bias": 4, "BatchNorm_0/scale": 4, "Block/Conv_0/bias": 4,
        "Block/Conv_0/kernel": conv, "Dense_0/bias": 5, "Dense_0/kernel": dense,
    }  # fmt: skip
    removed = 72 + 30 - conv - dense
    assert masks.sparsity(kept, PARAMS) == removed / 102
    assert masks.sparsity_total(kept, PARAMS) == removed / (102 + 17)


def test_a_kernel_that_is_never_pruned_still_counts_as_prunable():
    kept = some(2)
    kept["Block"]["Conv_0"]["kernel"] = jnp.array(True)
    removed = 30 - int(kept["Dense_0"]["kernel"].sum())
    assert masks.sparsity(kept, PARAMS) == removed / 102


def test_masks_of_another_shape_are_refused():
    with pytest.raises(InputError, match="the mask of w must have shape"):
        updaters.fixed({"w": np.ones(3, bool)}).init(None, {"w": np.ones(2)})
    with pytest.raises(InputError, match="the mask of w must have shape"):
        masks.count({"w": np.ones(3, bool)}, {"w": np.ones(6)})


def test_numbers_and_truths_of_python_count_as_arrays():
    kept = masks.count({"a": True, "b": False}, {"a": np.ones(3), "b": 1.0})
    assert (int(kept["a"]), int(kept["b"])) == (3, 0)


def test_counts_of_large_leaves_do_not_round():
    params = {"kernel": np.broadcast_to(np.float32(1), (2**12, 2**12 + 1))}
    kept = np.zeros((2**12, 2**12 + 1), bool)
    kept.flat[: 2**24 + 1] = True
    removed = 2**12 - 1
    assert masks.sparsity({"kernel": kept}, params) == removed / (2**24 + 2**12)


def test_a_mask_update_projects_weights_and_moments_at_once():
    """Masks that are enforced by a second call are easily forgotten."""
    import optax

    params = {"kernel": jnp.arange(1.0, 7.0).reshape(2, 3), "bias": jnp.ones(3)}
    grads = jax.tree.map(jnp.ones_like, params)
    updater = updaters.pruning({"kernel": 2}, 0, 1, 1)
    optimizer = optax.adam(0.1)
    state = sparse_state(optimizer, updater, None, params)
    state, info = jax.jit(lambda *args: masked_update(optimizer, updater, None, *args))(
        state, grads
    )
    assert info["changed"] and state.step == 1
    want = np.array([[0, 0, 0], [0, 1, 1]])
    moments = state.opt_state
    np.testing.assert_array_equal(state.masks["kernel"], want)
    np.testing.assert_array_equal(state.params["kernel"] != 0, want)
    np.testing.assert_allclose(moments[0].mu["kernel"], 0.1 * want, rtol=1e-6)
    np.testing.assert_allclose(moments[0].nu["kernel"], 0.001 * want, rtol=1e-5)
    assert all(moments[0].mu["bias"] != 0)
