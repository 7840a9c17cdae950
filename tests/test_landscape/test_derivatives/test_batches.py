import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import FrozenDict

from landscape.derivatives import as_batches, joinable, joined, num_examples
from landscape.errors import InputError


def data():
    return {"x": np.arange(14.0).reshape(7, 2), "label": np.arange(7)}


def split(batch, *sizes):
    ends = np.cumsum(sizes)
    return [
        {name: x[end - size : end] for name, x in batch.items()}
        for size, end in zip(sizes, ends, strict=True)
    ]


def test_one_batch_is_distinguished_from_a_list_of_batches():
    batch = data()
    parts = split(batch, 4, 3)
    for one in (batch, (batch["x"], batch["label"]), batch["x"], FrozenDict(batch)):
        assert as_batches(one)[0] is one
    for several in (parts, iter(parts), [(p["x"], p["label"]) for p in parts]):
        assert [num_examples(part) for part in as_batches(several)] == [4, 3]


def test_batches_are_joined_on_the_host_if_all_are_there():
    batch = data()
    chex.assert_trees_all_equal(joined(split(batch, 3, 3, 1)), batch)
    first, second = split(batch, 4, 3)
    assert isinstance(joined([first, second])["x"], np.ndarray)
    on_device = joined([jax.tree.map(jnp.asarray, first), second])
    assert isinstance(on_device["x"], jax.Array)
    assert joined([batch]) is batch


def test_batches_of_other_structures_shapes_or_dtypes_are_not_joined():
    first, second = split(data(), 4, 3)
    for change in (
        {"weight": np.ones(3)},
        {"x": second["x"][:, :1]},
        {"label": second["label"].astype(float)},
    ):
        assert len(joinable([first, second, second | change])) == 2
        with pytest.raises(InputError, match="must have one structure"):
            joined([first, second | change])


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (np.array(list("abcdefg")), "extra in a batch must be an array of numbers"),
        ("a name", "extra in a batch must be an array of numbers, not of type str"),
        (3, "length, not none of extra, 7 of x"),
        (np.zeros(6), "length, not 6 of extra, 7 of x"),
    ],
)
def test_what_is_no_array_of_the_examples_is_refused_by_name(leaf, message):
    for batches in (data() | {"extra": leaf}, [data(), data() | {"extra": leaf}]):
        with pytest.raises(InputError, match=message):
            as_batches(batches)
    for nothing in ({}, None, [{}]):
        with pytest.raises(InputError, match=r"not no array|not none"):
            as_batches(nothing)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(7), "weights of the examples add up to 0"),
        (np.full(7, np.nan), "weights of the examples add up to nan"),
        (np.ones(7, complex), "must be one array of real numbers"),
        ({"a": np.ones(7)}, "must be one array of real numbers"),
    ],
)
def test_weights_that_leave_no_mean_are_refused(weight, message):
    with pytest.raises(InputError, match=message):
        as_batches(data() | {"weight": weight})
    # A batch of padding is none.
    as_batches([data() | {"weight": np.zeros(7)}, data() | {"weight": np.ones(7)}])
    assert as_batches(data() | {"weight": None})
