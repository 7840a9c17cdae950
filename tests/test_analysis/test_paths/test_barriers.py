import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.paths.barriers import Barrier, barrier
from landscape.errors import InputError


@st.composite
def curves(draw):
    """Losses on an increasing grid that holds 0, 0.5 and 1, and goes beyond."""
    fine = st.floats(-0.5, 1.5, allow_subnormal=False)
    ts = sorted({0.0, 0.5, 1.0} | set(draw(st.lists(fine, max_size=12))))
    values = st.floats(-10, 10)
    losses = draw(st.lists(values, min_size=len(ts), max_size=len(ts)))
    return np.array(ts), np.array(losses)


def slow(ts, losses):
    """Every definition word by word: loops over points and pairs of points."""
    inside = [(t, v) for t, v in zip(ts, losses, strict=True) if 0 <= t <= 1]
    values = [v for _, v in inside]
    start, end = values[0], values[-1]
    above = [v - ((1 - t) * start + t * end) for t, v in inside]
    pairs = [
        (inside[i], inside[j])
        for i in range(len(inside))
        for j in range(i, len(inside))
    ]
    area = sum(
        (inside[i + 1][0] - inside[i][0]) * (above[i] + above[i + 1]) / 2
        for i in range(len(inside) - 1)
    )
    highest = max(values)
    return Barrier(
        barrier=highest - max(start, end),
        chord=max(above),
        mean=highest - (start + end) / 2,
        midpoint=dict(inside)[0.5] - (start + end) / 2,
        rise=max(0.0, *(values[i + 1] - values[i] for i in range(len(values) - 1))),
        ascent=max(b[1] - a[1] for a, b in pairs),
        area=area,
        t_max=next(t for t, v in inside if v == highest),
    )


@settings(deadline=None, max_examples=100)
@given(curves())
def test_every_measure_is_its_definition_over_all_pairs_of_points(curve):
    got, want = barrier(*curve), slow(*curve)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
    assert all(type(value) is float for value in got)


@settings(deadline=None, max_examples=50)
@given(curves())
def test_the_measures_stand_in_the_order_that_they_must(curve):
    result = barrier(*curve)
    assert 0 <= result.barrier <= result.mean + 1e-12
    assert result.barrier <= result.ascent and 0 <= result.rise <= result.ascent
    assert result.chord >= 0 and result.midpoint <= result.mean
    assert 0 <= result.t_max <= 1


@settings(deadline=None, max_examples=30)
@given(curves(), st.floats(-3, 3))
def test_a_constant_changes_nothing_and_what_lies_beyond_the_ends_does_not_count(
    curve, constant
):
    ts, losses = curve
    result = barrier(ts, losses)
    moved = barrier(ts, losses + constant)
    np.testing.assert_allclose(moved[:7], result[:7], atol=1e-12)
    outside = (ts < 0) | (ts > 1)
    np.testing.assert_array_equal(barrier(ts, np.where(outside, 1e9, losses)), result)


def test_a_falling_loss_has_no_barrier_but_a_negative_midpoint_is_shown():
    result = barrier([0, 0.25, 0.5, 1], [4.0, 2.0, 1.0, 0.5])
    assert result.barrier == result.rise == result.ascent == result.chord == 0
    assert result.midpoint == 1 - 2.25 and result.area < 0 and result.t_max == 0


def test_many_small_steps_are_a_small_rise_but_a_large_ascent():
    ts = np.linspace(0, 1, 101)
    result = barrier(ts, np.r_[5.0, np.linspace(0, 1, 100)])
    assert result.barrier == 0
    assert result.rise == pytest.approx(1 / 99) and result.ascent == 1


def test_nan_is_shown_with_its_t_and_never_replaced():
    result = barrier([-0.5, 0, 0.25, 0.5, 1], [np.nan, 1.0, np.nan, 2.0, 1.0])
    assert result.t_max == 0.25 and result.midpoint == 1
    for name in ("barrier", "chord", "mean", "rise", "ascent", "area"):
        assert np.isnan(getattr(result, name)), name
    at_the_end = barrier([0, 0.5, 1], [1.0, 2.0, np.nan])
    assert at_the_end.t_max == 1 and np.isnan(at_the_end[:7]).all()
    beyond = barrier([0, 0.5, 1, 1.2], [1.0, 2.0, 1.0, np.nan])
    assert np.isfinite(beyond).all()


def test_an_infinite_loss_is_an_infinite_barrier():
    result = barrier([0, 0.5, 1], [1.0, np.inf, 2.0])
    assert result.barrier == result.chord == result.ascent == result.area == np.inf
    assert result.t_max == 0.5


@pytest.mark.parametrize(
    ("ts", "losses", "message"),
    [
        ([0, 0.5, 1], [1.0, 2.0], "lists of one length"),
        ([[0, 0.5, 1]], [[1.0, 2.0, 1.0]], "lists of one length"),
        ([0, 1, 0.5], [1.0, 2.0, 3.0], "ts must increase"),
        ([0, 0.5, 0.5, 1], [1.0, 2.0, 3.0, 4.0], "ts must increase"),
        ([0, np.nan, 1], [1.0, 2.0, 3.0], "ts must increase"),
        ([0.1, 0.5, 1], [1.0, 2.0, 3.0], "t = 0 must be on"),
        ([0, 0.49, 1], [1.0, 2.0, 3.0], "t = 0.5 must be on"),
        ([0, 0.5, 0.9], [1.0, 2.0, 3.0], "t = 1 must be on"),
    ],
)
def test_what_cannot_be_measured_is_refused(ts, losses, message):
    with pytest.raises(InputError, match=message):
        barrier(ts, losses)
