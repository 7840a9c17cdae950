"""SET and RigL against slow twins, and against the published code of the JAX peer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.errors import InputError
from landscape.recipes import schedules
from landscape.sparsity import updaters
from landscape.sparsity.selection import random_scores
from landscape.sparsity.updaters.replacement import replaced

SHAPES = {"a": (4, 5), "b": (6, 7), "c": (3, 3, 2, 5), "d": (4, 5), "bias": (7,)}
# One free place; half; one weight, of which nothing is dropped; all scores are equal.
COUNTS = {"a": 19, "b": 20, "c": 1, "d": 8}
STEPS, EVERY, END, KEY = 12, 3, 11, jax.random.key(3)


def normals(seed, *leading):
    draw = np.random.default_rng(seed)
    return {
        name: draw.normal(size=(*leading, *shape)).astype(np.float32)
        for name, shape in SHAPES.items()
    }


@pytest.fixture(scope="module")
def trajectory():
    """Weights and dense gradients of every step, some tied, one not a number."""
    weights, grads = normals(0, STEPS), normals(1, STEPS)
    weights["b"], grads["b"] = weights["b"].round(1), grads["b"].round(1)
    weights["d"][:], grads["d"][:] = 0.5, -2.0
    grads["b"][5, 3, 3] = np.nan
    return weights, grads


def largest(scores, allowed, count):
    """The first of equal scores; a NaN above all."""
    scores = np.where(np.isnan(scores), np.inf, scores.astype(np.float64)).ravel()
    order = np.argsort(-scores, kind="stable")
    chosen = np.zeros(scores.size, bool)
    chosen[[i for i in order if allowed.ravel()[i]][:count]] = True
    return chosen.reshape(allowed.shape)


def slow_replaced(mask, weights, growth, fraction):
    count = int(np.float32(mask.sum()) * np.float32(fraction))
    stay = largest(np.abs(weights), mask, int(mask.sum()) - count)
    return stay | largest(growth, ~stay, count)


MAKE = {"set": updaters.evolving, "rigl": updaters.rigl}


@pytest.mark.parametrize("method", MAKE)
def test_masks_are_those_of_a_stable_sort_at_every_update(method, trajectory):
    weights, grads = trajectory
    updater = MAKE[method](COUNTS, EVERY, END, schedules.cosine_drop(0.6, END))
    start, _ = updater.init(KEY, normals(0))

    def body(masks, inputs):
        step, params, gradients = inputs
        key = jax.random.fold_in(KEY, step)
        masks, _, info = updater.update(step, key, params, gradients, masks, ())
        return masks, (masks, info["changed"])

    xs = jnp.arange(1, STEPS + 1), weights, grads
    masks, changed = jax.jit(lambda xs: jax.lax.scan(body, start, xs)[1])(xs)
    assert (np.flatnonzero(changed) + 1).tolist() == [3, 6, 9]
    assert list(updater.steps(normals(0))) == [3, 6, 9]
    want, moved = {k: np.asarray(m) for k, m in start.items()}, set()
    assert masks["bias"].shape == (STEPS,)
    for step in range(1, STEPS + 1):
        for name, count in COUNTS.items():
            if step in (3, 6, 9):
                growth = np.abs(grads[name][step - 1])
                if method == "set":
                    key = jax.random.fold_in(KEY, step)
                    growth = np.asarray(random_scores(key, name, SHAPES[name]) >> 1)
                fraction = 0.6 * (1 + np.cos(np.pi * step / END)) / 2
                new = slow_replaced(
                    want[name], weights[name][step - 1], growth, fraction
                )
                moved |= {name} if (new != want[name]).any() else set()
                want[name] = new
            got = masks[name][step - 1]
            np.testing.assert_array_equal(got, want[name], str((name, step)))
            assert int(got.sum()) == count
    assert {"b", "d"} <= moved and "c" not in moved
    if method == "rigl":
        assert masks["b"][5, 3, 3]


def published_top_k(scores, sparsity):
    """`jaxpruner.mask_calculator.topk_mask_calculator`, but for ties."""
    ones = max(1, int(np.round(scores.size * (1 - sparsity))))
    return scores >= np.sort(scores.ravel())[-ones]


def published_update(mask, drop_score, grow_score, fraction, eps=1e-5):
    """`_update_masks` of SET and RigL in `jaxpruner.algorithms.sparse_trainers`."""
    density = mask.sum() / mask.size
    drop_score = np.where(mask, drop_score, drop_score.min() - eps)
    left = published_top_k(drop_score, 1 - density * (1 - fraction))
    grow_score = np.where(left, grow_score.max() + eps, grow_score)
    return published_top_k(grow_score, 1 - density)


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.9])
def test_masks_equal_those_of_the_published_jax_code_where_nothing_is_tied(fraction):
    # Of 20 kept weights each fraction is a whole number: it rounds to the nearest.
    draw = np.random.default_rng(7)
    weights, growth = draw.normal(size=(2, 6, 7)).astype(np.float32)
    mask = np.zeros(42, bool)
    mask[draw.permutation(42)[:20]] = True
    mask = mask.reshape(6, 7)
    weights = np.where(mask, weights, 0)
    got = replaced(mask, weights, np.abs(growth), fraction)
    want = published_update(
        mask, np.abs(weights).astype(float), np.abs(growth).astype(float), fraction
    )
    np.testing.assert_array_equal(got, want)
    assert (want != mask).any()


def test_a_dropped_weight_may_be_grown_at_once():
    mask = np.array([True, True, False, False])
    weights = np.array([3.0, 0.1, 0.0, 0.0], np.float32)
    at_once = replaced(mask, weights, np.array([0.0, 9.0, 1.0, 2.0], np.float32), 0.5)
    assert at_once.tolist() == mask.tolist()
    other = replaced(mask, weights, np.array([9.0, 0.0, 1.0, 2.0], np.float32), 0.5)
    assert other.tolist() == [True, False, False, True]


def test_a_kept_zero_is_dropped_before_larger_weights_and_nothing_else_is():
    """A weight that was grown and has not moved is kept, unlike a pruned one."""
    mask = np.array([False, True, True, True])
    weights = np.array([0.0, 0.0, 0.0, 1.0], np.float32)
    growth = np.array([1.0, 0.0, 0.0, 0.0], np.float32)
    assert replaced(mask, weights, growth, 0.34).tolist() == [True, True, False, True]


def test_nothing_is_replaced_where_all_layers_are_dense():
    updater = updaters.rigl({"a": 20}, 1, 9, 0.5)
    masks, state = updater.init(KEY, normals(0))
    after, _, info = updater.update(1, KEY, normals(0), normals(1), masks, state)
    assert after["a"].shape == () and not info["changed"]


def test_counts_are_those_of_the_masks_wherever_these_come_from():
    mask = {"b": np.arange(42).reshape(6, 7) < 11}
    updater = updaters.rigl({"b": 30}, 1, 9, 0.5)
    params, grads = normals(0), normals(1)
    one = {"b": params["b"]}, {"b": grads["b"]}
    after, _, _ = updater.update(1, KEY, *one, mask, ())
    assert int(after["b"].sum()) == 11 and (after["b"] & ~mask["b"]).any()


@pytest.mark.parametrize(
    ("schedule", "options"),
    [
        ("constant", {}),
        ("cosine", {"warmup": 3}),
        ("step", {"warmup": 4, "decay_steps": (2, 9, 15)}),
    ],
)
def test_the_relative_rate_is_the_learning_rate_over_its_peak(schedule, options):
    rate = schedules.learning_rate(schedule, 0.3, 20, **options)
    relative = schedules.relative_rate(schedule, 20, **options)
    want = [float(rate(step)) / 0.3 for step in range(22)]
    np.testing.assert_allclose([relative(s) for s in range(22)], want, atol=3e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 9, 0.3), "every 0 and end 9"),
        ((9, 9, 0.3), "every 9 and end 9"),
        ((1, 9, 1.5), "not 1.5 as at step 1"),
        ((1, 9, float("nan")), "not nan"),
        ((2, 9, lambda step: 0.3 - step / 10), "not -0.1 as at step 4"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(arguments, message):
    with pytest.raises(InputError, match=message):
        updaters.rigl({"a": 1}, *arguments)
