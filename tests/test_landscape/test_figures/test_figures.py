"""Figures say what they show: labels, units, every curve of every run."""

import numpy as np
import pytest

from landscape import figures
from landscape.figures.method_looks import method_of
from landscape.registries.methods import METHODS

pytestmark = pytest.mark.draws

LINES = [
    {"step": 0, "split": "test", "loss": 2.3, "accuracy": 0.1},
    {"step": 5, "split": "train", "loss": 1.0, "accuracy": 0.5, "sparsity": 0.0},
    {"step": 9, "split": "train", "loss": 0.5, "accuracy": 0.8, "sparsity": 0.95},
    {"step": 9, "split": "test", "loss": 0.6, "accuracy": 0.75},
]


def test_sparsity_is_drawn_where_it_changes_and_gradient_norms_where_known():
    zero = [line | {"sparsity": 0.0} for line in LINES]
    known = [line | {"gradient_norm": 2.0} for line in zero]
    assert len(figures.training({"dense": [zero]}).axes) == 2
    assert len(figures.training({"dense": [zero], "pruned": [LINES]}).axes) == 3
    *_, norm = figures.training({"dense": [known]}).axes
    assert norm.get_ylabel() == "gradient norm"
    assert list(norm.lines[0].get_ydata()) == [2.0, 2.0]
    panels = figures.training({"dense": [known], "pruned": [LINES]}).axes
    assert len(panels) == 4 and "removed" in panels[-1].get_ylabel()


def test_every_run_has_its_curves_and_every_label_its_colour():
    figure = figures.training({"pruned": [LINES, LINES], "scratch": [LINES]})
    loss, accuracy, sparsity = figure.axes
    # Of two seeds a mean and a band.
    assert [len(axes.lines) for axes in figure.axes] == [4, 4, 2]
    assert [len(axes.collections) for axes in figure.axes] == [2, 2, 1]
    train, first, _, other = accuracy.lines
    assert first.get_color() == train.get_color() != other.get_color()
    assert list(first.get_ydata()) == [10.0, 75.0]
    assert list(train.get_ydata()) == [50.0, 80.0] and train.get_linestyle() == "-"
    assert list(sparsity.lines[0].get_xdata()) == [5, 9]
    assert "nats" in loss.get_ylabel() and "%" in accuracy.get_ylabel()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["pruned", "scratch", "training", "test", "range over seeds"]


def test_of_many_labels_each_has_its_look_and_the_legend_is_within_the_figure(
    tmp_path,
):
    names = [f"small-dense {i}" for i in range(15)]
    figure = figures.training({name: [LINES] for name in names})
    figures.save(figure, tmp_path / "new" / "figure.png")
    assert (tmp_path / "new" / "figure.png").stat().st_size > 1000
    lines = figure.axes[1].lines[::2]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 15
    (box,) = figure.legends
    assert [text.get_text() for text in box.get_texts()] == [*names, "training", "test"]
    handles = [handle.get_marker() for handle in box.legend_handles]
    assert handles[:15] == [line.get_marker() for line in lines]
    drawn, whole = box.get_window_extent(), figure.bbox
    assert whole.x0 <= drawn.x0 and drawn.x1 <= whole.x1


def test_of_three_seeds_the_mean_and_the_range_are_drawn():
    seeds = [
        [line | {"accuracy": line["accuracy"] + add} for line in (LINES[0], LINES[3])]
        for add in (0.0, 0.01, 0.05)
    ]
    _, accuracy = figures.training({"dense": seeds}).axes
    (_, mean), (band,) = accuracy.lines, accuracy.collections
    np.testing.assert_allclose(mean.get_ydata(), [12, 77])
    (path,) = band.get_paths()
    at_the_end = path.vertices[path.vertices[:, 0] == 9, 1]
    assert set(np.round(at_the_end, 6)) == {75, 80}
    # Seeds that stand at other steps have no mean.
    other = [line | {"step": line["step"] + 1} for line in seeds[0]]
    _, accuracy = figures.training({"dense": [*seeds[:2], other]}).axes
    assert len(accuracy.lines[1:]) == 3 and not accuracy.collections


