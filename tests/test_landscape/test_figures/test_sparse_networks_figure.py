"""The figure of sparse networks: what its bars, marks and titles are."""

import numpy as np
import pytest

from landscape import figures
from landscape.figures import bars


def run_of(name, kept, relative, earlier=()):
    layers = [
        {"layer": f"Dense_{i}", "size": 100, "kept": n, "flops": 9, "flops_kept": 3}
        for i, n in enumerate(kept)
    ]  # fmt: skip
    return {
        "run": name, "layers": layers, "density": sum(kept) / (100 * len(kept)),
        "training": {"relative": relative, "dense": 1000.0, "steps": 9},
        "earlier": [{"flops": x} for x in earlier],
        "gradients": [
            {"step": step, "norm": 1.0 + step, "before": None} for step in (0, 9)
        ],
    }  # fmt: skip


def pair_of(first, second, values):
    layers = [
        {"layer": f"Dense_{i}", "jaccard": v, "chance_jaccard": 0.1}
        for i, v in enumerate(values)
    ]
    return {"runs": [first, second], "layers": layers}


# Fastest call, quartile, median, quartile.
SECONDS = {
    name: [1e-5, 2e-5, 3e-5, 5e-5] for name in ("dense", "masked", "NumPy", "sparse")
}
SAVED = {
    "sizes": {"dense": 100, "compressed": 20, "sparse": 30},
    "times": {size: {"seconds": SECONDS} for size in ("1", "128")},
}
RUNS = (
    run_of("runs/a/lottery", (20, 40), 0.3, earlier=(500.0, 1000.0)),
    run_of("runs/a/static", (30, 30), 0.25),
)


@pytest.fixture(scope="module")
def panels():
    found = {
        "found": RUNS, "savings": SAVED,
        "overlaps": [pair_of("runs/a/lottery", "runs/a/static", (0.2, 0.25))],
    }  # fmt: skip
    return figures.sparsity(found, "title").axes


def heights(axes):
    return [bar.get_height() for bar in axes.patches]


def test_fractions_are_bars_from_zero(panels):
    density, *_ = panels
    assert density.get_yscale() == "linear" and density.get_ylim()[0] == 0
    assert heights(density) == pytest.approx([20, 40, 30, 30])


def test_the_training_of_a_run_stands_on_those_that_it_starts_from(panels):
    cost = panels[1]
    on_top = [bar for bar in cost.patches if bar.get_y() > 0]
    assert [(bar.get_y(), bar.get_height()) for bar in on_top] == [(30, 150)]
    # The value is that of both.
    texts = [text.get_text() for text in cost.texts]
    assert texts == ["30", "33.3", "180", "20", "30", "30", "33.3", "25"]
    assert cost.get_ylim()[1] > 180
    names = [text.get_text() for text in cost.get_legend().get_texts()]
    assert names == ["lottery", "static", "runs that it starts from"]


def test_times_are_medians_with_the_fastest_call_marked(panels):
    time = panels[2]
    assert heights(time) == pytest.approx([30] * 8)
    marks = [line for line in time.lines if line.get_marker() == "D"]
    assert np.concatenate([x.get_ydata() for x in marks]) == pytest.approx([10] * 8)


def test_pairs_have_colours_of_their_own_and_an_axis_of_their_values(panels):
    density, overlap = panels[0], panels[3]
    ours, theirs = (
        {bar.get_facecolor() for bar in axes.patches} for axes in (overlap, density)
    )
    assert not ours & theirs
    assert 0.25 < overlap.get_ylim()[1] < 0.3


def test_two_states_are_points_and_a_panel_without_content_is_not_drawn():
    found = {"found": RUNS[:1], "savings": None, "overlaps": []}
    axes = figures.sparsity(found, "title").axes
    assert len(axes) == 3
    assert [line.get_linestyle() for line in axes[2].lines] == ["None"]


def test_runs_of_one_family_have_bars_of_two_colours():
    runs = [run_of(f"a/{name}", (20,), 0.3) for name in ("scratch", "restart", "set")]
    found = {"found": runs, "savings": None, "overlaps": []}
    density, cost, _ = figures.sparsity(found, "title").axes
    first, *others = (bar.get_facecolor() for bar in density.patches)
    assert len({first, *others}) == 3
    assert [cost.patches[i].get_facecolor() for i in (0, 3, 6)] == [first, *others]


def test_values_are_at_all_bars_or_at_none(panels):
    assert all(axes.texts for axes in panels)
    many = [run_of(f"runs/{i}", (20, 40), 0.3) for i in range(9)]
    found = {
        "found": many, "savings": SAVED,
        "overlaps": [pair_of("runs/0", "runs/1", (0.2, 0.25))] * 7,
    }  # fmt: skip
    axes = figures.sparsity(found, "title").axes
    assert not any(each.texts for each in axes)
    assert "1 pair not shown" in axes[3].get_title()


def test_names_are_as_long_as_they_need_to_be():
    assert bars.short_names(["x/a/set", "x/b/set", "x/b/rigl"]) == [
        "a/set", "b/set", "b/rigl",
    ]  # fmt: skip
    assert bars.short_names(["a", "a"]) == ["a", "a"]
    assert len(bars.short_name("x/" + 60 * "a")) == 40


def test_of_a_dense_run_no_bars_of_100_percent_are_drawn():
    dense = {"found": [run_of("dense", (100, 100), 1.0)], "savings": None}
    size, norm = figures.sparsity(dense | {"overlaps": []}, "title").axes
    assert heights(size) == [100, 100] and size.get_ylabel() == "weights"
    assert "gradient" in norm.get_title()
