"""Figures of planes: maps with round levels, as large as their labels need."""

import numpy as np
import pytest

from analysis import paths, planes
from landscape import figures
from landscape.errors import InputError
from landscape.figures.surfaces import contour_levels

pytestmark = pytest.mark.draws

ALPHAS, BETAS = np.linspace(-20, 20, 9), np.linspace(-2, 2, 5)
BOWL = 0.0954 + ALPHAS**2 / 100 + BETAS[:, None] ** 2
POINTS = np.array([[0.0, 0.0], [9.0, 1.0], [12.0, -1.0]])


@pytest.mark.parametrize("height", [1, 4])  # Of the side: a tenth and two fifths.
def test_of_a_wide_plane_the_maps_are_stacked_and_hold_their_labels(height):
    figure = figures.surface(
        ALPHAS, height * BETAS, BOWL, POINTS, None, "wide",
        figures.plane_axes(explained=[0.99, 0.01]), accuracies=np.exp(-BOWL),
    )  # fmt: skip
    with figures.style():
        figure.draw_without_rendering()
    maps = [axes for axes in figure.axes if axes.get_xlim() == (-20, 20)]
    loss, accuracy = (axes.get_window_extent() for axes in maps)
    assert accuracy.y1 < loss.y0 and abs(accuracy.x0 - loss.x0) < 2
    for axes, box in zip(maps, (loss, accuracy), strict=True):
        assert axes.yaxis.label.get_window_extent().height <= box.height
    # The maps fill their canvas.
    assert loss.width > 0.7 * figure.bbox.width
    assert loss.height + accuracy.height > 0.6 * figure.bbox.height
    bars = [axes.get_ylabel() for axes in figure.axes if axes not in maps]
    assert bars == ["objective (nats)", "training accuracy (%)"]


def test_levels_are_round_and_hold_the_lowest_and_the_highest():
    levels = contour_levels(BOWL)
    assert levels[0] <= BOWL.min() and (np.diff(levels) > 0).all()
    assert all(len(f"{level:.6g}".rstrip("0").lstrip("0.")) <= 3 for level in levels)
    assert np.isfinite(contour_levels(np.full((2, 2), np.nan))).all()
    large = contour_levels(1e4 * BOWL)
    assert all(level == round(level, -1) for level in large)


def test_labels_of_near_points_lie_above_and_below():
    near = np.array([[0.0, 0.0], [1.0, 0.01], [-19.0, 1.5]])
    figure = figures.surface(ALPHAS, BETAS, BOWL, near, list("abc"), "", ("", ""))
    sides = [text.get_va() for text in figure.axes[0].texts]
    assert sides == ["bottom", "top", "bottom"]


def test_what_the_library_returns_is_drawn_in_one_line():
    plane = planes.along(np.zeros(2), (np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    figure = planes.plot(plane, ALPHAS, BETAS, BOWL, labels=["origin"])
    loss, bar = figure.axes
    assert (loss.get_xlabel(), loss.get_ylabel()) == ("alpha", "beta")
    assert bar.get_ylabel() == "loss" and loss.texts[0].get_text() == "origin"
    values = {"loss": BOWL, "accuracy": np.exp(-BOWL)}
    along = plane._replace(eigenvalues=np.array([0.476, 0.1]))
    figure = planes.plot(along, ALPHAS, BETAS, values, unit=" (nats)")
    assert figure.axes[1].get_xlabel().endswith(r"$\lambda_1$ = 0.476")
    assert {"loss (nats)", "accuracy (%)"} <= {a.get_ylabel() for a in figure.axes}
    ts = np.linspace(0, 1, 3)
    one = paths.plot(ts, {"loss": ts, "accuracy": ts}, ends=("mine", "yours"))
    assert one.axes[0].get_xlabel() == "t   (0: mine,  1: yours)"
    assert one.axes[1].get_ylabel() == "accuracy (%)"
    (both,) = paths.plot(ts, {"line": {"loss": ts}, "curve": {"loss": 1 - ts}}).axes
    assert [line.get_ydata().tolist() for line in both.lines] == [
        [0, 0.5, 1],
        [1, 0.5, 0],
    ]


def test_what_cannot_be_drawn_is_said_in_a_sentence():
    plane = planes.along(np.zeros(2), (np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    for values, said in [
        (BOWL.T, r"loss has shape \(9, 5\), not that of betas and alphas, \(5, 9\)"),
        ({"accuracy": BOWL}, 'need a "loss"; they have accuracy'),
    ]:
        with pytest.raises(InputError, match=said):
            planes.plot(plane, ALPHAS, BETAS, values)
    with pytest.raises(InputError, match="2 labels do not fit the plane's 1 point"):
        planes.plot(plane, ALPHAS, BETAS, BOWL, labels=["a", "b"])
    with pytest.raises(InputError, match="loss of 'line' has shape"):
        paths.plot([0.0, 1.0], {"line": {"loss": [1.0]}})
    with pytest.raises(InputError, match='need a "loss"'):
        paths.plot([0.0, 1.0], {})
