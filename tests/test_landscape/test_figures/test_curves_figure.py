"""A number over the steps of several trainings: every label is seen, with its seeds."""

import numpy as np
import pytest

from landscape import figures

pytestmark = pytest.mark.draws
STEPS = [0, 10, 20]


def drawn(groups, **settings):
    (axes,) = figures.curves(groups, "loss (nats)", **settings).axes
    return axes


def test_of_seeds_the_mean_and_the_range_are_drawn_in_the_colour_of_the_method():
    axes = drawn(
        {
            "pruned, learning rate 0.1": [(STEPS, [4, 2, 1]), (STEPS, [2, 2, 2])],
            "lottery": [(STEPS, [5, 5, 5])],
        }
    )
    mean, other = axes.lines
    (band,) = axes.collections
    assert list(mean.get_ydata()) == [3, 2, 1.5]
    edges = band.get_paths()[0].vertices
    assert {(0, 4), (0, 2), (20, 1), (20, 2)} <= set(map(tuple, edges))
    alone = drawn({"pruned": [(STEPS, [1, 1, 1])]}).lines[0]
    assert mean.get_color() == alone.get_color() != other.get_color()
    (legend,) = axes.figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["pruned, learning rate 0.1", "lottery"]


def test_curves_that_coincide_are_dashes_and_seeds_at_other_steps_lines_of_their_own():
    axes = drawn(
        {
            "a": [(STEPS, [1, 2, 3])],
            "b": [(STEPS, [1, 2, 3])],
            "c": [(STEPS, [3, 2, 1]), ([0, 10], [1, 1])],
        }
    )
    dashed = [line.is_dashed() for line in axes.lines]
    assert dashed == [True, True, False, False]
    assert axes.lines[2].get_color() == axes.lines[3].get_color()


def test_what_a_log_axis_cannot_show_and_what_is_not_finite_is_left_out():
    curve = (STEPS, [0.0, np.nan, 0.5])
    axes = drawn({"a": [curve], "b": [([0], [float("inf")])]}, log=True)
    assert axes.get_yscale() == "log"
    assert np.isnan(axes.lines[0].get_ydata()[:-1]).all()
    assert axes.lines[0].get_ydata()[-1] == 0.5
    assert drawn({"a": [curve]}).lines[0].get_ydata()[0] == 0.0
    assert drawn({"a": [([0], [-1.0])]}, log=True).get_yscale() == "linear"


def test_the_end_of_accuracies_is_seen_beside_a_start_at_chance():
    axes = drawn({"a": [(STEPS, [10.0, 98.0, 99.0])]}, accuracy=True)
    place = axes.transData.transform
    heights = [place((0, y))[1] for y in (10, 98, 99)]
    assert heights[2] - heights[1] > (heights[2] - heights[0]) / 20
