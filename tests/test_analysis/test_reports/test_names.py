"""Labels of the curves: short, and different for different runs."""

from pathlib import Path

from analysis.programs.runs.means import Group
from analysis.programs.runs.rows import Row
from analysis.reports import names


def group(folder, **values):
    row = Row(Path(folder), values, tuple(values), folder, True)
    return Group([row], values, {})


def labels(*groups):
    differing = ("learning_rate", "widths")
    short = {g.rows[0].folder: g.rows[0].folder.name for g in groups}
    return names.labels(groups, differing, short)


def test_a_label_has_what_differs_among_runs_of_its_method():
    found = labels(
        group("a", method="rigl", learning_rate=0.1, widths=[8]),
        group("b", method="rigl", learning_rate=0.3, widths=[8]),
        group("c", method="set", learning_rate=0.1, widths=[]),
    )
    assert found == (["rigl, learning rate 0.1", "rigl, learning rate 0.3", "set"], {})


def test_runs_that_nothing_tells_apart_have_their_names():
    found = labels(group("x/a", method="imp"), group("x/b", method="imp"))
    assert found == (["imp (a)", "imp (b)"], {})


def test_long_labels_are_numbers_with_a_key():
    name = "level-" + "9" * names.LONGEST
    found, keys = labels(group(name, method="imp"), group("x/b", method="imp"))
    assert found == ["imp 1", "imp 2"]
    assert keys == {"imp 1": f"imp ({name})", "imp 2": "imp (b)"}
