"""Figures of the studies: one colour a thing, units, and nothing that hides another."""

import numpy as np
import pytest

from analysis.studies.dead_units import plots_units
from analysis.studies.difficulty import figures as difficulty_figures
from analysis.studies.difficulty import plots as difficulty_plots
from analysis.studies.difficulty import plots_norm
from analysis.studies.gradient_flow import plots_sweep
from analysis.studies.hessian import plots, plots_batches
from analysis.studies.subspace import plots as subspace_plots
from landscape.figures import looks, style

X = np.arange(1.0, 5.0)


def color_of(name):
    with style():
        return looks([name])[0]["color"]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_thing_has_one_colour_and_one_pair_of_axes_here_and_in_the_paper():
    ours = {"20": [(X, X)], "30": [(X, 2 * X), (X, 4 * X)]}
    colors = {"10": "red", "20": "green", "30": "blue"}
    theirs = {"10": (X, 100 * X), "30": (X, X)}
    figure = plots.edges(ours, theirs, "rank", colors, log=True)
    left, right = figure.axes
    assert [line.get_color() for line in left.lines] == ["green", "blue"]
    assert [line.get_color() for line in right.lines] == ["red", "blue"]
    assert left.get_ylim() == right.get_ylim() and left.get_xlim() == right.get_xlim()
    assert legend(figure) == ["10", "20", "30"]
    # The mean, and the range, of two seeds.
    assert list(left.lines[1].get_ydata()) == list(3 * X)
    (band,) = left.collections
    assert {2.0, 4.0} <= set(band.get_paths()[0].vertices[:, 1])


def test_a_number_of_classes_and_a_threshold_are_told_in_words():
    seeds = [[3.0, 2.0, 0.1, np.nan]]
    figure = plots.by_classes({"2": seeds, "5": seeds}, {}, 3.5e-3)
    assert not {"k", "the paper's threshold"} & set(legend(figure))
    assert any("0.0035" in name for name in legend(figure))
    assert "this run (every seed; without those not converged)" in legend(figure)


def test_accuracies_of_batches_are_in_percent():
    phase = {"step": [1, 2], "test_step": [0, 2]}
    phase |= {f"{s}_loss": [1.0, 0.5] for s in ("train", "test")}
    phase |= {f"{s}_accuracy": [0.25, 0.5] for s in ("train", "test")}
    paper = {"train_loss": [[1, 1.0], [2, 0.5]], "switch": 2}
    line = {"ts": [0, 1]} | phase
    for figure in (
        plots_batches.phases([[phase, phase]], paper), plots_batches.line([line], {})
    ):  # fmt: skip
        _, accuracy = figure.axes
        assert accuracy.get_ylabel() == "accuracy (%)"
        assert set(accuracy.lines[0].get_ydata()) == {25.0, 50.0}


@pytest.mark.parametrize("log", [False, True])
def test_paths_of_seeds_are_a_mean_and_its_range_beside_the_papers(log):
    t = np.linspace(0, 1, 3)
    ours = {"line": {"0.9": [(t, t + 1), (t, t + 3)], "0.95": [(t, t + 1)] * 2}}
    theirs = {"line": {"0.8": [(t, 10 * t + 1)]}}
    figure = difficulty_plots.panels(
        ours, theirs, "loss (nats)", {"line": "t"}, "from here", log=log
    )
    axes, twin = figure.axes
    assert list(axes.lines[0].get_ydata()) == [2.0, 2.5, 3.0]
    assert axes.get_yscale() == twin.get_yscale() == ("log" if log else "linear")
    assert axes.get_ylim()[1] > 4 and twin.get_ylim()[1] > 11
    assert len({line.get_color() for line in axes.lines[:2]}) == 2
    assert "2 seeds" in figure.get_suptitle()
    assert "80 % (paper)" in legend(figure)


def test_statistics_of_batch_norm_are_told_apart_where_they_agree():
    t = np.linspace(0, 1, 3)
    same = {name: (t, t + 1) for name in ("batch", "re-estimated")}
    broken = {"stored": (t, np.array([1.0, np.nan, 2.0]))}
    figure = plots_norm.modes({"line": {**same, **broken}}, "from here")
    (axes,) = figure.axes
    assert [list(line.get_ydata()) for line in axes.lines[:3]] == [
        [1, 1.5, 2], [1, 1.5, 2], [1, 2]
    ]  # fmt: skip
    assert len({line.get_linestyle() for line in axes.lines[:3]}) == 3
    assert len({line.get_color() for line in axes.lines[:3]}) == 3
    assert legend(figure)[0] == "batch statistics"


def test_initialisations_of_the_paper_are_told_in_words():
    assert set(difficulty_figures.INIT) == {"ID-1", "IS-1", "IS-2"}
    words = difficulty_figures.titles()
    assert words["ID-1"] == "from dense initialisation (ID-1)"
    assert all(name in title for name, title in words.items())


def test_the_weight_decay_is_marked_in_spectra_of_solutions():
    ts = np.array([-1.0, 0.0, 1.0])
    lines = {"gradient": (ts, ts), "eigenvector": (ts, -ts)}
    each = {"eigenvalues": X, "curve": None, "error": 0.1, "inside": lines}
    each |= {"outside": lines}
    found = {"0.95": {"lottery": each, "scratch": each}}
    figure = subspace_plots.rows(found, 1e-3, "first seed")
    spectrum, inside, _ = figure.axes
    dotted = [line for line in spectrum.lines if line.get_linestyle() == ":"]
    assert [list(line.get_xdata()) for line in dotted] == [[1e-3, 1e-3]]
    assert any("weight decay (0.001)" in name for name in legend(figure))
    for name in ("lottery", "scratch"):
        colors = [line.get_color() for line in inside.lines]
        assert color_of(name) in colors
    assert max(len(axes.get_xticks()) for axes in figure.axes) <= 5


def test_equal_densities_are_beside_each_other_in_the_colours_of_the_methods():
    by = {name: {"a": [0.1], "b": [0.1]} for name in ("set", "rigl", "static")}
    (axes,) = plots_sweep.densities({"90 %": by}, "kept").axes
    assert len({line.get_xdata()[0] for line in axes.lines}) == 3
    assert max(abs(x - round(x)) for line in axes.lines for x in line.get_xdata()) < 0.5
    assert [line.get_color() for line in axes.lines] == [color_of(name) for name in by]


def test_dead_units_that_stay_none_are_seen_above_the_axis():
    none = np.zeros((2, 3))
    panels = {"all": {"relu": none + np.arange(3), "tanh": none, "other": none}}
    figure = plots_units.dead_over_training(panels, [0, 1, 2], {"all": 4}, "dead")
    (axes,) = figure.axes
    assert axes.get_ylim()[0] < 0 and list(axes.lines[0].get_ydata()) == [0, 25, 50]
    assert len({(x.get_linestyle(), x.get_marker()) for x in axes.lines}) == 3
    assert "2 seeds" in figure.get_suptitle()
