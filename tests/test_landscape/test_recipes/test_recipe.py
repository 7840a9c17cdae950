"""Functions and the first state, made of a run's settings."""

import jax
import numpy as np
import pytest

from landscape import config, trees
from landscape.config import DenseRun, SparseRun
from landscape.recipes import recipe
from landscape.recipes.initial_state import abstract_state, initial_state

SHAPE = (8, 8, 1)
EPS = np.finfo(np.float32).eps


SMALL = {"model": "mlp", "widths": (40, 30)}
first_state = jax.jit(initial_state, static_argnums=(0, 2))


def made(settings):
    return recipe.make(settings, SHAPE, 10)


@pytest.mark.parametrize("fraction", [0.5, 0.9995, 1.0])
def test_initial_zeros_are_the_promised_number_and_leave_the_others_alone(fraction):
    plain, zeroed = (
        trees.named_leaves(
            first_state(made(DenseRun(**SMALL, init_zeros=z)), 3, SHAPE).params
        )
        for z in (0.0, fraction)
    )
    for name, leaf in zeroed.items():
        if not name.endswith("kernel"):
            assert not leaf.any() and not plain[name].any()
            continue
        left = leaf != 0
        assert left.sum() == round((1 - fraction) * leaf.size)
        # Two programs draw the weights. Each takes some 16 operations for an entry, and
        # one before them, a uniform number, is rounded too: at the ends the entry
        # changes 9 times as fast. Together 32 eps of the largest entry.
        bound = 32 * EPS * abs(plain[name]).max()
        np.testing.assert_allclose(leaf[left], plain[name][left], rtol=0, atol=bound)


def test_another_seed_zeroes_other_weights():
    first, second = (
        first_state(made(DenseRun(**SMALL, init_zeros=0.5)), seed, SHAPE).params
        for seed in (0, 1)
    )
    a, b = (np.asarray(p["Dense_1"]["kernel"]) != 0 for p in (first, second))
    assert 0.4 < (a == b).mean() < 0.6


def test_zeroed_weights_are_trained():
    state = first_state(made(DenseRun(**SMALL, init_zeros=0.5)), 0, SHAPE)
    assert all(mask.shape == () and mask for mask in jax.tree.leaves(state.masks))


def test_runs_that_differ_in_seeds_and_folders_share_their_functions():
    one = made(SparseRun(seed=0, workdir="a"))
    assert made(SparseRun(seed=1, order_seed=5, workdir="b")) == one
    other = {
        "sparsity": 0.9, "learning_rate": 0.2, "weight_decay": 0.0, "steps": 100,
        "optimizer": "adam", "momentum": 0.5, "label_smoothing": 0.1, "warmup": 3,
        "decay_all": True, "prune_every": 7, "distribution": "er", "nesterov": True,
    }  # fmt: skip
    for name, value in other.items():
        assert made(SparseRun(**{name: value})) != one, name
    lottery = SparseRun(method="lottery", mask_from="a")
    assert made(lottery) == made(SparseRun(method="scratch", mask_from="b", seed=4))
    assert made(lottery) != one
    static = made(SparseRun(method="static"))
    assert static != made(lottery)
    # Read by pruning alone.
    assert made(SparseRun(method="static", prune_every=7)) == static
    # Lists are as good as tuples, and a dict that changes is seen.
    listed = SparseRun(decay_steps=[10], schedule="step", widths=[8], model="mlp")
    assert made(listed).model.widths == (8,)
    limits = {"Dense_2": 0.9}
    before = made(SparseRun(max_sparsity=limits))
    limits["Dense_2"] = 0.1
    assert made(SparseRun(max_sparsity=limits)) != before


def test_no_masks_are_drawn_for_a_run_that_takes_those_of_another():
    lottery = made(SparseRun(method="lottery", mask_from="a", sparsity=0.5))
    like = abstract_state(lottery, SHAPE)
    taken = jax.tree.map(
        lambda m: np.arange(m.size).reshape(m.shape) % 3 == 0, like.masks
    )
    state = initial_state(lottery, 0, SHAPE, None, None, taken)
    jax.tree.map(np.testing.assert_array_equal, state.masks, taken)
    assert like.masks["Dense_0"]["kernel"].shape == (64, 300)
    # Without a key there is nothing to draw with.
    first, _ = lottery.updater.init(None, like.params)
    assert all(mask.all() for mask in jax.tree.leaves(first))


def test_a_run_from_before_a_setting_came_is_read_with_its_default():
    old = config.to_dict(DenseRun(seed=7))
    del old["init_zeros"]
    assert config.from_dict(old) == DenseRun(seed=7)
