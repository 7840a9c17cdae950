"""The largest scores, compared with a stable sort."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landscape.sparsity.selection import keep_largest, keep_largest_global

TINY = np.float32(1e-42)
VALUES = [0.0, -0.0, 1.0, -1.0, 2.0, np.inf, -np.inf, 3e38, TINY, -TINY]


def slow(leaves, count):
    """A stable sort of everything, in a type that holds all values exactly."""
    wide = np.int64 if leaves[0].dtype.kind in "iu" else np.float64
    flat = np.concatenate([leaf.ravel().astype(wide) for leaf in leaves])
    mask = np.zeros(flat.size, bool)
    mask[np.argsort(-flat, kind="stable")[:count]] = True
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = np.split(mask, ends)
    return [m.reshape(leaf.shape) for m, leaf in zip(parts, leaves, strict=True)]


def arrays(dtype, elements=None):
    shapes = st.sampled_from([(1,), (7,), (3, 4, 5), (11, 13)])
    return shapes.flatmap(lambda s: hnp.arrays(dtype, s, elements=elements))


floats = st.floats(width=32, allow_nan=False)


@settings(deadline=None, max_examples=40)
@given(
    st.one_of(arrays(np.float32, floats), arrays(np.float32, st.sampled_from(VALUES))),
    st.data(),
)
def test_the_largest_floats_are_those_of_a_stable_sort(scores, data):
    count = data.draw(st.integers(0, scores.size))
    np.testing.assert_array_equal(keep_largest(scores, count), slow([scores], count)[0])


@pytest.mark.parametrize("kind", ["normal", "equal", "zeros", "lumps", "pruned"])
@pytest.mark.parametrize(
    "dtype", [np.float32, ml_dtypes.bfloat16, np.float16, np.int32, np.uint32, np.int8]
)
def test_every_dtype_keeps_what_a_stable_sort_keeps(dtype, kind):
    draw = np.random.default_rng(0)
    normal = 40 * draw.normal(size=(31, 33))
    scores = {
        "normal": normal,
        "equal": np.full_like(normal, 5),
        "zeros": np.where(normal > 0, 0.0, -0.0),
        "lumps": draw.integers(0, 4, normal.shape),
        "pruned": np.where(draw.random(normal.shape) < 0.9, -1, np.abs(normal)),
    }[kind]
    if dtype == np.uint32:
        scores = np.abs(scores) * 2e7
    scores = scores.astype(dtype)
    for count in (0, 1, 17, 102, 103, 512, scores.size - 1, scores.size):
        got = keep_largest(scores, count)
        np.testing.assert_array_equal(got, slow([scores], count)[0])


def test_doubles_are_compared_in_all_their_bits():
    draw = np.random.default_rng(1)
    scores = 1 + 1e-12 * draw.normal(size=500)
    scores[::7] = scores[0]
    with jax.enable_x64(True):
        for count in (1, 50, 75, 499):
            got = keep_largest(scores, count)
            np.testing.assert_array_equal(got, slow([scores], count)[0])


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(VALUES), min_size=41, max_size=41), st.integers(0, 41))
@example([1.0] * 41, 20)
def test_over_all_leaves_ties_go_to_the_first_leaves(values, count):
    flat = np.array(values, np.float32)
    leaves = [flat[:1], flat[1:36].reshape(5, 7), flat[36:]]
    got = keep_largest_global(leaves, count)
    for mask, want in zip(got, slow(leaves, count), strict=True):
        np.testing.assert_array_equal(mask, want)


def test_leaves_of_different_dtypes_are_compared_exactly():
    leaves = [np.array([1, 3], ml_dtypes.bfloat16), np.array([3.001, 2], np.float32)]
    for count in range(5):
        got, want = keep_largest_global(leaves, count), slow(leaves, count)
        np.testing.assert_array_equal(np.concatenate(got), np.concatenate(want))


@pytest.mark.parametrize("nan", [np.nan, -np.nan])
def test_not_a_number_is_kept_before_everything_else(nan):
    scores = np.array([1, np.inf, nan, -2, nan], np.float32)
    assert keep_largest(scores, 2).tolist() == [False, False, True, False, True]
    assert keep_largest(scores, 3).tolist() == [False, True, True, False, True]


def test_counts_beyond_the_whole_numbers_of_float32_are_exact():
    scores = jnp.zeros((2**24 + 40,), jnp.int8)
    for count in (2**24 + 1, 2**24 + 3):
        mask = np.asarray(keep_largest(scores, count))
        assert mask[:count].all()
        assert not mask[count:].any()


def test_many_rows_are_selected_from_at_once():
    scores = np.random.default_rng(2).integers(0, 9, (6, 50)).astype(np.float32)
    counts = np.array([0, 1, 10, 25, 49, 50])
    masks = jax.vmap(keep_largest)(scores, counts)
    for row, count, mask in zip(scores, counts, masks, strict=True):
        np.testing.assert_array_equal(mask, slow([row], count)[0])
