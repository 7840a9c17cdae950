"""Promise 5: the order of examples is a function of seed, epoch and step."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape import rng
from landscape.recipes import order


def slow_batches(seed, num_examples, batch_size, start_step, num_steps):
    """The definition, one epoch at a time."""
    start, stop = start_step * batch_size, (start_step + num_steps) * batch_size
    first, last = start // num_examples, (stop - 1) // num_examples
    sequence = np.concatenate(
        [
            jax.random.permutation(rng.stream(seed, "order", epoch), num_examples)
            for epoch in range(first, last + 1)
        ]
    )
    sequence = sequence[start - first * num_examples :]
    return sequence[: stop - start].reshape(num_steps, batch_size)


@pytest.fixture
def small_blocks(monkeypatch):
    """So that windows run over several blocks of epochs."""
    monkeypatch.setattr(order, "BLOCK_INDICES", 40)
    order._block.cache_clear()


@pytest.mark.parametrize(
    ("num_examples", "batch_size", "start_step", "num_steps"),
    [
        (13, 5, 0, 9),
        (13, 13, 3, 2),
        (7, 3, 100, 30),
        (50, 20, 4, 6),
        (41, 1, 38, 1),
        (1, 1, 5, 4),
    ],
)
def test_batches_are_slices_of_the_concatenated_permutations(
    small_blocks, num_examples, batch_size, start_step, num_steps
):
    arguments = (3, num_examples, batch_size, start_step, num_steps)
    made = order.batches(*arguments)
    assert made.shape == (num_steps, batch_size)
    assert made.dtype == np.int32
    np.testing.assert_array_equal(made, slow_batches(*arguments))


def test_blocks_of_the_usual_size_change_nothing():
    for arguments in [(0, 1297, 128, 95, 4), (1, 70_001, 100, 700, 2)]:
        np.testing.assert_array_equal(
            order.batches(*arguments), slow_batches(*arguments)
        )


# A handful of shapes, as each is a program of its own to compile.
sizes = st.sampled_from([(13, 5), (13, 13), (12, 4)])
seeds = st.integers(0, 2**31 - 1)


@settings(deadline=None, max_examples=25)
@given(sizes, seeds, st.integers(0, 2**20))
def test_every_epoch_holds_every_example_once(size, seed, epoch):
    num_examples, _ = size
    # Batches of one example: step t is entry t of the sequence.
    made = order.batches(seed, num_examples, 1, epoch * num_examples, num_examples)
    assert sorted(made.ravel().tolist()) == list(range(num_examples))


@settings(deadline=None, max_examples=25)
@given(sizes, seeds, st.integers(0, 50), st.integers(0, 9))
def test_a_batch_made_alone_is_the_batch_of_the_sequence(size, seed, start, t):
    together = order.batches(seed, *size, start, 10)
    alone = order.batches(seed, *size, start + t, 1)
    np.testing.assert_array_equal(alone[0], together[t])


@settings(deadline=None, max_examples=25)
@given(sizes, seeds, st.sampled_from([1, 2, 5, 8, 9]))
def test_a_resumed_run_has_the_same_examples(size, seed, stop):
    unbroken = order.batches(seed, *size, 0, 10)
    order._block.cache_clear()
    before = order.batches(seed, *size, 0, stop)
    order._block.cache_clear()
    after = order.batches(seed, *size, stop, 10 - stop)
    np.testing.assert_array_equal(np.concatenate([before, after]), unbroken)


@settings(deadline=None, max_examples=25)
@given(sizes, seeds, st.sampled_from([1, 2, 4]))
def test_the_parts_of_the_hosts_make_up_the_whole(size, seed, hosts):
    num_examples, batch_size = size
    epoch = num_examples * batch_size  # steps of one example, in whole epochs
    each_host = [order.batches(seed, num_examples, 1, 0, epoch) for _ in range(hosts)]
    parts = [whole[host::hosts] for host, whole in enumerate(each_host)]
    counts = np.bincount(np.concatenate(parts).ravel(), minlength=num_examples)
    assert (counts == batch_size).all()


def test_seeds_and_epochs_differ():
    epochs = [
        tuple(np.asarray(order.batches(seed, 97, 97, epoch, 1)).ravel().tolist())
        for seed in (0, 1, 2**31 - 1)
        for epoch in (0, 1, 1000)
    ]
    assert len(set(epochs)) == len(epochs)


@pytest.mark.parametrize("start_step", [2**31 - 3, 2**31, 2**32 // 5 + 7])
def test_steps_in_the_billions_are_exact(start_step):
    arguments = (0, 13, 13, start_step, 5)
    np.testing.assert_array_equal(order.batches(*arguments), slow_batches(*arguments))
    straddling = (0, 1297, 128, start_step, 25)
    np.testing.assert_array_equal(order.batches(*straddling), slow_batches(*straddling))


def test_windows_of_one_length_share_a_program():
    order.batches(0, 31, 7, 0, 6)
    before = order._cut._cache_size(), order._permutations._cache_size()
    for start in range(1, 60, 6):
        order.batches(start, 31, 7, start, 6)
    assert (order._cut._cache_size(), order._permutations._cache_size()) == before


def test_double_precision_does_not_change_the_order():
    single = order.batches(0, 29, 10, 3, 8)
    order._block.cache_clear()
    with jax.enable_x64(True):
        double = order.batches(0, 29, 10, 3, 8)
    order._block.cache_clear()
    assert double.dtype == np.int32
    np.testing.assert_array_equal(single, double)