def test_equal_sparsities_are_dashes_of_one_line_and_hold_until_the_next():
    names = ("lottery", "scratch", "static")
    groups = {"pruned": [LINES]} | {name: [LINES[2:]] for name in names}
    *_, sparsity = figures.training(groups).axes
    alone, *same = sparsity.lines
    assert alone.get_linestyle() == "-"
    looks = {(x.get_drawstyle(), x.get_linewidth()) for x in sparsity.lines}
    assert [drawstyle for drawstyle, _ in looks] == ["steps-post"]
    # Where one draws, the others do not.
    dashes = [line._unscaled_dash_pattern for line in same]
    period = sum(dashes[0][1])
    shown = [
        [at for at in range(period) if (at + offset) % period < on]
        for offset, (on, _) in dashes
    ]
    assert sorted(np.concatenate(shown)) == list(range(period))


def test_the_same_figure_is_the_same_bytes_in_every_format(tmp_path):
    found = []
    for name in ("first", "second"):
        figures.save(
            figures.training({"dense": [LINES]}),
            tmp_path / name / "figure.png",
            ("pdf", "svg"),
        )
        files = sorted((tmp_path / name).iterdir())
        found.append([(file.name, file.read_bytes()) for file in files])
    assert found[0] == found[1]
    assert [name for name, _ in found[0]] == ["figure.pdf", "figure.svg"]


def test_of_sparsities_that_are_partly_equal_the_first_is_the_widest():
    later = [LINES[1], LINES[2], LINES[2] | {"step": 12, "sparsity": 0.98}]
    groups = {"pruned": [LINES], "ste": [later], "static": [LINES[2:]]}
    *_, sparsity = figures.training(groups).axes
    first, second, constant = sparsity.lines
    assert first.get_linewidth() > second.get_linewidth()
    assert constant.get_zorder() < first.get_zorder() < second.get_zorder()
    # Two lines come to it and stay.
    last = LINES[2] | {"step": 99}
    groups = {"pruned": [[*LINES, last]], "ste": [[LINES[1], *LINES[2:], last]]}
    groups["static"] = [[*LINES[2:], last]]
    *_, sparsity = figures.training(groups).axes
    assert sparsity.lines[2].get_linewidth() == first.get_linewidth() + 1.4
    assert sparsity.get_title().endswith("\nwide lines: others lie on them")


def test_accuracies_from_chance_on_are_all_within_an_axis_stretched_at_its_top():
    lines = [
        {"step": i, "split": "test", "loss": 1.0, "accuracy": value}
        for i, value in enumerate((0.1, 0.95, 0.97, 0.99))
    ]
    _, accuracy = figures.training({"dense": [lines]}).axes
    low, high = accuracy.get_ylim()
    assert low < 10 and 99 < high <= 101
    # From 97 to 99 % is as far as from 99 to 100 %.
    heights = accuracy.transData.transform([(0, y) for y in (97, 99, 100)])[:, 1]
    below, above = np.diff(heights)
    assert below == pytest.approx(above)


def test_a_method_has_one_colour_and_mark_in_whatever_company():
    with figures.style():
        (alone,) = figures.looks(["lottery"])
        mine, same, again = figures.looks(["mine", "runs/a/lottery@9", "lottery"])
        every = figures.looks([method.solution for method in METHODS.values()])
    assert alone == same and again != alone and mine not in (same, again)
    assert len({(look["color"], look["marker"]) for look in every}) == len(METHODS)


def test_every_method_has_its_row_in_the_table_of_looks():
    for name, method in METHODS.items():
        assert method_of(name) == method_of(method.solution) is not None, name


def test_the_mean_and_range_of_seeds_leave_out_what_is_not_known():
    with figures.style():
        axes = figures.Figure().subplots()
        seeds = [[1.0, np.nan, np.nan], [3.0, 4.0, np.nan]]
        figures.mean_and_range(axes, [0, 1, 2], seeds, color="black")
    ((x, y),) = (line.get_data() for line in axes.lines)
    assert list(x) == [0, 1] and list(y) == [2.0, 4.0]
    (band,) = axes.collections
    ys = band.get_paths()[0].vertices
    assert set(ys[ys[:, 0] == 0, 1]) == {1.0, 3.0}


