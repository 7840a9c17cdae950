"""Figures of paths: what is drawn of what was found, and within which axes."""

import numpy as np
import pytest

from landscape import figures

pytestmark = pytest.mark.draws

TS = np.array([-0.5, 0.0, 0.5, 1.0, 1.5])
VALUES = {
    "loss": np.array([9.0, 1.0, 2.0, 1.0, 1.5]),
    "l2": np.full(5, 0.5),
    "accuracy": np.array([0.1, 0.9, 0.5, 0.8, 0.85]),
}
ENDS = ("runs/a", "b")


def curves(axes):
    """The drawn curves by their colours, without the marks where they leave."""
    return [line for line in axes.lines if line.get_marker() in (None, "None", "")]


def test_the_axes_end_where_the_curves_do_between_the_ends():
    loss, accuracy = figures.path(TS, VALUES, ENDS, "line").axes
    # The objective lies in [1.5, 2.5] there, the L2 term at 0.5.
    low, high = loss.get_ylim()
    assert (low, high) == (pytest.approx(0.5 - 0.12), pytest.approx(2.5 + 0.12))
    marks = [line for line in loss.lines if line not in curves(loss)]
    assert [mark.get_marker() for mark in marks] == ["^", "^"]  # objective, loss
    for mark, start in zip(marks, (1.5, 1.0), strict=True):
        at = -0.5 * (high - start) / 8
        np.testing.assert_allclose(mark.get_xydata(), [[at, high]])
    (mark,) = [line for line in accuracy.lines if line not in curves(accuracy)]
    assert mark.get_marker() == "v" and mark.get_ydata()[0] == accuracy.get_ylim()[0]
    assert accuracy.get_ylabel() == "training accuracy (%)"
    assert loss.get_xlabel() == "t   (0: runs/a,  1: b)"


def test_a_path_without_terms_and_accuracy_is_one_curve():
    (loss,) = figures.path(TS, {"loss": VALUES["loss"]}, ENDS, unit="").axes
    assert len(curves(loss)) == 1 and loss.get_ylabel() == "loss"
    # A loss that is nowhere finite is drawn, with whatever axes.
    figures.path(TS, {"loss": np.full(5, np.nan)}, ENDS)


def test_what_is_behind_a_path_counts_for_the_axes_and_is_grey():
    line = {name: 3 * array for name, array in VALUES.items()}
    figure = figures.path(TS, VALUES, ENDS, behind=("straight line", TS, line))
    loss, accuracy = figure.axes
    assert loss.get_ylim()[1] > 7.5
    assert curves(loss)[0].get_color() == curves(accuracy)[0].get_color() == "0.55"
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    terms = ["straight line", "objective", "cross-entropy", "L2 term"]
    assert names == [*terms, "leaves the axis"]


def test_of_several_seeds_the_mean_and_the_range_are_drawn_and_test_is_dashed():
    two = np.array([[1.0, 2.0, 1.0], [3.0, 6.0, 1.0]])
    ts = np.array([0.0, 0.5, 1.0])
    figure = figures.several_paths(
        [
            figures.Curve("line", ts, two, two / 10),
            figures.Curve("line", ts, two + 1, two / 10, "test"),
            figures.Curve("curve", ts, two[:1], None),
        ],
        ENDS,
    )
    loss, accuracy = figure.axes
    train, test, curve = curves(loss)
    np.testing.assert_allclose(train.get_ydata(), [2, 4, 1])
    assert train.get_color() == test.get_color() != curve.get_color()
    assert (train.get_linestyle(), test.get_linestyle()) == ("-", "--")
    band = loss.collections[0].get_paths()[0].vertices
    assert set(band[band[:, 0] == 0.5, 1]) == {2, 6}
    assert loss.get_ylim()[1] > 7 and len(curves(accuracy)) == 2
    # Their accuracies are the same: the one below is wider.
    below, above = (line.get_linewidth() for line in curves(accuracy))
    assert below > above
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["line", "curve", "training", "test"]
    assert accuracy.get_ylabel() == "accuracy (%)"


def test_where_all_curves_are_dashed_their_key_is_too():
    ts = np.array([0.0, 0.5, 1.0])
    test = figures.Curve("line", ts, ts, ts, "test")
    other = figures.Curve("curve", ts, ts, 1 - ts, "test")
    figure = figures.several_paths([test, other], ENDS)
    keys = figure.legends[0].get_lines()
    assert [line.get_linestyle() for line in keys] == ["--", "--"]
    first, second = (line.get_linewidth() for line in curves(figure.axes[1]))
    assert first == second


def test_an_l2_term_far_below_a_flat_objective_is_told_and_not_drawn():
    ts = np.linspace(0, 1, 5)
    flat = VALUES | {"loss": 2 + 0.1 * ts, "l2": np.full(5, 0.25)}
    loss, _ = figures.path(ts, flat, ("a", "b")).axes
    labels = [line.get_label() for line in loss.lines]
    assert labels[:3] == ["objective", "cross-entropy", "L2 term: 0.25, not drawn"]
    assert loss.get_ylim()[0] > 1.9
