"""Learning rates and sparsities over the steps."""

from fractions import Fraction

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.errors import InputError
from landscape.recipes import schedules


def rates(*args, **options):
    rate = jax.jit(schedules.learning_rate(*args, **options))
    return [float(rate(step)) for step in range(args[2] + 1)]


def test_cosine_falls_to_zero_at_the_last_step():
    want = 0.5 * 0.3 * (1 + np.cos(np.pi * np.arange(41) / 40))
    np.testing.assert_allclose(rates("cosine", 0.3, 40), want, atol=1e-7)


def test_warm_up_rises_linearly_and_the_cosine_spans_the_rest():
    got = rates("cosine", 0.3, 50, warmup=10)
    np.testing.assert_allclose(got[:10], 0.03 * np.arange(10), atol=1e-7)
    want = 0.5 * 0.3 * (1 + np.cos(np.pi * np.arange(41) / 40))
    np.testing.assert_allclose(got[10:], want, atol=1e-7)


@pytest.mark.parametrize("warmup", [0, 3, 12])
def test_the_step_schedule_decays_at_the_steps_of_the_whole_training(warmup):
    options = {"decay_steps": (10, 15), "decay_factor": 0.5, "warmup": warmup}
    got = rates("step", 0.8, 20, **options)
    for step in range(warmup, 21):
        want = 0.8 * 0.5 ** ((step >= 10) + (step >= 15))
        assert got[step] == pytest.approx(want, rel=1e-6), step


def test_the_constant_schedule_is_constant_after_warm_up():
    assert rates("constant", 0.5, 4, warmup=2) == [0.0, 0.25, 0.5, 0.5, 0.5]
    assert rates("constant", 0.5, 2, warmup=2) == [0.0, 0.25, 0.5]
    assert rates("cosine", 0.5, 2, warmup=2) == [0.0, 0.25, 0.5]


def test_an_unknown_schedule_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"'cosin'.*'cosine'"):
        schedules.learning_rate("cosin", 0.1, 10)


steps = st.tuples(st.integers(0, 300), st.integers(1, 300), st.integers(1, 400))


@settings(deadline=None, max_examples=60)
@given(steps)
def test_mask_updates_always_end_at_the_last_step_asked_for(values):
    start, length, every = values
    grid = schedules.update_steps(start, start + length, every).tolist()
    assert grid[0] == start
    assert grid[-1] == start + length
    assert np.unique(np.diff(grid)[:-1]).tolist() in ([], [every])
    assert 0 < np.diff(grid)[-1] <= every


@pytest.mark.parametrize("bad", [(5, 4, 1), (0, 0, 1), (1, 5, 0), (-1, 5, 1)])
def test_mask_updates_that_cannot_be_are_refused(bad):
    with pytest.raises(InputError, match="mask updates need"):
        schedules.update_steps(*bad)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 400), st.integers(0, 2**40), steps)
def test_removed_weights_are_the_cubic_formula_rounded(step, total, values):
    start, length, _ = values
    end = start + length
    fraction = Fraction(min(max(step - start, 0), length), length)
    exact = total * (1 - (1 - fraction) ** 3)
    removed = schedules.cubic_removed(step, total, start, end)
    assert abs(removed - exact) <= Fraction(1, 2)
    assert removed <= schedules.cubic_removed(step + 1, total, start, end)


def test_a_single_update_removes_everything_at_once():
    assert [schedules.cubic_removed(t, 9, 5, 5) for t in (4, 5, 6)] == [0, 9, 9]