def spectrum(largest, smallest, resolution=1e-6, **more):
    """What `figures.spectrum` takes; errors of a thousandth, all converged."""
    found = {"largest": np.array(largest), "smallest": np.array(smallest), "size": 90}
    for end in ("largest", "smallest"):
        found[f"{end}_errors"] = 1e-3 * np.abs(found[end])
        found[f"{end}_converged"] = np.full(len(found[end]), True)
    grid = np.linspace(-1, 9, 50)
    curve = {"grid": grid, "value": np.full(50, 0.1), "spread": np.zeros(50)}
    curve |= {"linear": 0.1, "point_masses": np.zeros(0)}
    curve |= {"min_fraction": (grid + 1) / 20, "max_fraction": (grid + 1) / 10}
    return found | {"resolution": resolution, "curve": curve, "trace": 3.0} | more


def marks(axes):
    """Rank, value and length of the error bar of every eigenvalue that is drawn."""
    found = []
    for line, _, (bars,) in axes.containers:
        for (x, y), bar in zip(line.get_xydata(), bars.get_segments(), strict=True):
            found.append((x, y, np.ptp(bar[:, 1]) / 2))
    return sorted(found)


def legend(axes):
    return axes.get_legend_handles_labels()[1]


def test_eigenvalues_have_their_errors_and_those_not_converged_are_left_out():
    found = spectrum([5.0, 4.0, 3.0], [-2.0, -1.0, -0.5])
    found["largest_converged"] = np.array([True, False, True])
    large, small = figures.spectrum(found, "").axes[:2]
    np.testing.assert_allclose(marks(large), [(1, 5.0, 5e-3), (3, 3.0, 3e-3)])
    expected = [(88, -0.5, 5e-4), (89, -1.0, 1e-3), (90, -2.0, 2e-3)]
    np.testing.assert_allclose(marks(small), expected)
    assert "1 not converged" in large.get_title()
    assert small.get_title() == "smallest eigenvalues"


def test_rounding_is_not_drawn_as_negative_eigenvalues():
    """The axis does not look closer at zero than rounding allows."""
    found = spectrum([5.0, 4.0], [-3e-9, -2e-9, -1e-9], resolution=1e-5)
    small = figures.spectrum(found, "").axes[1]
    assert [y for _, y, _ in marks(small)] == [0.0, 0.0, 0.0]
    assert all(error >= 1e-5 for *_, error in marks(small))
    low, high = small.get_ylim()
    assert low <= -3e-5 and high >= 3e-5
    assert set(legend(small)) == {"rounding", "zero within its error"}
    (band,) = small.patches
    np.testing.assert_allclose(band.get_extents().transformed(
        small.transData.inverted()).intervaly, [-1e-5, 1e-5])  # fmt: skip


def test_a_value_within_its_own_error_of_zero_has_no_sign():
    found = spectrum([5.0, 4.0], [-2.0, 7.3e-3])
    found["smallest_errors"] = np.array([1e-3, 8e-3])
    small = figures.spectrum(found, "").axes[1]
    np.testing.assert_allclose(marks(small), [(89, 0.0, 15.3e-3), (90, -2.0, 1e-3)])


def test_eigenvalues_within_the_bulk_are_not_called_isolated():
    found = spectrum([5.0, 4.0], [-0.1], bulk_edges=(-0.5, 4.5))
    found["curve"]["point_masses"] = np.array([-0.1, 4.0, 5.0])
    density = figures.spectrum(found, "").axes[2]
    within, beyond = density.collections[-2:]
    drawn = [[x for (x, _), _ in each.get_segments()] for each in (within, beyond)]
    assert drawn == [[-0.1, 4.0], [5.0]]
    assert "isolated" in beyond.get_label() and "isolated" not in within.get_label()
    found["bulk_edges"] = None
    names = legend(figures.spectrum(found, "").axes[2])
    assert not any("isolated" in name for name in names)


def test_a_band_that_is_too_thin_to_be_seen_is_in_no_legend():
    found = spectrum([5.0, 4.0], [-3.0, -2.0, 0.0], resolution=1e-9)
    assert "rounding" not in legend(figures.spectrum(found, "").axes[1])


def test_all_eigenvalues_are_drawn_over_the_band_that_is_rounding():
    values = np.array([5.0, 1.0, 1e-7, -1e-7, -0.1])
    everything = figures.spectrum(spectrum([5.0], [-0.1], all=values), "").axes[0]
    assert list(everything.lines[0].get_ydata()) == [5.0, 1.0, 0.0, 0.0, -0.1]
    assert everything.get_yscale() == "asinh"


