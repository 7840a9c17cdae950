"""Faults that tools of sparse training have, and the tests that show them absent."""

import ast
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from landscape import sparsity
from landscape.errors import InputError
from landscape.sparsity import sparsify, updaters

TESTS = Path(__file__).parents[2]
HERE = "test_landscape/test_sparsity/test_peers_faults.py"
SPARSITY = "test_landscape/test_sparsity"
FAULTS = {
    "a mask says 90 %, the weights are not zero: projecting is a second call": (
        f"{SPARSITY}/test_transformation.py",
        "test_a_loop_with_the_transformation_is_one_with_masked_update",
    ),
    "optimizers are known by their class, and others raise": (
        f"{SPARSITY}/test_transformation_anywhere.py",
        "test_any_optimizer_does_what_it_does_with_masked_update",
    ),
    "a schedule whose end is off the grid stops at 86.67 % instead of 90 %": (
        f"{SPARSITY}/test_updaters.py",
        "test_an_end_off_the_update_grid_reaches_the_target_exactly",
    ),
    "position embeddings, class token and head are pruned unasked": (
        HERE,
        "test_position_embedding_and_class_token_are_never_pruned_and_a_head_may_stay",
    ),
    "every run has the same random mask unless a seed is given": (
        HERE,
        "test_a_seed_must_be_given_and_another_one_gives_other_masks",
    ),
    "one key for all layers: equal shapes get equal masks": (
        f"{SPARSITY}/test_updaters.py",
        "test_random_masks_follow_the_key_and_differ_between_equal_shapes",
    ),
    "inf * mask = nan": (
        f"{SPARSITY}/test_masks.py",
        "test_applying_leaves_zero_whatever_was_there_and_keeps_dtypes",
    ),
    "moments of pruned weights stay alive": (
        "reliability/test_masked_optimizers.py",
        "test_pruned_weights_stay_zero_and_gather_neither_momentum_nor_decay",
    ),
    "counts in float32 are off by one at 25 million": (
        f"{SPARSITY}/test_selection.py",
        "test_counts_beyond_the_whole_numbers_of_float32_are_exact",
    ),
    "a strict comparison prunes too many of equal scores": (
        f"{SPARSITY}/test_selection.py",
        "test_over_all_leaves_ties_go_to_the_first_leaves",
    ),
    "saved weights are not zero where pruned": (
        "test_train/test_jobs/test_jobs.py",
        "test_the_summary_counts_what_the_weights_are",
    ),
    "a shuffle that shuffles nothing": (
        "test_landscape/test_recipes/test_order.py",
        "test_seeds_and_epochs_differ",
    ),
    "scores in train mode change the statistics of batch norm": (
        "test_train/test_jobs/test_scoring.py",
        "test_batch_norm_is_in_eval_mode_and_its_statistics_stay",
    ),
    "SynFlow removes 1x1 shortcuts whole": (
        f"{SPARSITY}/test_at_initialisation.py",
        "test_synflow_in_rounds_leaves_a_way_through_and_the_shortcut",
    ),
    "RigL and SET crash on a model with a bias": (
        HERE,
        "test_set_and_rigl_train_beside_leaves_that_are_never_pruned",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_other_tools_has_a_test(fault):
    path, name = FAULTS[fault]
    tree = ast.parse((TESTS / path).read_text())
    assert name in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}


def test_position_embedding_and_class_token_are_never_pruned_and_a_head_may_stay():
    params = {
        "pos_embedding": np.ones((1, 17, 8)),
        "cls": np.ones((1, 1, 8)),
        "Dense_0": {"kernel": np.ones((8, 20)), "bias": np.ones(20)},
        "head": {"kernel": np.ones((20, 10))},
    }
    with pytest.raises(InputError, match="cls"):
        sparsity.prunable(params)  # Not guessed: they have to be named.
    rules = {"pos_embedding": "other", "cls": "other"}
    shapes = sparsity.prunable(params, rules)
    assert set(shapes) == {"Dense_0/kernel", "head/kernel"}
    counts = sparsity.kept_counts(shapes, 0.9, dense_layers=["head"])
    masks, _ = updaters.pruning(counts, 0, 1, 1).init(None, params)
    kept = masks["pos_embedding"], masks["cls"], masks["head"]["kernel"]
    assert all(mask.shape == () and mask for mask in kept)
    assert masks["Dense_0"]["kernel"].shape == (8, 20)


def test_a_seed_must_be_given_and_another_one_gives_other_masks():
    static, params = updaters.static({"w": 50}), {"w": jnp.ones((10, 10))}
    with pytest.raises(TypeError, match="seed"):
        sparsify(optax.sgd(0.1), static)
    one, other, again = (
        np.asarray(sparsify(optax.sgd(0.1), static, seed).init(params).masks["w"])
        for seed in (0, 1, 0)
    )
    assert (one != other).any() and (one == again).all()


@pytest.mark.parametrize("make", [updaters.evolving, updaters.rigl])
def test_set_and_rigl_train_beside_leaves_that_are_never_pruned(make):
    params = {"w": jnp.arange(1.0, 13).reshape(3, 4), "bias": jnp.ones(4)}
    tx = sparsify(optax.adam(0.1), make({"w": 4}, 1, 3, 0.5), seed=0)
    state = tx.init(params)
    before = state.masks["w"]
    grads = {"w": jnp.cos(params["w"]), "bias": jnp.ones(4)}
    updates, state = tx.update(grads, state, params)
    params = optax.apply_updates(params, updates)
    assert (state.masks["w"] != before).any() and state.masks["bias"].shape == ()
    assert jnp.count_nonzero(params["bias"]) == 4
    sparsity.check(params, state)
