"""N of every M inputs: which, along which axes, and when; against loops in NumPy."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.recipes import recipe, schedules
from landscape.sparsity import choices, kept_in_groups, selection, updaters


def slow_groups(scores, axes, count, m):
    """For each output its inputs (*window, inputs) in a row, in groups of m, sorted."""
    order = [at for letter in "kio" for at, a in enumerate(axes) if a == letter]
    moved = np.transpose(scores, order)
    outputs = math.prod(np.shape(scores)[at] for at, a in enumerate(axes) if a == "o")
    rows = moved.reshape(-1, outputs).T
    masks = np.zeros(rows.shape, bool)
    for row, mask in zip(rows, masks, strict=True):
        for start in range(0, row.size, m):
            group = row[start : start + m]
            best = np.argsort(-group, kind="stable")[:count]
            mask[start + best] = True
    return np.transpose(masks.T.reshape(moved.shape), np.argsort(order))


@pytest.mark.parametrize("axis", [0, 1, 2])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_largest_along_an_axis_are_a_stable_sort(axis, data):
    shape = data.draw(st.sampled_from([(2, 5, 3), (1, 1, 1), (4, 1, 2)]))
    size = math.prod(shape)
    values = st.sampled_from([-1.0, -0.0, 0.0, 1e-42, 2.0, np.inf, -np.inf])
    scores = np.array(
        data.draw(st.lists(values, min_size=size, max_size=size)), np.float32
    )
    count = data.draw(st.integers(0, shape[axis]))
    kept = selection.keep_largest_along(scores.reshape(shape), count, axis=axis)
    lines = np.moveaxis(scores.reshape(shape), axis, -1).reshape(-1, shape[axis])
    want = np.zeros(lines.shape, bool)
    for line, mask in zip(lines, want, strict=True):
        mask[np.argsort(-line, kind="stable")[:count]] = True
    got = np.moveaxis(np.asarray(kept), axis, -1).reshape(lines.shape)
    np.testing.assert_array_equal(got, want)


def test_a_nan_counts_as_the_largest_score():
    kept = selection.keep_largest_along(jnp.array([jnp.inf, jnp.nan, 3.0]), 1, axis=0)
    assert kept.tolist() == [False, True, False]


LAYOUTS = {
    "dense": ({"Dense_0": {"kernel": (8, 3)}}, "io", ()),
    "convolution": ({"Conv_0": {"kernel": (2, 3, 4, 5)}}, "kkio", ()),
    "one channel": ({"Conv_0": {"kernel": (2, 4, 1, 3)}}, "kkio", ()),
    "torch": ({"conv": {"weight": (5, 4, 2, 3)}}, "oikk", ()),
    "transposed": ({"conv2_d_transpose": {"w": (2, 2, 3, 4)}}, "kkoi", ()),
    "heads in": ({"mix": {"kernel": (2, 4, 3)}}, "iio", {"mix/*": "iio"}),
    "heads out": ({"mix": {"kernel": (4, 2, 3)}}, "ioo", {"mix/*": "ioo"}),
    "odd": ({"mix": {"kernel": (3, 2, 4, 2)}}, "okik", {"mix/*": "okik"}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_groups_are_consecutive_inputs_of_one_output(name):
    shapes, axes, rules = LAYOUTS[name]
    (layer,) = shapes
    (leaf,) = shapes[layer]
    draw = np.random.default_rng(0)
    # Ties among them.
    kernel = draw.integers(-3, 4, shapes[layer][leaf]).astype(np.float32)
    params = {layer: {leaf: kernel}}
    key = f"{layer}/{leaf}"
    choice = choices.n_of_m([key], 1, 4, rules)
    layers = choice.layers(params)
    for removed in (0, 1, 2, 3):
        counts = choice.counts(layers, lambda total, r=removed: r * total // 3)
        assert counts == [4 - removed]
        kept = choice.keep(layers, {key: np.abs(kernel)}, counts)[key]
        want = slow_groups(np.abs(kernel), axes, 4 - removed, 4)
        np.testing.assert_array_equal(kept, want)
        assert kept.sum() == kernel.size * (4 - removed) // 4


def test_a_pattern_is_told_from_masks_that_have_another_or_none():
    params = {
        "conv": {"kernel": np.ones((1, 2, 4, 3)), "bias": np.ones(3)},
        "dense": {"kernel": np.ones((6, 2))},
    }
    choice = choices.n_of_m(["conv/kernel"], 2, 4)
    kept = choice.keep(
        choice.layers(params),
        {"conv/kernel": np.random.default_rng(0).normal(size=(1, 2, 4, 3))},
        [2],
    )["conv/kernel"]
    true = np.array(True)
    masks = {"conv": {"kernel": kept, "bias": true}, "dense": {"kernel": true}}
    assert choices.is_n_of_m(masks, params, 2, 4)
    assert not choices.is_n_of_m(masks, params, 1, 4)
    # Six inputs make no groups of four; dense layers have none.
    fewer = np.arange(12).reshape(6, 2) > 5
    assert not choices.is_n_of_m(masks | {"dense": {"kernel": fewer}}, params, 2, 4)
    # As many in all, but one has moved to another group.
    moved = np.array(kept)
    moved[0, 0, :, 0], moved[0, 1, :, 0] = [1, 1, 1, 0], [0, 0, 0, 1]
    conv = {"kernel": moved, "bias": true}
    assert not choices.is_n_of_m(masks | {"conv": conv}, params, 2, 4)
    dense = {"conv": {"kernel": true, "bias": true}, "dense": {"kernel": true}}
    assert not choices.is_n_of_m(dense, params, 2, 4)


def test_without_ties_the_masks_are_those_of_jaxpruner_along_the_inputs():
    """Its rank in the group (argsort twice) is at least M - N, on a given axis."""
    scores = np.random.default_rng(1).permutation(96).reshape(2, 2, 4, 6) + 1.0
    choice = choices.n_of_m(["Conv_0/kernel"], 2, 4)
    layers = choice.layers({"Conv_0": {"kernel": scores}})
    kept = choice.keep(layers, {"Conv_0/kernel": scores}, [2])["Conv_0/kernel"]
    groups = scores.reshape(16 // 4, 4, 6)
    published = groups.argsort(axis=1).argsort(axis=1) >= 4 - 2
    np.testing.assert_array_equal(kept, published.reshape(scores.shape))


def test_every_group_loses_one_after_the_other_and_nothing_comes_back():
    draw = np.random.default_rng(2)
    names, shape, steps = ("Conv_0/kernel", "Dense_0/kernel"), (3, 4, 2, 3), 23
    updater = updaters.n_of_m(names, 1, 6, start=2, end=19, every=4)

    def weights():
        return {
            "Conv_0": {"kernel": draw.integers(-9, 10, shape).astype(np.float32)},
            "Dense_0": {"kernel": draw.normal(size=(12, 2)).astype(np.float32)},
        }

    masks, state = updater.init(None, weights())
    update = jax.jit(updater.update)
    for step in range(1, steps):
        before, params = masks, weights()
        masks, state, info = update(step, None, params, None, masks, state)
        on_grid = step in {2, 6, 10, 14, 18, 19}
        after = max((t for t in (2, 6, 10, 14, 18, 19) if t <= step), default=0)
        kept = 6 - schedules.cubic_removed(after, 5, 2, 19)
        fewer = False
        for layer, axes in (("Conv_0", "kkio"), ("Dense_0", "io")):
            old, new = (np.asarray(m[layer]["kernel"]) for m in (before, masks))
            scores = np.where(old, np.abs(params[layer]["kernel"]), -np.inf)
            want = slow_groups(scores, axes, kept, 6) if on_grid else old
            np.testing.assert_array_equal(new, want, str(step))
            assert not (new & ~old).any()
            assert (new.reshape(-1, 6, new.shape[-1]).sum(1) == kept).all()
            fewer |= bool((new != old).any())
        assert info["changed"] == fewer
    assert kept == 1


def test_the_counts_are_exact_and_the_declared_layers_dense():
    shapes = {"a/kernel": (3, 3, 4, 5), "b/kernel": (36, 7), "c/kernel": (5, 5, 1, 6)}
    counts = kept_in_groups(shapes, 2, 4, ["c"])
    assert counts == {"a/kernel": 90, "b/kernel": 126, "c/kernel": 150}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 4), r"1:4 does not fit a \(25 inputs a unit\), c \(10 .*\), as 4 does"),
        ((1, 4), r"not divide those: --dense-layers a c keeps them dense"),
        ((2, 4, ["a", "c"]), None),
        ((2, 4, ["a", "b", "c"]), "fits no layer"),
        ((2, 4, ["d"]), "unknown layer 'd'"),
        ((4, 4), "1 <= N < M, not 4:4"),
        ((0, 4), "1 <= N < M, not 0:4"),
    ],
)
def test_a_pattern_that_does_not_fit_names_the_layers(arguments, message):
    shapes = {"a/kernel": (5, 5, 1, 6), "b/kernel": (8, 4), "c/kernel": (10, 3)}
    if message is None:
        assert kept_in_groups(shapes, *arguments)["b/kernel"] == 16
        return
    with pytest.raises(InputError, match=message):
        kept_in_groups(shapes, *arguments)


def test_an_updater_refuses_what_is_no_kernel_and_what_does_not_fit():
    params = {"Dense_0": {"kernel": np.ones((6, 2)), "bias": np.ones(2)}}
    with pytest.raises(InputError, match="unknown kernel 'Dense_0/bias'"):
        updaters.n_of_m(["Dense_0/bias"], 1, 2, 0, 1, 1).init(None, params)
    with pytest.raises(InputError, match="4 does not divide that"):
        updaters.n_of_m(["Dense_0/kernel"], 1, 4, 0, 1, 1).init(None, params)


def test_the_settings_have_the_pattern_s_sparsity_and_others_the_default():
    assert SparseRun().sparsity == 0.95
    assert SparseRun(method="static", sparsity=0.5).sparsity == 0.5
    default = SparseRun(method="nm")
    assert (default.nm, default.pattern, default.sparsity) == ("2:4", (2, 4), 0.5)
    assert SparseRun(method="ste", nm="1:4").sparsity == 0.75
    assert SparseRun(method="ste").pattern is None
    # Straight through the masks are refreshed at each step, if nothing is said.
    assert SparseRun(method="ste", steps=1000).pruning_steps == (200, 670, 1)
    assert SparseRun(method="nm", steps=1000).pruning_steps == (200, 670, 10)
    # A run that takes masks has the settings of the one that found them.
    theirs = SparseRun.of(default, method="lottery", mask_from="a")
    shapes = recipe.make(theirs, (8, 8, 1), 10).updater.init(None, lenet300())[0]
    assert shapes["Dense_0"]["kernel"].shape == (64, 300)


def lenet300():
    widths = (64, 300, 100, 10)
    return {
        f"Dense_{i}": {"kernel": np.ones(shape), "bias": np.ones(shape[1:])}
        for i, shape in enumerate(itertools.pairwise(widths))
    }
