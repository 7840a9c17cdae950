"""Iterative magnitude pruning: a run a level, each smaller and rewound."""

import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest

from landscape import runs
from landscape.errors import InputError
from landscape.recipes import recipe
from landscape.recipes.initial_state import abstract_state
from landscape.sparsity import kept_counts, prunable
from train import sparse
from train.jobs import job
from train.settings import levels, mask_source

# A small network with batch norm, and steps enough to tell two states apart.
SETTINGS = {
    "model": "mlp-bn", "widths": (12, 8), "num_train": 40, "batch_size": 20,
    "steps": 2, "log_every": 1, "keep_every": 1, "sparsity": 0.4, "rewind_to": 1,
    "level_fraction": 0.3, "method": ("imp",), "seed": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three levels: their folder and their summaries."""
    folder = tmp_path_factory.mktemp("levels") / "imp"
    return folder, sparse.run(sparse.Config(**SETTINGS, workdir=str(folder)))


def state(folder, level, step="2"):
    return runs.load(f"{folder / levels.NAME.format(level)}@{step}").state


def equal(found, expected):
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_a_level_keeps_the_largest_of_the_weights_that_the_one_before_left(made):
    folder, summaries = made
    assert [s["sparsity_target"] for s in summaries] == [0, 0.3, 0.4]
    for level, sparsity in ((1, 0.3), (2, 0.4)):
        before, masks = state(folder, level - 1), state(folder, level, "init").masks
        counts = kept_counts(prunable(before.params), sparsity)
        for (path, mask), weights, live in zip(
            jax.tree_util.tree_leaves_with_path(masks),
            jax.tree.leaves(before.params),
            jax.tree.leaves(before.masks),
            strict=True,
        ):
            name = "/".join(key.key for key in path)
            if name not in counts:
                assert mask.all()
                continue
            size = np.where(np.broadcast_to(live, weights.shape), abs(weights), -1)
            order = np.argsort(-size.ravel(), kind="stable")
            expected = np.zeros(weights.size, bool)
            expected[order[: counts[name]]] = True
            np.testing.assert_array_equal(mask.ravel(), expected)
        equal(state(folder, level).masks, masks)


def test_a_level_starts_at_the_rewound_weights_and_statistics_of_the_first(made):
    folder, _ = made
    rewound = state(folder, 0, "1")
    assert np.abs(rewound.params["Dense_0"]["kernel"]).min() > 0
    for level in (1, 2):
        first = state(folder, level, "init")
        masked = jax.tree.map(
            lambda m, w: np.where(m, w, 0), first.masks, rewound.params
        )
        equal(first.params, masked)
        equal(first.batch_stats, rewound.batch_stats)
    last = state(folder, 2).batch_stats
    assert not np.array_equal(
        jax.tree.leaves(last)[0], jax.tree.leaves(rewound.batch_stats)[0]
    )


def test_levels_that_were_cut_short_end_with_the_same_bits(made, tmp_path):
    folder, _ = made
    copy = tmp_path / "imp"
    shutil.copytree(folder, copy)
    shutil.rmtree(copy / "level-2")
    (copy / "level-1" / runs.SUMMARY).unlink()
    shutil.rmtree(copy / "level-1" / runs.CHECKPOINTS / "2")
    sparse.run(sparse.Config(**SETTINGS, workdir=str(copy)))
    for level in (1, 2):
        equal(state(copy, level), state(folder, level))
        lines = [f / f"level-{level}" / runs.METRICS for f in (copy, folder)]
        assert lines[0].read_bytes() == lines[1].read_bytes()


def test_with_its_learning_rate_rewound_a_level_starts_at_final_weights(made, tmp_path):
    folder, _ = made
    config = replace(runs.read_config(folder / "level-2"), rewind="learning-rate")
    config = replace(config, mask_from=str(folder / "level-1"))
    shape, classes = (8, 8, 1), 10
    like = abstract_state(recipe.make(config, shape, classes), shape)
    params, statistics, masks = mask_source.start_from(config)(like)
    last = state(folder, 1)
    equal(params, last.params)
    equal(statistics, last.batch_stats)
    equal(masks, state(folder, 2, "init").masks)


def test_a_restart_takes_the_statistics_of_batch_norm_along(made, tmp_path):
    folder, _ = made
    source = str(folder / "level-2")
    config = sparse.defaults_of_mask(source, runs.read_config(folder / "level-2"))
    here = tmp_path / "restart"
    config = replace(config, method=("restart",), seed=3, workdir=str(here))
    sparse.run(config)
    first, last = runs.load(f"{here}@init").state, state(folder, 2)
    equal(first.params, last.params)
    equal(first.batch_stats, last.batch_stats)
    equal(first.masks, last.masks)


def test_scratch_runs_of_one_seed_share_their_weights_and_differ_in_order(
    made, tmp_path
):
    folder, _ = made
    source = str(folder / "level-2")
    default = sparse.defaults_of_mask(source, runs.read_config(folder / "level-2"))
    found = []
    for order in (0, 1):
        here = tmp_path / str(order)
        config = replace(default, method=("scratch",), seed=9, order_seed=order)
        sparse.run(replace(config, workdir=str(here)))
        found.append([runs.load(f"{here}@{step}").state for step in ("init", "2")])
    equal(found[0][0].params, found[1][0].params)
    equal(found[0][0].masks, state(folder, 2).masks)
    kernels = [run[1].params["Dense_0"]["kernel"] for run in found]
    assert not np.array_equal(*kernels)


def test_a_level_takes_what_is_of_its_own_kind_and_never_nothing(made):
    folder, _ = made
    config = runs.read_config(folder / "level-2")
    config = replace(config, mask_from=str(folder / "level-1"))
    mask_source.check(config)
    with pytest.raises(InputError, match="--global-pruning True is not that of"):
        mask_source.check(replace(config, global_pruning=True))
    with pytest.raises(InputError, match="takes the level of another run"):
        job.run_training(replace(config, workdir=str(folder / "new")))
