"""When masks change, and to what, against a slow twin."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.errors import InputError
from landscape.recipes import schedules
from landscape.sparsity import updaters
from landscape.sparsity.saliency import taylor1
from landscape.trees import named_leaves

SHAPES = {"a": (6, 7), "b": (6, 7), "c": (3, 3, 2, 5), "bias": (7,)}
COUNTS = {"a": 5, "b": 20, "c": 1}
KEY = jax.random.key(3)


def weights(seed, dtype=np.float32):
    draw = np.random.default_rng(seed)
    return {k: draw.normal(size=s).astype(dtype) for k, s in SHAPES.items()}


def drawn(key=KEY, counts=COUNTS):
    return updaters.static(counts).init(key, weights(0))[0]


def test_random_masks_keep_exactly_the_counts_and_scalars_elsewhere():
    masks = drawn()
    assert {k: int(m.sum()) for k, m in masks.items()} == COUNTS | {"bias": 1}
    assert masks["bias"].shape == ()
    full = drawn(counts={"a": 42, "b": 3})
    assert full["a"].shape == full["c"].shape == ()


def test_random_masks_follow_the_key_and_differ_between_equal_shapes():
    chex.assert_trees_all_equal(drawn(), drawn())
    again, other = drawn(counts={"a": 20, "b": 20}), drawn(jax.random.key(4))
    assert (again["a"] != again["b"]).any()
    assert (drawn()["b"] != other["b"]).any()
    # Adding or resizing a layer leaves the others as they were.
    np.testing.assert_array_equal(again["b"], drawn()["b"])


def test_every_entry_is_as_likely_to_be_kept():
    keys = jax.random.split(KEY, 4000)
    masks = jax.jit(lambda keys: jax.lax.map(lambda key: drawn(key)["a"], keys))(keys)
    often = np.mean(masks, axis=0)
    fraction, std = 5 / 42, (5 / 42 * 37 / 42 / 4000) ** 0.5
    assert np.abs(often - fraction).max() < 4.5 * std


@pytest.mark.parametrize("name", ["static", "fixed"])
def test_constant_masks_never_change(name):
    masks = drawn()
    updater = {"static": updaters.static(COUNTS), "fixed": updaters.fixed(masks)}[name]
    init, state = updater.init(KEY, weights(0))
    chex.assert_trees_all_equal(init, masks)
    given = drawn(jax.random.key(9))
    after, state, info = updater.update(7, KEY, weights(1), None, given, state)
    chex.assert_trees_all_equal(after, given)
    assert not info["changed"]


def prune(updater, trajectory, grads=None):
    """Masks after every step, from a single compiled loop."""
    masks, state = updater.init(KEY, weights(0))

    def body(carry, inputs):
        step, params, grads = inputs
        masks, state, info = updater.update(step, KEY, params, grads, *carry)
        if updater.scored:
            assert masks is carry[0]
            scores = taylor1.entries(params, grads)
            masks, state, info = updater.scored(step, scores, masks, state)
        return (masks, state), (masks, info["changed"])

    inputs = jnp.arange(1, len(trajectory["a"]) + 1), trajectory, grads
    return jax.jit(lambda xs: jax.lax.scan(body, (masks, state), xs)[1])(inputs)


def moving(steps, seed=0, dtype=np.float32):
    """Weights that change at every step, with ties and zeros among them."""
    start, slope = weights(seed), weights(seed + 1)
    return {
        k: np.stack([start[k] + t * slope[k] / 10 for t in range(steps)])
        .round(1)
        .astype(dtype)
        for k in SHAPES
    }


def slow_pruning(start, end, every, trajectory, global_, grads=None):
    """A stable sort at every update, of |w| or -w g; what was pruned stays so."""
    names = list(COUNTS)
    masks = {k: np.ones(SHAPES[k], bool) for k in names}
    history = []
    for step in range(1, len(trajectory["a"]) + 1):
        params = {k: weight[step - 1] for k, weight in trajectory.items()}
        if grads is None:
            scores = {k: np.abs(params[k]) for k in names}
        else:
            scores = {k: -params[k] * grads[k][step - 1] for k in names}
        scores = {k: np.where(masks[k], scores[k], -np.inf) for k in names}
        if step in {*range(start, end, every), end}:
            keep = {
                k: masks[k].size
                - schedules.cubic_removed(step, masks[k].size - COUNTS[k], start, end)
                for k in names
            }
            groups = [names] if global_ else [[k] for k in names]
            for group in groups:
                flat = np.concatenate([scores[k].ravel() for k in group])
                kept = np.zeros(flat.size, bool)
                order = np.argsort(-flat, kind="stable")
                kept[order[: sum(keep[k] for k in group)]] = True
                for k in group:
                    size = masks[k].size
                    masks[k], kept = kept[:size].reshape(SHAPES[k]), kept[size:]
        history.append({k: m.copy() for k, m in masks.items()})
    return history


@pytest.mark.parametrize("global_", [False, True], ids=["by layer", "global"])
@pytest.mark.parametrize(("start", "end", "every"), [(3, 23, 7), (8, 8, 4), (1, 9, 1)])
def test_gradual_pruning_is_a_stable_sort_at_every_update(start, end, every, global_):
    updater = updaters.pruning(COUNTS, start, end, every, global_=global_)
    masks, changed = prune(updater, moving(25))
    before = {k: np.ones(SHAPES[k], bool) for k in COUNTS}
    for i, want in enumerate(slow_pruning(start, end, every, moving(25), global_)):
        for name in COUNTS:
            np.testing.assert_array_equal(masks[name][i], want[name], str((i, name)))
        assert changed[i] == any((before[k] != want[k]).any() for k in COUNTS)
        before = want


@pytest.mark.parametrize("global_", [False, True], ids=["by layer", "global"])
@pytest.mark.parametrize("inside", [True, False], ids=["in the step", "handed over"])
def test_signed_scores_prune_as_a_stable_sort_and_revive_nothing(inside, global_):
    score = taylor1.entries if inside else None
    updater = updaters.pruning(COUNTS, 3, 23, 7, global_=global_, score=score)
    trajectory, grads = moving(25), moving(25, seed=9)
    masks, changed = prune(updater, trajectory, grads)
    history = slow_pruning(3, 23, 7, trajectory, global_, grads)
    for i, want in enumerate(history):
        for name in COUNTS:
            np.testing.assert_array_equal(masks[name][i], want[name], str((i, name)))
            # Half of the live scores are below 0, and no pruned weight comes back.
            assert not (masks[name][i] & ~masks[name][max(i - 1, 0)]).any()
    steps = (np.flatnonzero(changed) + 1).tolist()
    assert steps == [10, 17, 23]
    if not inside:
        assert list(updater.stops(weights(0))) == steps


@pytest.mark.parametrize(
    ("every", "dtype"), [(4, np.float32), (50, np.float32), (16, jnp.bfloat16)]
)
def test_an_end_off_the_update_grid_reaches_the_target_exactly(every, dtype):
    updater = updaters.pruning(COUNTS, 2, 17, every)
    masks, changed = prune(updater, moving(20, 5, dtype))
    assert {k: int(masks[k][-1].sum()) for k in COUNTS} == COUNTS
    assert {k: int(masks[k][16].sum()) for k in COUNTS} == COUNTS
    assert changed[16] or int(masks["a"][15].sum()) == COUNTS["a"]
    assert not changed[17:].any()


def test_what_is_pruned_never_comes_back_even_for_live_zeros():
    updater = updaters.pruning({"a": 10}, 1, 3, 1)
    params = weights(0)
    masks, state = updater.init(KEY, params)
    masks["a"] = jnp.arange(42).reshape(6, 7) >= 21
    zeros = params | {"a": np.zeros((6, 7), np.float32)}
    masks, _, _ = updater.update(3, KEY, zeros, None, masks, state)
    assert np.flatnonzero(masks["a"]).tolist() == list(range(21, 31))


@pytest.mark.parametrize("global_", [False, True])
def test_nothing_comes_back_where_the_first_masks_keep_less_than_the_schedule(global_):
    given = drawn()
    updater = updaters.pruning(COUNTS, 0, 4, 1, global_=global_)
    masks, state = updaters.starting_from(updater, given).init(KEY, weights(0))
    for step in range(1, 5):
        masks, _, _ = updater.update(step, None, weights(0), None, masks, state)
    chex.assert_trees_all_equal(masks, given)


def test_nothing_to_remove_is_no_change_ever():
    updater = updaters.pruning({k: int(np.prod(SHAPES[k])) for k in COUNTS}, 1, 9, 2)
    masks, changed = prune(updater, moving(10))
    assert not changed.any()
    assert all(m.shape == (10,) for m in named_leaves(masks).values())


def test_layers_that_are_not_named_take_no_part_in_global_pruning():
    params = weights(0)
    params["b"] = 1e-3 * params["b"]
    updater = updaters.pruning({"a": 5, "c": 1}, 0, 1, 1, global_=True)
    masks, state = updater.init(KEY, params)
    masks, _, info = updater.update(1, KEY, params, None, masks, state)
    assert info["changed"]
    assert masks["b"].shape == masks["bias"].shape == ()
    assert int(masks["a"].sum() + masks["c"].sum()) == 6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: updaters.pruning({"a": 1}, 5, 4, 1), "not start 5, end 4"),
        (lambda: updaters.pruning({"a": 1}, 0, 0, 1), "mask updates need"),
        (lambda: updaters.static({"d": 1}).init(KEY, weights(0)), "parameter 'd'"),
        (lambda: updaters.static({"a": 0}).init(KEY, weights(0)), "1 to 42 .* not 0"),
        (lambda: updaters.pruning({"a": 43}, 0, 1, 1).init(KEY, weights(0)), "not 43"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("global_", [False, True])
def test_the_masks_of_the_next_level_equal_a_sort_of_the_weights_that_are_left(global_):
    rng = np.random.default_rng(0)
    # Few values: many ties, and live weights that are zero.
    params = {n: rng.integers(-3, 4, s) / 2 for n, s in SHAPES_OF_LEVELS.items()}
    masks = {n: rng.random(s) < 0.6 for n, s in SHAPES_OF_LEVELS.items()}
    masks["c"] = masks["bias"] = np.True_
    counts = {"a": 9, "b": 5, "c": 6}
    found = updaters.next_masks(
        jax.tree.map(jnp.asarray, params), masks, counts, global_=global_
    )
    groups = [["a", "b"]] if global_ else [["a"], ["b"]]
    for names in groups:
        scores = np.concatenate(
            [np.where(masks[n], abs(params[n]), -1).ravel() for n in names]
        )
        kept = np.argsort(-scores, kind="stable")[: sum(counts[n] for n in names)]
        expected = np.isin(np.arange(scores.size), kept)
        mine = np.concatenate([np.ravel(found[n]) for n in names])
        np.testing.assert_array_equal(mine, expected)
        assert not (mine & (scores < 0)).any()
    # A layer that keeps everything is neither pruned nor compared.
    assert found["c"].shape == found["bias"].shape == ()


def test_a_layer_that_no_count_names_keeps_its_mask():
    params, masks = {"a": jnp.ones((4, 5))}, {"a": np.arange(20).reshape(4, 5) < 8}
    np.testing.assert_array_equal(
        updaters.next_masks(params, masks, {})["a"], masks["a"]
    )


def test_a_level_cannot_keep_more_than_the_one_before():
    params = {"a": jnp.ones((4, 5)), "b": jnp.ones((4, 5))}
    masks = {"a": np.arange(20).reshape(4, 5) < 8, "b": np.True_}
    with pytest.raises(InputError, match="keeps 9 weights of layer a, of which"):
        updaters.next_masks(params, masks, {"a": 9, "b": 3})
    updaters.next_masks(params, masks, {"a": 9, "b": 3}, global_=True)
    with pytest.raises(InputError, match="of which"):
        updaters.next_masks(params, masks, {"a": 19, "b": 19}, global_=True)
    # Nor can all of a layer come back.
    for global_ in (False, True):
        with pytest.raises(InputError, match="keeps 20 weights of layer a, of which"):
            updaters.next_masks(params, masks, {"a": 20, "b": 3}, global_=global_)


SHAPES_OF_LEVELS = {"a": (4, 5), "b": (3, 4), "c": (2, 3), "bias": (4,)}