def test_the_cumulative_is_a_band_between_its_bounds():
    found = spectrum([5.0], [-0.1])
    axes = figures.spectrum(found, "").axes[3]
    low, high = (line.get_ydata() for line in axes.lines)
    np.testing.assert_allclose(low, 100 * found["curve"]["min_fraction"])
    np.testing.assert_allclose(high, 100 * found["curve"]["max_fraction"])
    assert "%" in axes.get_ylabel() and len(axes.collections) == 1


@pytest.mark.parametrize("converged", [True, False])
def test_layers_have_errors_and_leave_out_what_is_not_converged(converged):
    layers = {"a": spectrum([5.0, 4.0], [0.0]), "b": spectrum([0.5, 1e-9], [0.0])}
    layers["a"]["trace_error"] = 0.25
    layers["a"]["largest_converged"] = np.array([converged, True])
    curves = {name: layer["curve"] for name, layer in layers.items()}
    compared, edge, _ = figures.spectra_by_layer(layers, curves, "").axes
    first = [] if not converged else [(1, 5.0, 5e-3)]
    rest = [(1, 0.5, 5e-4), (2, 4.0, 4e-3)]
    known = [mark for mark in marks(edge) if mark[1] > 1e-3]
    np.testing.assert_allclose(known, sorted(first + rest))
    # One is zero within its error.
    assert len(marks(edge)) == len(known) + 1 and edge.get_ylim()[0] < 0
    assert ("1 not converged" in edge.get_title()) != converged
    (_, _, (bars,)) = compared.containers[0]
    assert np.ptp(bars.get_segments()[0][:, 0]) == pytest.approx(2 * 2 * 0.25)
    assert len(compared.containers) == 3 + converged


def test_the_last_accuracy_of_a_training_is_within_the_axes():
    lines = [
        {"step": step, "split": split, "loss": 1.0, "accuracy": value, "sparsity": 0.5}
        for step, value in enumerate((0.97, 0.6))
        for split in ("train", "test")
    ]
    _, accuracy = figures.training({"pruned": [lines]}).axes
    assert accuracy.get_ylim()[0] < 60


def test_a_training_that_begins_near_its_end_fills_the_axis_of_accuracy():
    lines = [
        {"step": step, "split": split, "loss": 1.0, "accuracy": value, "sparsity": 0.0}
        for step, value in enumerate((0.96, 0.98))
        for split in ("train", "test")
    ]
    _, accuracy = figures.training({"small": [lines]}).axes
    assert accuracy.get_ylim() == (95, 99)


def test_dead_units_are_counted_dated_and_marked():
    rows = {
        "Dense_0": {
            "units": 4,
            "counts": {"train": [0, 1, 2], "test": [0, 0, 1]},
            "since": {"train": [None, 10, 20, None], "test": [None, 20, None, None]},
        },
        "Dense_1": {
            "units": 2,
            "counts": {"train": [2, 1, 2], "test": [0, 0, 0]},
            "since": {"train": [0, 20], "test": [None, None]},
        },
    }
    found = {
        "steps": [0, 10, 20],
        "tolerance": 1e-4,
        "groups": rows,
        "correlations": {"norm": {"Dense_0": 0.25, "Dense_1": None}},
    }
    penalties = {"Dense_0": np.array([1e-2, 0, 5e-5, 1]), "Dense_1": np.zeros(2)}
    figure = figures.dead_units(found, penalties, "units")
    over, since, each, scores, *_ = figure.axes
    curves = {line.get_label(): line.get_ydata().tolist() for line in over.lines}
    assert curves["Dense_0"] == [0, 25, 50] and curves["Dense_1"] == [100, 50, 100]
    assert curves["all layers"] == pytest.approx([100 / 3, 100 / 3, 200 / 3])
    assert {"training examples", "test examples"} <= curves.keys()
    parts = [round(bar.get_width()) for bar in since.patches]
    assert parts == [0, 25, 25, 50, 50, 0, 50, 0]
    assert {"2 of 4", "2 of 2"} <= {text.get_text() for text in since.texts}
    drawn = {line.get_color(): line.get_ydata() for line in each.lines[:2]}
    dead, alive = drawn.values()
    assert alive.tolist() == [1e-2, 1] and (dead < 1e-4).all() and len(dead) == 2
    assert [text.get_text() for text in scores.texts] == ["0.25", "-"]


def test_a_smaller_network_has_its_layers_before_and_after_and_each_rounds_accuracy():
    before, after = {"Conv_0": 8, "Dense_0": 64}, {"Conv_0": 3, "Dense_0": 20}
    figure = figures.shrinking(
        before, after, [1, 0.5, 0.2], [0.6, 0.3], [0.9, 0.8, 0.7]
    )
    bars, curve = figure.axes
    widths = [[bar.get_width() for bar in bars_of] for bars_of in bars.containers]
    assert widths == [[8, 64], [3, 20]]
    assert [text.get_text() for text in bars.texts] == [" 3 of 8", " 20 of 64"]
    np.testing.assert_allclose(curve.lines[0].get_ydata(), [90, 80, 70])
    np.testing.assert_allclose(curve.lines[0].get_xdata(), [1, 0.5, 0.2])
    points = [line.get_ydata() for line in curve.lines if line.get_mfc() == "white"]
    np.testing.assert_allclose(np.concatenate(points), [60, 30])
    assert [tick.get_text() for tick in curve.get_xticklabels()] == ["20", "50", "100"]


def followed(values, stability="2 / lr"):
    """What `figures.edges_over_steps` takes of one run."""
    found = {"steps": [0, 10, 20], "loss": [2.0, 1.0, 0.5], "stability": stability}
    for end, sign in (("largest", 1), ("smallest", -0.1)):
        found[end] = [sign * value for value in values]
        found[f"{end}_errors"] = [1e-3] * 3
        found[f"{end}_converged"] = [True, True, end == "smallest"]
    limits = {"threshold_steps": np.arange(21), "thresholds": np.full(21, 20.0)}
    return found | (limits if stability else {})


def test_edges_over_steps_have_thresholds_and_mark_what_has_not_converged():
    found = {"a": followed([1.0, 5.0, 3.0]), "b": followed([2.0, 2.0, 2.0])}
    figure = figures.edges_over_steps(found, "")
    large, small, loss = figure.axes
    hollow = [line for line, *_ in large.containers if line.get_mfc() == "white"]
    assert [line.get_xydata().tolist() for line in hollow] == [[[20, 3]], [[20, 2]]]
    assert len(small.containers) == len(loss.lines) == 2
    # Both have the same threshold: it is drawn once, and lies within the axis.
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["a", "b", "threshold 2 / lr", "not converged"]
    assert large.get_ylim()[0] < 1 and large.get_ylim()[1] > 20
    adam = figures.edges_over_steps({"a": followed([1.0, 5.0, 3.0], None)}, "")
    assert (
        len(adam.axes[0].lines) < len(large.lines) and adam.axes[0].get_ylim()[1] < 20
    )


def test_a_threshold_that_leaves_the_axis_has_a_mark_where_it_does():
    growing = followed([1.0, 5.0, 3.0]) | {"thresholds": 2.0 * np.exp(np.arange(21))}
    figure = figures.edges_over_steps({"a": growing}, "")
    large = figure.axes[0]
    (mark,) = [line for line in large.lines if line.get_marker() == "^"]
    top = large.get_ylim()[1]
    # 2 exp(2) is below 15, and 2 exp(3) above it.
    assert mark.get_xydata().tolist() == [[3.0, top]] and 14 < top < 16
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "threshold leaves the axis" in names


def test_a_smallest_eigenvalue_within_its_error_is_drawn_at_zero():
    found = followed([1.0, 5.0, 3.0]) | {"smallest": [-1e-9, 1e-7, -2e-9]}
    found |= {"smallest_errors": [1e-6] * 3}
    small = figures.edges_over_steps({"a": found}, "").axes[1]
    assert [y for _, y, _ in marks(small)] == [0, 0, 0]
    low, high = small.get_ylim()
    assert low <= -5e-4 and high >= 5e-4


def test_spectra_of_runs_lie_over_each_other():
    runs = {"a": spectrum([5.0, 4.0], [-1.0]), "b": spectrum([0.5, 1e-9], [-2.0])}
    curves = {name: run["curve"] for name, run in runs.items()}
    large, small, density = figures.spectra_of_runs(runs, curves, "").axes
    known = [(1, 0.5, 5e-4), (1, 5.0, 5e-3), (2, 0.0, 1e-6), (2, 4.0, 4e-3)]
    np.testing.assert_allclose(marks(large), known, atol=1e-8)
    assert [mark[:2] for mark in marks(small)] == [(1, -2.0), (1, -1.0)]
    assert sum(len(line.get_xdata()) == 50 for line in density.lines) == 2
